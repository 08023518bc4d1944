//! The outbox of Disconnect-Requests, one for each session that must end. They are written in the
//! transaction that ends the voucher and sent later by the relay.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox_messages")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// `disconnect`.
    pub kind: String,
    /// Identifies the session, so that it has one row.
    #[sea_orm(unique)]
    pub reference: String,
    /// None for a printed voucher.
    pub order_id: Option<Uuid>,
    /// Why the session must end, as in `refunded`, `revoked` or `ended`; or that it is reported again:
    /// `reported again`, `still reported` and `reported on and on`, in this order.
    pub reason: String,
    pub voucher_code: String,
    /// The router's `NAS-IP-Address`.
    pub router: String,
    /// The router's session id.
    pub session_id: String,
    pub device_address: Option<String>,
    pub device_station: Option<String>,
    /// `queued`, `sent`, `failed` (will be tried again) or `dead`.
    pub state: String,
    pub attempts: i32,
    /// When the next attempt is due; a lease moves it forward.
    pub due_at: DateTimeUtc,
    /// `acknowledged`, `was_gone` or `refused`.
    pub result: Option<String>,
    pub last_error: Option<String>,
    pub created_at: DateTimeUtc,
    pub sent_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
