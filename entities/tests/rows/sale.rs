//! The rows of a sale.

use entities::{customers, invoices, packages, payments, sms_messages, vouchers};
use sea_orm::prelude::{DateTimeUtc, Uuid};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseConnection, EntityTrait, ModelTrait, NotSet,
    QueryFilter, Set,
};

use crate::{ORDER, at};

pub(crate) async fn a_sale_is_kept(db: &DatabaseConnection) {
    let daily = packages::Entity::find()
        .filter(packages::Column::Code.eq("daily"))
        .one(db)
        .await;
    assert_eq!(daily.unwrap().unwrap().price, 2000);
    customers::ActiveModel {
        id: NotSet,
        phone: Set("255712345678".to_owned()),
        name: Set(None),
        orders_paid: Set(1),
        total_paid: Set(2000),
        first_paid_at: Set(at(0, 0)),
        last_paid_at: Set(at(0, 0)),
    }
    .insert(db)
    .await
    .unwrap();
    let payment = payment(ORDER, at(0, 123_456)).insert(db).await.unwrap();
    assert_eq!(payment.order_id, ORDER);
    assert_eq!(payment.asks, 0, "the database's default");
    assert_eq!(payment.created_at, at(0, 123_456));

    invoice(payment.id).insert(db).await.unwrap();
    assert!(
        invoice(payment.id).insert(db).await.is_err(),
        "one a payment"
    );
    vouchers::ActiveModel {
        id: NotSet,
        code: Set("K7QMX2PA".to_owned()),
        payment_id: Set(Some(payment.id)),
        former_payment_id: Set(None),
        batch_id: Set(None),
        package_code: Set("daily".to_owned()),
        duration_minutes: Set(1440),
        validity: Set("purchase".to_owned()),
        data_limit_mb: Set(None),
        shared_devices: Set(1),
        issued_at: Set(at(0, 0)),
        expires_at: Set(Some(at(86_400, 0))),
        revoked_at: Set(None),
        revoked_reason: Set(None),
    }
    .insert(db)
    .await
    .unwrap();
    assert_eq!(queue_text(db, payment.id).await, 1);
    assert_eq!(
        queue_text(db, payment.id).await,
        0,
        "the text was queued already"
    );

    let voucher = payment.find_related(vouchers::Entity).one(db).await;
    assert_eq!(voucher.unwrap().unwrap().code, "K7QMX2PA");
    let found = vouchers::Entity::find()
        .filter(vouchers::Column::Code.eq("K7QMX2PA"))
        .find_also_related(payments::Entity)
        .one(db)
        .await;
    assert_eq!(found.unwrap().unwrap().1.unwrap(), payment);
    let found = payments::Entity::find()
        .filter(payments::Column::OrderId.eq(ORDER))
        .one(db)
        .await;
    assert_eq!(found.unwrap().unwrap(), payment);
}

async fn queue_text(db: &DatabaseConnection, payment_id: i64) -> u64 {
    let text = sms_messages::ActiveModel {
        id: NotSet,
        payment_id: Set(payment_id),
        kind: Set("voucher".to_owned()),
        phone: Set("255712345678".to_owned()),
        language: Set("sw".to_owned()),
        body: Set("Karibu".to_owned()),
        reference: Set("m-1-voucher".to_owned()),
        state: Set("queued".to_owned()),
        attempts: Set(0),
        due_at: Set(at(0, 0)),
        provider: Set(None),
        provider_message_id: Set(None),
        last_error: Set(None),
        created_at: Set(at(0, 0)),
        sent_at: Set(None),
        parts: Set(1),
        receipt: Set(None),
        receipt_detail: Set(None),
        receipt_at: Set(None),
        receipt_due_at: Set(None),
    };
    sms_messages::Entity::insert(text)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(db)
        .await
        .unwrap()
}

pub(crate) fn payment(order_id: Uuid, created_at: DateTimeUtc) -> payments::ActiveModel {
    payments::ActiveModel {
        order_id: Set(order_id),
        status: Set("PENDING".to_owned()),
        version: Set(1),
        phone: Set("255712345678".to_owned()),
        language: Set("sw".to_owned()),
        package_id: Set(2),
        package_code: Set("daily".to_owned()),
        package_name_sw: Set("Siku moja".to_owned()),
        package_name_en: Set("One day".to_owned()),
        amount: Set(2000),
        currency: Set("TZS".to_owned()),
        duration_minutes: Set(1440),
        validity: Set("purchase".to_owned()),
        download_kbps: Set(5120),
        upload_kbps: Set(2048),
        shared_devices: Set(1),
        webhook_secret: Set("secret".to_owned()),
        created_at: Set(created_at),
        deadline_at: Set(at(300, 0)),
        ..Default::default()
    }
}

fn invoice(payment_id: i64) -> invoices::ActiveModel {
    invoices::ActiveModel {
        id: NotSet,
        number: Set("2026-000001".to_owned()),
        payment_id: Set(payment_id),
        customer_phone: Set("255712345678".to_owned()),
        customer_name: Set(None),
        package_code: Set("daily".to_owned()),
        description: Set("Siku moja".to_owned()),
        amount: Set(2000),
        currency: Set("TZS".to_owned()),
        issued_at: Set(at(0, 0)),
    }
}
