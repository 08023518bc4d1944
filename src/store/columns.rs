//! Types of the domain as columns, so that rows can be read as the structs that callers want.

use sea_orm::{ColIdx, DbErr, QueryResult, TryGetError, TryGetable};
use uuid::Uuid;

use crate::domain::access::voucher::VoucherCode;
use crate::domain::catalog::money::Tzs;
use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::Status;
use crate::domain::people::phone::Phone;

/// Reads a column of type `$stored`, from which `$read` makes the value.
macro_rules! column {
    ($type:ty, $stored:ty, $read:expr) => {
        impl TryGetable for $type {
            fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
                $read(<$stored>::try_get_by(row, index)?)
            }
        }
    };
}

column!(OrderId, Uuid, |id| Ok(OrderId(id)));
column!(Tzs, i64, |amount| Ok(Tzs(amount)));
column!(Phone, String, |text| Ok(Phone::from_stored(text)));
column!(VoucherCode, String, |text| Ok(VoucherCode::from_stored(
    text
)));
column!(Status, String, |word: String| {
    let unknown = || TryGetError::DbErr(DbErr::Type(format!("status {word:?}")));
    Status::read(&word).ok_or_else(unknown)
});
