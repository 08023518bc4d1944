//! An action that cannot be written to the audit log has no effect.

use super::{
    audited, code_of, held, journalled, radius_rows, reconcile, refund, release, replay, revoke,
    sold,
};
use crate::harness::{Kind, SaleCounts, TestApp, body_of};

on_both_databases! {
    an_action_that_cannot_be_logged_has_no_effect,
}

async fn break_the_log(app: &TestApp) {
    match app.database.kind {
        Kind::Sqlite => {
            let trigger = "CREATE TRIGGER no_log BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'no log'); END";
            app.database.execute(trigger).await;
        }
        Kind::Postgres => {
            let function = "CREATE FUNCTION no_log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no log'; END $$";
            app.database.execute(function).await;
            let trigger = "CREATE TRIGGER no_log BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION no_log()";
            app.database.execute(trigger).await;
        }
    }
}

async fn repair_the_log(app: &TestApp) {
    let on = match app.database.kind {
        Kind::Sqlite => "",
        Kind::Postgres => " ON audit_events",
    };
    app.database
        .execute(&format!("DROP TRIGGER no_log{on}"))
        .await;
}

async fn an_action_that_cannot_be_logged_has_no_effect(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (waits, done, open) = (held(&app).await, sold(&app).await, app.buy().await);
    let code = code_of(&app, &done).await;
    let rows = radius_rows(&app, &code).await;
    let webhook = journalled(&app, &open.id, Some("key"), &body_of(&open.id, "COMPLETED")).await;
    break_the_log(&app).await;

    for answer in [
        release(&app, &waits, "complete").await,
        refund(&app, &done).await,
        revoke(&app, &code).await,
        reconcile(&app, &open).await,
        replay(&app, webhook).await,
    ] {
        answer.assert_problem(500, "internal");
    }

    assert_eq!(app.status(&waits).await["payment_status"], "HELD");
    assert_eq!(app.sale_of(&waits).await, SaleCounts::NONE);
    assert_eq!(app.status(&done).await["payment_status"], "COMPLETED");
    assert_eq!(app.status(&done).await["version"], 2);
    assert_eq!(radius_rows(&app, &code).await, rows);
    assert_eq!(app.status(&open).await["payment_status"], "PENDING");
    assert_eq!(app.journal(&open.id, "completed").await, 0);

    repair_the_log(&app).await;
    for (order, answer) in [
        (&waits, release(&app, &waits, "complete").await),
        (&done, refund(&app, &done).await),
        (&open, replay(&app, webhook).await),
    ] {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(audited(&app, order).await.len(), 1);
    }
}
