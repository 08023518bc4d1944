//! Sessions end with their voucher.

use super::{age_sessions, refund, sell, send_accounting};
use crate::harness::freeradius::{FreeRadius, radclient};
use crate::harness::process::Process;
use crate::harness::router::{Manner, SECRET, TestRouter, attribute};
use crate::harness::{Kind, TestApp, TestOrder};

on_both_databases! {
    a_refund_ends_the_guests_session,
    a_lost_request_is_sent_again_unchanged,
    a_session_that_is_gone_counts_as_ended,
    a_refusal_is_shown_to_the_operator,
    a_silent_router_is_asked_again_and_then_given_up,
    a_router_without_a_row_is_asked_with_the_common_secret,
    a_voucher_that_ends_ends_its_sessions,
    a_voucher_that_counts_from_the_first_login_ends_its_sessions,
}

#[actix_web::test]
async fn the_routers_of_these_tests_understand_freeradius_own_client() {
    let attributes = [("User-Name", "K7QMX2PA"), ("Acct-Session-Id", "s1")];
    let ask = async |manner, secret| {
        let router = TestRouter::start(manner).await;
        let address = router.address.to_string();
        radclient(&address, "disconnect", secret, &attributes).await
    };

    let ended = ask(Manner::Acknowledges, SECRET).await;
    assert_eq!(ended.code, "Disconnect-ACK");
    let refused = ask(Manner::Refuses(503), SECRET).await;
    assert_eq!(refused.code, "Disconnect-NAK");
    let cause = refused.get("Error-Cause");
    assert_eq!(cause, Some("Session-Context-Not-Found"));
}

/// A server, its FreeRADIUS, a router, and a guest who is on-line there.
pub(super) struct OnLine {
    pub app: TestApp,
    pub radius: FreeRadius,
    pub router: TestRouter,
    pub order: TestOrder,
    pub code: String,
}

impl OnLine {
    pub async fn start(kind: Kind, manner: Manner, package: &str) -> Self {
        let app = TestApp::start_with(kind, |config| {
            config.radius.coa_secret = Some(malipo::domain::people::Secret::new(SECRET));
        })
        .await;
        let radius = FreeRadius::start(&app.database).await;
        let router = TestRouter::start(manner).await;
        add_router(&app, &router).await;
        let (order, code) = sell(&app, package).await;
        let here = [("NAS-IP-Address", "127.0.0.1")];
        send_accounting(&radius, "Start", &code, "s1", &here).await;
        Self {
            app,
            radius,
            router,
            order,
            code,
        }
    }

    /// The last line of the order's timeline that is about the session, as soon as it is there.
    pub async fn timeline(&self, kind: &str) -> String {
        let found = format!("FROM order_events WHERE kind = '{kind}'");
        let count = format!("SELECT COUNT(*) {found}");
        self.app.database.wait_for_count(&count, 1).await;
        let line = format!("SELECT level || ': ' || summary {found}");
        self.app.database.text(&line).await.unwrap()
    }

    async fn outbox(&self) -> String {
        let sql = "SELECT state || ' ' || COALESCE(result, '-') || ' ' || CAST(attempts AS text) FROM outbox_messages";
        self.app.database.text(sql).await.unwrap_or_default()
    }
}

async fn add_router(app: &TestApp, router: &TestRouter) {
    let port = router.address.port();
    app.database
        .execute(&format!(
            "INSERT INTO nas (nasname, shortname, secret, ports) VALUES ('127.0.0.1', 'bar', '{SECRET}', {port})"
        ))
        .await;
}

async fn a_refund_ends_the_guests_session(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Acknowledges, "daily").await;

    refund(&guest.app, &guest.order).await;

    // It was queued with the refund, not found later by the sweep.
    let reason = "SELECT reason FROM outbox_messages";
    let reason = guest.app.database.text(reason).await;
    assert_eq!(reason.as_deref(), Some("refunded"));
    let line = guest.timeline("disconnected").await;
    assert_eq!(line, "note: the router has ended the session");
    assert_eq!(guest.outbox().await, "sent acknowledged 1");
    let received = guest.router.requests();
    assert_eq!(received.len(), 1);
    let expected: [(u8, &[u8]); 4] = [
        (1, guest.code.as_bytes()),
        (44, b"s1"),
        (4, &[127, 0, 0, 1]),
        (8, &[10, 5, 50, 7]),
    ];
    for (number, value) in expected {
        assert_eq!(
            attribute(&received[0], number).as_deref(),
            Some(value),
            "{number}"
        );
    }
    let denied = guest.radius.login(&guest.code, "AA:00:00:00:00:01").await;
    denied.assert_rejected();
}

