//! One row per order: the agreed purchase, and the state of its payment.
//!
//! # Invariants
//! Every update of a row has `WHERE version = ?`, and raises `version` if the order's status document
//! changes.

use sea_orm::entity::prelude::*;

hidden_debug!();

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payments")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The order's public id; a blob of 16 bytes on SQLite.
    #[sea_orm(unique)]
    pub order_id: Uuid,
    /// `PENDING`, `COMPLETED`, `FAILED`, `CANCELLED`, `EXPIRED`, `HELD` or `REFUNDED`.
    pub status: String,
    /// Starts at 1.
    pub version: i32,
    /// `255[67]XXXXXXXX`: the phone that gets the prompt and the SMS.
    pub phone: String,
    pub customer_name: Option<String>,
    /// The buying device: a MAC address in twelve lower-case hex digits.
    pub device_mac: Option<String>,
    /// A hash of the phone and of the client's address: one client's orders of one phone have the same.
    pub client_hash: Option<String>,
    /// The language of the SMS: `sw` or `en`.
    pub language: String,
    #[sea_orm(unique)]
    pub idempotency_key: Option<String>,

    // The package at the time of the purchase.
    pub package_id: i64,
    pub package_code: String,
    pub package_name_sw: String,
    pub package_name_en: String,
    /// The agreed price, in whole units of `currency`.
    pub amount: i64,
    pub currency: String,
    pub duration_minutes: i32,
    pub validity: String,
    pub data_limit_mb: Option<i32>,
    pub download_kbps: i32,
    pub upload_kbps: i32,
    pub shared_devices: i32,

    /// The secret in this order's webhook URL.
    pub webhook_secret: String,
    /// The secret in the link of the SMS; None for orders from before it existed.
    #[sea_orm(unique)]
    pub owner_token: Option<String>,

    // Reported by ZenoPay.
    /// Whole TZS; None while unpaid, or if no amount was reported.
    pub paid_amount: Option<i64>,
    pub reference: Option<String>,
    pub transid: Option<String>,
    pub channel: Option<String>,
    /// The paying phone, which may differ from `phone`.
    pub payer_msisdn: Option<String>,
    /// Why it is not sold: one of the API's words, for example `no_funds`.
    pub failure_reason: Option<String>,
    /// The gateway's text about a refusal, as received.
    pub gateway_word: Option<String>,
    /// The reason that an operator typed for a refund or a refusal; only for admins.
    pub operator_reason: Option<String>,

    pub created_at: DateTimeUtc,
    /// When PENDING becomes EXPIRED.
    pub deadline_at: DateTimeUtc,
    /// When the reconciler next checks this order; None is never. A lease moves it forward.
    pub due_at: Option<DateTimeUtc>,
    /// Number of status checks.
    pub asks: i32,
    /// When the payment became known.
    pub confirmed_at: Option<DateTimeUtc>,
    /// When the sale was committed.
    pub processed_at: Option<DateTimeUtc>,
    /// When order-status confirmed the payment.
    pub gateway_confirmed_at: Option<DateTimeUtc>,
    /// When an operator recorded the refund.
    pub refunded_at: Option<DateTimeUtc>,
    /// When the voucher's code was last replaced.
    pub reissued_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(has_one = "super::vouchers::Entity")]
    Voucher,
}

impl Related<super::vouchers::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Voucher.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
