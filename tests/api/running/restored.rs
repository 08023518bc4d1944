//! A server on a database that was restored from a backup: messages queued in the backup may have
//! been sent long ago, so nothing is sent until an admin has decided.

use std::path::Path;
use std::process::{Command, Output};

use chrono::TimeDelta;
use malipo::domain::people::{Role, Secret};
use malipo::store::Share;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command_line::text;
use crate::harness::process::run;
use crate::harness::router::{Manner, SECRET, TestRouter};
use crate::harness::{Answer, Kind, TOKEN, TestApp, TestDatabase, TestOrder};
use crate::reconciling::{eventually, metric};
use crate::sms::by_nextsms;
use crate::sms::gateway::{Does, FakeGateway};

on_both_databases! {
    messages_of_a_backup_are_sent_only_after_an_admin_decides_so,
    messages_of_a_backup_are_dropped_when_an_admin_decides_so_and_new_sales_send_theirs,
    every_page_of_the_console_says_what_is_held_back_and_links_to_both_actions,
    a_backup_from_before_messages_could_be_held_is_held_too,
    a_restored_database_gives_no_invoice_number_twice,
    malipo_check_reports_what_is_held_back,
    a_server_that_was_never_restored_holds_nothing_back,
}

const LONG_AGO: &str = "2020-01-01T00:00:00+00:00";
const HOLD: &str = "/api/v1/operator/outbox/hold";

fn script(name: &str, arguments: &[&str]) -> Output {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name);
    let done = Command::new(path).args(arguments).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    done
}

/// A server on a restored database with a waiting SMS and a waiting Disconnect-Request, both
/// overdue.
struct Restored {
    app: TestApp,
    /// The SMS provider, started after the restore.
    gateway: FakeGateway,
    router: TestRouter,
    /// Sold before the backup; its SMS was not sent.
    order: TestOrder,
}

impl Restored {
    async fn start(kind: Kind) -> Self {
        let (database, order) = unsent(kind).await;
        let router = TestRouter::start(Manner::Acknowledges).await;
        queue_disconnect(&database, &router).await;
        let database = backed_up_and_restored(&database).await;
        let gateway = FakeGateway::that(Does::Take);
        let nextsms = by_nextsms(&gateway);
        let app = TestApp::start_on(database, |config| {
            nextsms(config);
            config.radius.coa_secret = Some(Secret::new(SECRET));
        })
        .await;
        Self {
            app,
            gateway,
            router,
            order,
        }
    }

    /// Whether any job would find a message to send now.
    async fn anything_can_be_claimed(&self) -> bool {
        let second_store = self.app.store_beside().await;
        let (now, lease) = (second_store.now().await.unwrap(), TimeDelta::seconds(60));
        let share = Share {
            sessions: 8,
            routers: 8,
            busy: &[],
        };
        let sms = second_store.claim_sms(now..now + lease, 8).await.unwrap();
        let disconnects = second_store
            .claim_disconnects(now..now + lease, share)
            .await
            .unwrap();
        !(sms.is_empty() && disconnects.is_empty())
    }

    async fn hold(&self) -> Value {
        self.app.get_as_operator(HOLD).await.json()
    }

    async fn release(&self, queued: &str) -> Answer {
        let url = self.app.url(&format!("{HOLD}/release"));
        let request = self.app.http.post(url).bearer_auth(TOKEN);
        let payload = json!({"queued": queued, "reason": "restored after a bad disk"});
        Answer::of(request.json(&payload).send().await.unwrap()).await
    }

    async fn sell(&self) -> TestOrder {
        let order = self.app.buy().await;
        let answer = self.app.deliver_word(&order, "COMPLETED").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        order
    }

    async fn code_of(&self, order: &TestOrder) -> String {
        let status = self.app.status(order).await;
        status["voucher_code"].as_str().unwrap().to_owned()
    }

    fn was_sent(&self, code: &str) -> bool {
        let sent = self.gateway.sent();
        sent.iter()
            .any(|sms| sms["text"].as_str().unwrap().contains(code))
    }
}

/// A database with a waiting SMS, because the provider did not take it.
async fn unsent(kind: Kind) -> (TestDatabase, TestOrder) {
    let gateway = FakeGateway::that(Does::Answer(500, ""));
    let app = TestApp::start_with(kind, by_nextsms(&gateway)).await;
    let order = app.buy().await;
    let answer = app.deliver_word(&order, "COMPLETED").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let failed = "SELECT COUNT(*) FROM sms_messages WHERE state = 'failed'";
    app.database.wait_for_count(failed, 1).await;
    let database = app.stop().await;
    let due = format!("UPDATE sms_messages SET due_at = '{LONG_AGO}'");
    database.execute(&due).await;
    (database, order)
}