async fn a_lost_request_is_sent_again_unchanged(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Misses(2), "daily").await;

    refund(&guest.app, &guest.order).await;

    guest.timeline("disconnected").await;
    // On a slow machine the answer may come after one more copy.
    assert!(guest.router.received().len() >= 3);
    assert_eq!(guest.router.requests().len(), 1, "one identifier");
    assert_eq!(guest.outbox().await, "sent acknowledged 1");
}

async fn a_session_that_is_gone_counts_as_ended(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Refuses(503), "daily").await;

    refund(&guest.app, &guest.order).await;

    let line = guest.timeline("disconnected").await;
    assert_eq!(line, "note: the router has no such session any more");
    assert_eq!(guest.outbox().await, "sent was_gone 1");
}

async fn a_refusal_is_shown_to_the_operator(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Refuses(501), "daily").await;

    refund(&guest.app, &guest.order).await;

    let line = guest.timeline("disconnect_refused").await;
    assert_eq!(
        line,
        "alert: the router refuses to end the session; Error-Cause: 501"
    );
    assert_eq!(guest.outbox().await, "sent refused 1");
}

async fn a_silent_router_is_asked_again_and_then_given_up(kind: Kind) {
    let guest = OnLine::start(kind, Manner::SaysNothing, "daily").await;

    refund(&guest.app, &guest.order).await;

    let waiting = "SELECT COUNT(*) FROM outbox_messages WHERE state = 'failed' AND attempts = 1";
    guest.app.database.wait_for_count(waiting, 1).await;
    assert_eq!(guest.router.requests().len(), 1);
    assert!(guest.router.received().len() >= 2, "asked again");

    // Move the next attempts far into the past.
    let due = match kind {
        Kind::Sqlite => "'2026-01-01T00:00:00+00:00'",
        Kind::Postgres => "'2026-01-01Z'",
    };
    let sql = format!("UPDATE outbox_messages SET attempts = 11, due_at = {due}");
    guest.app.database.execute(&sql).await;
    let line = guest.timeline("disconnect_failed").await;

    assert!(
        line.starts_with("alert: the session could not be ended: 127.0.0.1:"),
        "{line}"
    );
    assert_eq!(guest.outbox().await, "dead - 12");
    let requests = guest.router.requests().len();
    assert_eq!(requests, 2, "a later attempt is another request");
}

async fn a_router_without_a_row_is_asked_with_the_common_secret(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Acknowledges, "daily").await;
    // The router's secret is now unknown; its port is unchanged.
    let sql = "UPDATE nas SET nasname = '127.0.0.9'";
    guest.app.database.execute(sql).await;

    refund(&guest.app, &guest.order).await;

    // Nothing listens at this machine's usual port.
    let tried = "SELECT COUNT(*) FROM outbox_messages WHERE state = 'failed' AND last_error = 'nothing listens at 127.0.0.1:3799'";
    guest.app.database.wait_for_count(tried, 1).await;
}

async fn a_voucher_that_ends_ends_its_sessions(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Acknowledges, "daily").await;

    let long_ago = match kind {
        Kind::Sqlite => "'2026-01-01T00:00:00+00:00'",
        Kind::Postgres => "'2026-01-01Z'",
    };
    let sql = format!("UPDATE vouchers SET expires_at = {long_ago}");
    guest.app.database.execute(&sql).await;

    let line = guest.timeline("disconnected").await;
    assert_eq!(line, "note: the router has ended the session");
    // The router has not reported the end of the session; it is not asked twice.
    let queued = "SELECT COUNT(*) FROM outbox_messages";
    assert_eq!(guest.app.database.count(queued).await, 1);
}

async fn a_voucher_that_counts_from_the_first_login_ends_its_sessions(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Acknowledges, "student").await;
    age_sessions(&guest.app, 30 * 86_400 + 1).await;
    let interim = [("NAS-IP-Address", "127.0.0.1"), ("Acct-Session-Time", "60")];
    send_accounting(&guest.radius, "Interim-Update", &guest.code, "s1", &interim).await;

    guest.timeline("disconnected").await;

    assert_eq!(guest.outbox().await, "sent acknowledged 1");
}

#[actix_web::test]
async fn two_processes_ask_a_router_once() {
    let guest = OnLine::start(Kind::Postgres, Manner::Acknowledges, "daily").await;
    let _second = Process::serve(&guest.app.database.url, &[]);

    refund(&guest.app, &guest.order).await;
    guest.timeline("disconnected").await;
    // Both processes look for due messages twice a second.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;

    assert_eq!(guest.router.requests().len(), 1);
    assert_eq!(guest.outbox().await, "sent acknowledged 1");
}
