//! What a customer leaves behind beside the books: texts, devices, what ZenoPay wrote of them.

use entities::{
    audit_events, gateway_calls, order_events, outbox_messages, radacct, radpostauth,
    sandbox_payments, sandbox_webhooks, sms_messages, vouchers, webhook_deliveries,
};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter,
};

use super::Order;
use super::mentions::ERASED;
use crate::store::StoreError;

/// Texts to the guest; how many.
pub(super) async fn forget_sms(
    txn: &DatabaseTransaction,
    orders: &[Order],
    nobody: &str,
) -> Result<u64, StoreError> {
    let of_orders = sms_messages::Column::PaymentId.is_in(orders.iter().map(|(id, _, _)| *id));
    // What has not left yet stays here.
    sms_messages::Entity::update_many()
        .col_expr(sms_messages::Column::State, Expr::value("dead"))
        .filter(of_orders.clone())
        .filter(sms_messages::Column::State.is_in(["queued", "failed"]))
        .exec(txn)
        .await?;
    let done = sms_messages::Entity::update_many()
        .col_expr(sms_messages::Column::Phone, Expr::value(nobody))
        .col_expr(sms_messages::Column::Body, Expr::value(""))
        .col_expr(
            sms_messages::Column::ReceiptDetail,
            Expr::value(Option::<String>::None),
        )
        .col_expr(
            sms_messages::Column::ProviderMessageId,
            Expr::value(Option::<String>::None),
        )
        .col_expr(
            sms_messages::Column::LastError,
            Expr::value(Option::<String>::None),
        )
        .filter(of_orders)
        .exec(txn)
        .await?;
    Ok(done.rows_affected)
}

/// Devices that were on-line: their addresses are a person's.
pub(super) async fn forget_devices(
    txn: &DatabaseTransaction,
    sold: &[vouchers::Model],
) -> Result<(), StoreError> {
    let codes = || sold.iter().map(|voucher| voucher.code.as_str());
    // FreeRADIUS's own schemas differ in what they call nothing.
    let nothing = match txn.get_database_backend() {
        DbBackend::Postgres => "NULL",
        _ => "''",
    };
    radacct::Entity::update_many()
        .col_expr(radacct::Column::Callingstationid, Expr::cust(nothing))
        .col_expr(radacct::Column::Framedipaddress, Expr::cust(nothing))
        .filter(radacct::Column::Username.is_in(codes()))
        .exec(txn)
        .await?;
    radpostauth::Entity::delete_many()
        .filter(radpostauth::Column::Username.is_in(codes()))
        .exec(txn)
        .await?;
    // The router knows the session by its number.
    outbox_messages::Entity::update_many()
        .col_expr(
            outbox_messages::Column::DeviceStation,
            Expr::value(Option::<String>::None),
        )
        .col_expr(
            outbox_messages::Column::DeviceAddress,
            Expr::value(Option::<String>::None),
        )
        .col_expr(
            outbox_messages::Column::LastError,
            Expr::value(Option::<String>::None),
        )
        .col_expr(
            outbox_messages::Column::Result,
            Expr::value(Option::<String>::None),
        )
        .filter(outbox_messages::Column::VoucherCode.is_in(codes()))
        .exec(txn)
        .await?;
    // An operator may have typed it.
    vouchers::Entity::update_many()
        .col_expr(vouchers::Column::RevokedReason, Expr::value(ERASED))
        .filter(vouchers::Column::Id.is_in(sold.iter().map(|voucher| voucher.id)))
        .filter(vouchers::Column::RevokedReason.is_not_null())
        .exec(txn)
        .await?;
    Ok(())
}

/// What ZenoPay sent and what we asked it.
pub(super) async fn forget_papers(
    txn: &DatabaseTransaction,
    orders: &[Order],
    nobody: &str,
) -> Result<(), StoreError> {
    let ids = || orders.iter().map(|(_, order_id, _)| *order_id);
    let names = || ids().map(|order_id| order_id.to_string());
    webhook_deliveries::Entity::update_many()
        .col_expr(
            webhook_deliveries::Column::Body,
            Expr::value(Vec::<u8>::new()),
        )
        .filter(webhook_deliveries::Column::OrderId.is_in(names()))
        .exec(txn)
        .await?;
    gateway_calls::Entity::update_many()
        .col_expr(
            gateway_calls::Column::Detail,
            Expr::value(Option::<String>::None),
        )
        .filter(gateway_calls::Column::OrderId.is_in(ids()))
        .exec(txn)
        .await?;
    // What happened stays as its kind; a sentence may hold what ZenoPay or an operator wrote.
    order_events::Entity::update_many()
        .col_expr(order_events::Column::Summary, Expr::value(ERASED))
        .filter(order_events::Column::OrderId.is_in(ids()))
        .exec(txn)
        .await?;
    audit_events::Entity::update_many()
        .col_expr(
            audit_events::Column::Detail,
            Expr::value(Option::<String>::None),
        )
        .filter(audit_events::Column::OrderId.is_in(ids()))
        .exec(txn)
        .await?;
    // One that has not come yet is found by asking.
    sandbox_webhooks::Entity::delete_many()
        .filter(sandbox_webhooks::Column::OrderId.is_in(names()))
        .exec(txn)
        .await?;
    sandbox_payments::Entity::update_many()
        .col_expr(sandbox_payments::Column::BuyerPhone, Expr::value(nobody))
        .col_expr(
            sandbox_payments::Column::Metadata,
            Expr::value(Option::<String>::None),
        )
        .filter(sandbox_payments::Column::OrderId.is_in(names()))
        .exec(txn)
        .await?;
    Ok(())
}
