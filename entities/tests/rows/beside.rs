//! Rows that are not part of a sale: journals, operators, RADIUS, the sandbox.

use entities::{
    audit_events, gateway_calls, login_failures, nas, operator_devices, operator_recovery_codes,
    operator_sessions, operator_tokens, operators, order_events, outbox_messages, radcheck,
    radgroupcheck, radgroupreply, radpostauth, radreply, radusergroup, sandbox_payments,
    sandbox_switches, sandbox_webhooks, webhook_deliveries,
};
use sea_orm::{ActiveModelTrait, DatabaseConnection, EntityTrait, NotSet, PaginatorTrait, Set};

use crate::{ORDER, at};

pub(crate) async fn journals_are_kept(db: &DatabaseConnection) {
    let delivery = webhook_deliveries::ActiveModel {
        id: NotSet,
        order_id: Set(Some("not a uuid".to_owned())),
        outcome: Set("unknown_order".to_owned()),
        proof: Set(Some("key".to_owned())),
        source: Set(None),
        word: Set(Some("COMPLETED".to_owned())),
        reference: Set(None),
        amount: Set(None),
        received_at: Set(at(0, 0)),
        processing_ms: Set(1.25),
        content_type: Set(None),
        body: Set(vec![0, 255, b'{']),
    }
    .insert(db)
    .await
    .unwrap();
    let kept = webhook_deliveries::Entity::find_by_id(delivery.id);
    assert_eq!(kept.one(db).await.unwrap().unwrap().body, [0, 255, b'{']);
    gateway_calls::ActiveModel {
        id: NotSet,
        order_id: Set(ORDER),
        kind: Set("order_status".to_owned()),
        at: Set(at(0, 0)),
        duration_ms: Set(12.5),
        http_status: Set(Some(200)),
        answer: Set("paid".to_owned()),
        detail: Set(None),
    }
    .insert(db)
    .await
    .unwrap();
    order_events::ActiveModel {
        id: NotSet,
        order_id: Set(ORDER),
        at: Set(at(0, 0)),
        kind: Set("second_charge".to_owned()),
        level: Set("alert".to_owned()),
        summary: Set("paid twice".to_owned()),
        reference: Set(Some("R2".to_owned())),
    }
    .insert(db)
    .await
    .unwrap();
    let event = audit_events::ActiveModel {
        id: NotSet,
        at: Set(at(0, 0)),
        operator: Set("asha".to_owned()),
        action: Set("replay".to_owned()),
        order_id: Set(Some(ORDER)),
        subject: Set("delivery 1".to_owned()),
        detail: Set(None),
    }
    .insert(db)
    .await
    .unwrap();
    assert_eq!(event.order_id, Some(ORDER));
}

pub(crate) async fn operators_are_kept(db: &DatabaseConnection) {
    operators::ActiveModel {
        id: NotSet,
        name: Set("asha".to_owned()),
        role: Set("admin".to_owned()),
        created_at: Set(at(0, 0)),
        disabled_at: Set(None),
        password_hash: Set(Some("hash".to_owned())),
        password_once: Set(true),
        totp_secret: Set(None),
        totp_confirmed: Set(false),
        totp_last_step: Set(i64::MAX),
    }
    .insert(db)
    .await
    .unwrap();
    operator_tokens::ActiveModel {
        id: NotSet,
        operator: Set("asha".to_owned()),
        label: Set("first".to_owned()),
        token_hash: Set("hash".to_owned()),
        created_at: Set(at(0, 0)),
        last_used_at: Set(None),
        revoked_at: Set(None),
    }
    .insert(db)
    .await
    .unwrap();
    operator_recovery_codes::ActiveModel {
        operator: Set("asha".to_owned()),
        code_hash: Set("hash".to_owned()),
    }
    .insert(db)
    .await
    .unwrap();
    operator_devices::ActiveModel {
        device_hash: Set("hash".to_owned()),
        operator: Set("asha".to_owned()),
        last_used_at: Set(at(0, 0)),
    }
    .insert(db)
    .await
    .unwrap();
    operator_sessions::ActiveModel {
        id: NotSet,
        operator: Set("asha".to_owned()),
        token_hash: Set(None),
        network: Set("192.0.2.1".to_owned()),
        browser: Set("Firefox, Linux".to_owned()),
        must_change: Set(true),
        session_hash: Set("hash".to_owned()),
        csrf_token: Set("token".to_owned()),
        created_at: Set(at(0, 0)),
        expires_at: Set(at(3600, 0)),
        last_seen_at: Set(at(0, 0)),
    }
    .insert(db)
    .await
    .unwrap();
    let failures = login_failures::ActiveModel {
        subject: Set("192.0.2.1".to_owned()),
        failures: Set(3),
        last_failed_at: Set(at(0, 0)),
    }
    .insert(db)
    .await
    .unwrap();
    assert_eq!(failures.subject, "192.0.2.1");
}