async fn queue_disconnect(database: &TestDatabase, router: &TestRouter) {
    let port = router.address.port();
    database
        .execute(&format!(
            "INSERT INTO nas (nasname, shortname, secret, ports) VALUES ('127.0.0.1', 'bar', '{SECRET}', {port})"
        ))
        .await;
    database
        .execute(&format!(
            "INSERT INTO outbox_messages (kind, reference, reason, voucher_code, router, session_id, state, due_at, created_at)
             VALUES ('disconnect', 'r1', 'refunded', 'K7QMX2PA', '127.0.0.1', 's1', 'queued', '{LONG_AGO}', '{LONG_AGO}')"
        ))
        .await;
}

async fn backed_up_and_restored(database: &TestDatabase) -> TestDatabase {
    let folder = TempDir::new().unwrap();
    let made = script("backup", &[&database.url, folder.path().to_str().unwrap()]);
    let file = text(&made.stdout).trim().to_owned();
    let place = TestDatabase::reserve(database.kind).await;
    script("restore", &[&file, &place.url]);
    place.open().await
}

async fn messages_of_a_backup_are_sent_only_after_an_admin_decides_so(kind: Kind) {
    let restored = Restored::start(kind).await;
    let old = restored.code_of(&restored.order).await;
    let newer = restored.sell().await;
    let new = restored.code_of(&newer).await;

    assert!(!restored.anything_can_be_claimed().await);
    let held = restored.hold().await;
    assert_eq!(held["held"], true, "{held}");
    assert!(held["since"].is_string(), "{held}");
    assert_eq!(
        (&held["sms"], &held["sms_from_backup"]),
        (&json!(2), &json!(1)),
        "{held}"
    );
    assert_eq!(held["disconnects_from_backup"], 1, "{held}");
    eventually("the gauge shows it", async || {
        metric(&restored.app, "malipo_outbox_held").await == 1.0
    })
    .await;
    assert!(restored.gateway.sent().is_empty());
    assert!(restored.router.received().is_empty());

    let released = restored.release("send").await;

    assert_eq!(released.status, 200, "{}", released.text);
    eventually("both SMS are sent", async || {
        restored.was_sent(&old) && restored.was_sent(&new)
    })
    .await;
    eventually("the session is ended", async || {
        !restored.router.received().is_empty()
    })
    .await;
    let after = restored.hold().await;
    assert_eq!(
        (&after["held"], &after["since"]),
        (&json!(false), &Value::Null)
    );
    let again = restored.release("send").await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (409, "invalid_transition")
    );
    let logged = "SELECT COUNT(*) FROM audit_events WHERE action = 'release_outbox' AND operator = 'bootstrap' AND subject = 'outbox: send what was queued' AND detail = 'restored after a bad disk'";
    assert_eq!(restored.app.database.count(logged).await, 1);
}

async fn messages_of_a_backup_are_dropped_when_an_admin_decides_so_and_new_sales_send_theirs(
    kind: Kind,
) {
    let restored = Restored::start(kind).await;
    let newer = restored.sell().await;
    let new = restored.code_of(&newer).await;

    for wrong in ["maybe", "Send", " "] {
        assert_eq!(restored.release(wrong).await.status, 422, "{wrong}");
    }
    let released = restored.release("drop").await;

    let document = released.json();
    assert_eq!(document["sms_dropped"], 1, "{document}");
    assert_eq!(document["disconnects_dropped"], 1, "{document}");
    eventually("the new SMS is sent", async || restored.was_sent(&new)).await;
    // One more sale after that, so that the old messages could have been sent.
    let last = restored.sell().await;
    let last = restored.code_of(&last).await;
    eventually("the last SMS is sent", async || restored.was_sent(&last)).await;
    assert_eq!(restored.gateway.sent().len(), 2);
    assert!(restored.router.received().is_empty());
    for table in ["sms_messages", "outbox_messages"] {
        let dead = format!(
            "SELECT COUNT(*) FROM {table} WHERE state = 'dead' AND last_error LIKE 'dropped by an operator%'"
        );
        assert_eq!(restored.app.database.count(&dead).await, 1, "{table}");
    }
}

