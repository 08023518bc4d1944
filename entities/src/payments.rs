//! One row an order: the purchase as it was agreed, and the state of its money.
//!
//! Invariant: whoever changes a row does it `WHERE version = ?` and raises `version` if the status
//! document of the order changes.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payments")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The order's name everywhere outside; a blob of 16 bytes on SQLite.
    #[sea_orm(unique)]
    pub order_id: Uuid,
    /// `PENDING`, `COMPLETED`, `FAILED`, `CANCELLED`, `EXPIRED`, `HELD` or `REFUNDED`.
    pub status: String,
    /// Starts at 1.
    pub version: i32,
    /// `255[67]XXXXXXXX`: who gets the prompt, the text and the voucher.
    pub phone: String,
    pub customer_name: Option<String>,
    /// The device that it was bought from: a MAC address in twelve lower-case hex digits.
    pub device_mac: Option<String>,
    /// `sw` or `en`: the language in which this customer is written to.
    pub language: String,
    #[sea_orm(unique)]
    pub idempotency_key: Option<String>,

    // The package as it was at that moment.
    pub package_id: i64,
    pub package_code: String,
    pub package_name_sw: String,
    pub package_name_en: String,
    /// The price agreed, whole units of `currency`.
    pub amount: i64,
    pub currency: String,
    pub duration_minutes: i32,
    pub validity: String,
    pub data_limit_mb: Option<i32>,
    pub download_kbps: i32,
    pub upload_kbps: i32,
    pub shared_devices: i32,

    /// What the webhook URL of this order, and of no other, carries as proof.
    pub webhook_secret: String,
    /// The secret part of the link in the SMS; None for orders from before there was one.
    #[sea_orm(unique)]
    pub owner_token: Option<String>,

    // What ZenoPay has told us.
    /// Whole TZS; None while unpaid, or when no amount was told.
    pub paid_amount: Option<i64>,
    pub reference: Option<String>,
    pub transid: Option<String>,
    pub channel: Option<String>,
    /// Who paid, which need not be `phone`.
    pub payer_msisdn: Option<String>,
    /// Why it is not sold: one of the contract's words, as in `no_funds`.
    pub failure_reason: Option<String>,
    /// What the gateway wrote when it refused, as it was sent.
    pub gateway_word: Option<String>,
    /// What the operator typed who paid back or refused; for admins alone.
    pub operator_reason: Option<String>,

    pub created_at: DateTimeUtc,
    /// When PENDING becomes EXPIRED.
    pub deadline_at: DateTimeUtc,
    /// When the reconciler next looks at this order; None is never. A lease moves it forward.
    pub due_at: Option<DateTimeUtc>,
    /// How often order-status has been asked.
    pub asks: i32,
    /// When we learned that it was paid.
    pub confirmed_at: Option<DateTimeUtc>,
    /// When the sale was committed.
    pub processed_at: Option<DateTimeUtc>,
    /// When order-status, and not only a webhook, said that it was paid.
    pub gateway_confirmed_at: Option<DateTimeUtc>,
    /// When an operator recorded that the money went back.
    pub refunded_at: Option<DateTimeUtc>,
    /// When the voucher's code was last replaced.
    pub reissued_at: Option<DateTimeUtc>,

    #[sea_orm(has_one)]
    pub invoice: HasOne<super::invoices::Entity>,
    #[sea_orm(has_one)]
    pub voucher: HasOne<super::vouchers::Entity>,
    #[sea_orm(has_many)]
    pub sms_messages: HasMany<super::sms_messages::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