pub(crate) async fn radius_users_are_kept(db: &DatabaseConnection) {
    let attributes = [
        ("Cleartext-Password", "K7QMX2PA"),
        ("Simultaneous-Use", "1"),
    ];
    let checks = attributes.map(|(attribute, value)| radcheck::ActiveModel {
        id: NotSet,
        username: Set("K7QMX2PA".to_owned()),
        attribute: Set(attribute.to_owned()),
        op: Set(":=".to_owned()),
        value: Set(value.to_owned()),
    });
    let written = radcheck::Entity::insert_many(checks).exec_without_returning(db);
    assert_eq!(written.await.unwrap(), 2);
    assert_eq!(radcheck::Entity::find().all(db).await.unwrap().len(), 2);
    radreply::ActiveModel {
        id: NotSet,
        username: Set("K7QMX2PA".to_owned()),
        attribute: Set("Session-Timeout".to_owned()),
        op: NotSet,
        value: Set("60".to_owned()),
    }
    .insert(db)
    .await
    .unwrap();
    radusergroup::ActiveModel {
        id: NotSet,
        username: Set("K7QMX2PA".to_owned()),
        groupname: Set("daily".to_owned()),
        priority: Set(1),
    }
    .insert(db)
    .await
    .unwrap();
    let checks = radgroupcheck::Entity::find().all(db).await.unwrap();
    assert!(checks.is_empty());
    assert_eq!(radgroupreply::Entity::find().count(db).await.unwrap(), 25);
    let router = nas::ActiveModel {
        nasname: Set("10.0.0.1".to_owned()),
        shortname: Set(Some("bar".to_owned())),
        secret: Set("secret".to_owned()),
        ..Default::default()
    }
    .insert(db)
    .await
    .unwrap();
    assert_eq!(router.nas_type.as_deref(), Some("other"));
    let logins = radpostauth::Entity::find().all(db).await.unwrap();
    assert!(logins.is_empty());
    disconnects_are_kept(db).await;
}

async fn disconnects_are_kept(db: &DatabaseConnection) {
    let disconnect = |reference: &str| outbox_messages::ActiveModel {
        kind: Set("disconnect".to_owned()),
        reference: Set(reference.to_owned()),
        order_id: Set(Some(ORDER)),
        reason: Set("refunded".to_owned()),
        voucher_code: Set("K7QMX2PA".to_owned()),
        router: Set("10.0.0.1".to_owned()),
        session_id: Set("81a00001".to_owned()),
        device_address: Set(Some("10.5.50.7".to_owned())),
        state: Set("queued".to_owned()),
        due_at: Set(at(60, 0)),
        created_at: Set(at(0, 0)),
        ..Default::default()
    };
    let row = disconnect("one").insert(db).await.unwrap();
    assert_eq!(
        (row.attempts, row.due_at, row.sent_at),
        (0, at(60, 0), None)
    );
    assert!(
        disconnect("one").insert(db).await.is_err(),
        "a session is ended once"
    );
}

pub(crate) async fn sandbox_rows_are_kept(db: &DatabaseConnection) {
    sandbox_payments::ActiveModel {
        id: NotSet,
        order_id: Set(ORDER.to_string()),
        amount: Set(2000),
        buyer_phone: Set("0712345678".to_owned()),
        webhook_url: Set(None),
        metadata: Set(None),
        payment_status: Set("PENDING".to_owned()),
        reference: Set(None),
        transid: Set(None),
        channel: Set(None),
        behaviour: Set("{}".to_owned()),
        created_at: Set(at(0, 0)),
        decide_at: Set(None),
    }
    .insert(db)
    .await
    .unwrap();
    let webhook = sandbox_webhooks::ActiveModel {
        id: NotSet,
        order_id: Set(ORDER.to_string()),
        url: Set("http://127.0.0.1/".to_owned()),
        body: Set("{}".to_owned()),
        content_type: Set("application/json".to_owned()),
        with_key: Set(true),
        due_at: Set(at(0, 0)),
        attempts: NotSet,
        delivered_at: Set(None),
        http_status: Set(None),
    }
    .insert(db)
    .await
    .unwrap();
    assert!(webhook.with_key);
    let switches = |id| sandbox_switches::ActiveModel {
        id: Set(id),
        behaviour: Set("{}".to_owned()),
        updated_at: Set(at(0, 0)),
    };
    switches(1).insert(db).await.unwrap();
    assert!(switches(2).insert(db).await.is_err(), "there is one row");
}
