//! Which sold voucher is tested next.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use super::{Store, StoreError};
use crate::domain::ids::OrderId;
use crate::domain::voucher::VoucherCode;

impl Store {
    /// The newest voucher that was sold in the last `fresh` before `now` (the database's
    /// clock) and of whose test the timeline says nothing yet. `kinds` are the words for it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn untested_voucher(
        &self,
        now: DateTime<Utc>,
        fresh: TimeDelta,
        kinds: [&'static str; 3],
    ) -> Result<Option<(OrderId, VoucherCode)>, StoreError> {
        let store = self.clone();
        self.read(async move {
            // Only the last few rows: a shop that sells faster is tested by samples.
            let sql = "SELECT v.code AS code, p.order_id AS order_id FROM vouchers v \
                       JOIN payments p ON p.id = v.payment_id \
                       WHERE v.id > (SELECT COALESCE(MAX(id), 0) - 20 FROM vouchers) \
                       AND v.issued_at >= $1 AND v.revoked_at IS NULL \
                       AND NOT EXISTS (SELECT 1 FROM order_events e \
                           WHERE e.order_id = p.order_id AND e.kind IN ($2, $3, $4)) \
                       ORDER BY v.id DESC LIMIT 1";
            let [first, second, third] = kinds.map(Into::into);
            let values = [(now - fresh).into(), first, second, third];
            let ask = Statement::from_sql_and_values(store.backend(), sql, values);
            let Some(row) = store.inner.reader.query_one_raw(ask).await? else {
                return Ok(None);
            };
            let order_id: Uuid = row.try_get("", "order_id")?;
            let code: String = row.try_get("", "code")?;
            Ok(Some((OrderId(order_id), VoucherCode::from_stored(code))))
        })
        .await
    }
}