async fn every_page_of_the_console_says_what_is_held_back_and_links_to_both_actions(kind: Kind) {
    let restored = Restored::start(kind).await;
    let app = &restored.app;
    let viewer = app.add_operator("vera", Role::Viewer).await;
    let sentence = "1 SMS and 1 Disconnect-Request are held back since a backup was restored";
    let acts = ["/operator/outbox/held/send", "/operator/outbox/held/drop"];

    for page in [
        "",
        "/orders",
        "/deliveries",
        "/letters",
        "/report",
        "/audit",
    ] {
        let shown = app.get_as_operator(&format!("/operator{page}")).await.text;
        assert!(shown.contains(sentence), "{page}: {shown}");
        assert!(
            acts.iter().all(|act| shown.contains(act)),
            "{page}: {shown}"
        );
        let to_viewer = app
            .get_with(&format!("/operator{page}"), &viewer)
            .await
            .text;
        assert!(to_viewer.contains(sentence), "{page}: {to_viewer}");
        assert!(!to_viewer.contains(acts[0]), "{page}: {to_viewer}");
    }
    let asked = app.get_as_operator(acts[1]).await;
    assert_eq!(asked.status, 200);
    for said in [
        "What will happen",
        "1, of which 1 came with the backup",
        "given up",
    ] {
        assert!(asked.text.contains(said), "{said}: {}", asked.text);
    }
    let by_viewer = app.http.post(app.url(acts[1])).bearer_auth(&viewer);
    assert_eq!(by_viewer.send().await.unwrap().status(), 403);
    assert_eq!(restored.hold().await["held"], true);

    let form = app.http.post(app.url(acts[1])).bearer_auth(TOKEN);
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    let done = Answer::of(form.body("reason=old").send().await.unwrap()).await;

    assert_eq!(done.status, 200, "{}", done.text);
    assert!(
        done.text.contains("Nothing is held back any more"),
        "{}",
        done.text
    );
    assert!(!done.text.contains(sentence), "{}", done.text);
    assert_eq!(app.get_as_operator(acts[0]).await.status, 404);
}

async fn a_backup_from_before_messages_could_be_held_is_held_too(kind: Kind) {
    let (database, _) = unsent(kind).await;
    database.execute("DROP TABLE outbox_holds").await;
    let migration = "DELETE FROM seaql_migrations WHERE version LIKE '%outbox_holds'";
    assert_eq!(database.execute(migration).await, 1);
    let database = backed_up_and_restored(&database).await;

    let app = TestApp::start_on(database, |_| {}).await;

    let held = app.get_as_operator(HOLD).await.json();
    assert_eq!(held["sms_from_backup"], 1, "{held}");
}

/// A guest who paid after the backup has an invoice that the restored database does not know.
async fn a_restored_database_gives_no_invoice_number_twice(kind: Kind) {
    let app = TestApp::start(kind).await;
    let sell = async |app: &TestApp| {
        let order = app.buy().await;
        assert_eq!(app.deliver_word(&order, "COMPLETED").await.status, 200);
        let last = "SELECT number FROM invoices ORDER BY id DESC LIMIT 1";
        app.database.text(last).await.unwrap()
    };
    let restored = TestApp::start_on(backed_up_and_restored(&app.database).await, |_| {}).await;

    let lost = [sell(&app).await, sell(&app).await];
    let later = sell(&restored).await;

    assert!(!lost.contains(&later), "{lost:?} {later}");
    let again = backed_up_and_restored(&restored.database).await;
    let lost = sell(&restored).await;
    let later = sell(&TestApp::start_on(again, |_| {}).await).await;
    assert_ne!(lost, later, "after another restore");
}

async fn malipo_check_reports_what_is_held_back(kind: Kind) {
    let (database, _) = unsent(kind).await;
    let database = backed_up_and_restored(&database).await;

    let checked = run(&["check"], &[("MALIPO__DATABASE__URL", &database.url)]);

    let printed = text(&checked.stdout);
    let line = printed
        .lines()
        .find(|line| line.starts_with("warn  outbox"));
    let line = line.unwrap_or_else(|| panic!("{printed}"));
    assert!(
        line.contains("1 SMS and 0 Disconnect-Requests are held back"),
        "{line}"
    );
    assert!(checked.status.success(), "{printed}");
}

async fn a_server_that_was_never_restored_holds_nothing_back(kind: Kind) {
    let app = TestApp::start(kind).await;

    let held = app.get_as_operator(HOLD).await.json();

    assert_eq!(held["held"], false, "{held}");
    assert_eq!(held["sms"], 0, "{held}");
    assert_eq!(metric(&app, "malipo_outbox_held").await, 0.0);
    let shown = app.get_as_operator("/operator").await.text;
    assert!(!shown.contains("held back"), "{shown}");
}
