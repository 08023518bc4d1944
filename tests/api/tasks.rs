//! A long-running task fails: it is restarted, continues its work, and an operator sees the
//! failure. Without some tasks nothing can be sold: then the process ends, and the next one sells.

use malipo::supervisor::Task;
use serde_json::json;

use crate::harness::client::Client;
use crate::harness::process::{Process, run};
use crate::harness::proxy::{Network, start_behind_a_proxy};
use crate::harness::{Kind, SaleCounts, TOKEN, TestApp, TestDatabase, TestOrder};
use crate::reconciling::{eventually, metric};
use crate::sms::failures::make_due;
use crate::sms::gateway::{Does, FakeGateway};
use crate::sms::{by_nextsms, sell, state};

on_both_databases! {
    every_task_is_counted_from_the_start,
    every_task_that_fails_is_started_again,
    an_sms_is_sent_although_the_relay_failed_while_sending_it,
    a_lost_webhook_is_found_although_the_checks_failed,
    an_order_expires_although_the_expiry_failed,
    a_copy_is_answered_although_a_lane_failed,
    a_guest_gets_the_sale_although_the_reads_failed,
    a_guest_is_answered_when_the_status_actor_fails_and_the_next_one_waits_again,
    the_console_says_that_a_task_has_failed,
}

const LONG_AGO: &str = "2020-01-01T00:00:00+00:00";

fn fail(app: &TestApp, task: Task) {
    app.app.api.supervisor.arm_panic(task);
}

async fn failures(app: &TestApp, task: Task) -> f64 {
    let series = format!("malipo_task_restarts_total{{task=\"{}\"}}", task.name());
    metric(app, &series).await
}

async fn until_failed(app: &TestApp, task: Task, times: f64) {
    eventually(task.name(), async || failures(app, task).await == times).await;
}

async fn every_task_is_counted_from_the_start(kind: Kind) {
    let app = TestApp::start(kind).await;

    for &task in Task::ALL {
        assert_eq!(failures(&app, task).await, 0.0, "{task:?}");
    }
}

/// All tasks with a timer, which run at least every five seconds.
async fn every_task_that_fails_is_started_again(kind: Kind) {
    let gateway = FakeGateway::that(Does::Take);
    let app = TestApp::start_with(kind, by_nextsms(&gateway)).await;
    let mut tasks = vec![
        Task::OrderExpiry,
        Task::StatusChecks,
        Task::SmsRelay,
        Task::SmsReceipts,
        Task::Disconnects,
        Task::SessionSweep,
        Task::Passivation,
        Task::ClockWatch,
        Task::Overview,
        Task::Sandbox,
        Task::ConsoleHistory,
    ];
    if kind == Kind::Postgres {
        tasks.push(Task::ClusterLooks);
    }

    // A second failure shows that the task was running again.
    for times in [1.0, 2.0] {
        for task in &tasks {
            fail(&app, *task);
        }
        for task in &tasks {
            until_failed(&app, *task, times).await;
        }
    }

    let order = sell(&app).await;
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    eventually("it is sent", async || state(&app, &order).await == "sent").await;
    app.stop().await;
}

async fn an_sms_is_sent_although_the_relay_failed_while_sending_it(kind: Kind) {
    let gateway = FakeGateway::that(Does::Hang);
    let app = TestApp::start_with(kind, by_nextsms(&gateway)).await;
    let order = sell(&app).await;
    eventually("it is being sent", async || gateway.sent().len() == 1).await;

    // The relay fails when the time-out of the provider ends.
    fail(&app, Task::SmsRelay);
    until_failed(&app, Task::SmsRelay, 1.0).await;
    assert_eq!(state(&app, &order).await, "queued");
    gateway.now_does(Does::Take);
    // As when its lease ends.
    make_due(&app.database).await;

    eventually("it is sent", async || state(&app, &order).await == "sent").await;
    let sent = gateway.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1], "with the same reference");
}

async fn a_lost_webhook_is_found_although_the_checks_failed(kind: Kind) {
    let app = TestApp::start(kind).await;
    app.gateway_behaves(&json!({"deliver": false})).await;
    let order = app.buy().await;
    app.subscriber_decides(&order, &json!({"decision": "approve"}))
        .await;
    fail(&app, Task::StatusChecks);
    until_failed(&app, Task::StatusChecks, 1.0).await;

    set_long_ago(&app, &order, "due_at").await;

    app.wait_for(&order, "COMPLETED").await;
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn an_order_expires_although_the_expiry_failed(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    fail(&app, Task::OrderExpiry);
    until_failed(&app, Task::OrderExpiry, 1.0).await;

    set_long_ago(&app, &order, "deadline_at").await;

    app.wait_for(&order, "EXPIRED").await;
}

async fn set_long_ago(app: &TestApp, order: &TestOrder, column: &str) {
    let order = app.database.is_order(&order.id);
    let sql = format!("UPDATE payments SET {column} = '{LONG_AGO}' WHERE {order}");
    assert_eq!(app.database.execute(&sql).await, 1);
}

/// A change that waits for a failed lane is written by another lane, or by the same one after its
/// restart.
async fn a_copy_is_answered_although_a_lane_failed(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sell(&app).await;
    fail(&app, Task::Writer);

    let copy = app.deliver_word(&order, "COMPLETED").await;

    assert_eq!(copy.verdict(), (200, "duplicate".to_owned()));
    assert_eq!(failures(&app, Task::Writer).await, 1.0);
    assert_eq!(app.journal(&order.id, "duplicate").await, 1);
}

async fn a_guest_gets_the_sale_although_the_reads_failed(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sell(&app).await;
    fail(&app, Task::Reader);

    let polled = app
        .get(&app.portal(&format!("/payment/status/{}?wait=9", order.id)))
        .await;

    assert_eq!(
        polled.json()["payment_status"],
        "COMPLETED",
        "{}",
        polled.text
    );
    until_failed(&app, Task::Reader, 1.0).await;
}

async fn a_guest_is_answered_when_the_status_actor_fails_and_the_next_one_waits_again(kind: Kind) {
    let app = TestApp::start(kind).await;
    for times in [1.0, 2.0] {
        let order = app.buy().await;
        let poll = app.portal(&format!("/payment/status/{}?wait=45&since=1", order.id));
        let selling = async {
            // For the second order this happens only if the actor was replaced.
            app.until_parked(1).await;
            fail(&app, Task::StatusActor);
            app.deliver_word(&order, "COMPLETED").await
        };

        let (polled, sold) = tokio::join!(app.get(&poll), selling);

        assert_eq!(sold.verdict(), (200, "completed".to_owned()));
        assert_eq!(
            polled.json()["payment_status"],
            "COMPLETED",
            "{}",
            polled.text
        );
        until_failed(&app, Task::StatusActor, times).await;
        eventually("polls are parked again", async || parks(&app).await).await;
    }
}

/// Whether a poll is parked: a poll that finds no actor is answered at once, with `Retry-After`.
async fn parks(app: &TestApp) -> bool {
    let order = app.buy().await;
    let poll = app.portal(&format!("/payment/status/{}?wait=1&since=1", order.id));
    let answer = app.http.get(poll).send().await.unwrap();
    answer.headers().get("retry-after").is_none()
}

async fn the_console_says_that_a_task_has_failed(kind: Kind) {
    let app = TestApp::start(kind).await;
    let words = async || app.get_with("/operator/words", TOKEN).await.text;
    assert!(words().await.contains("All is well"));

    fail(&app, Task::Passivation);
    until_failed(&app, Task::Passivation, 1.0).await;

    let words = words().await;
    assert!(!words.contains("All is well"), "{words}");
    assert!(words.contains("started again: passivation"), "{words}");
}

#[actix_web::test]
async fn a_server_that_receives_no_notices_from_others_says_so_until_it_does() {
    let (app, proxy) = start_behind_a_proxy().await;
    let store = &app.app.api.store;
    let words = async || app.get_with("/operator/words", TOKEN).await.text;
    assert_eq!(store.not_listening_since(), None);

    proxy.set(Network::Cut);
    eventually("no notices arrive", async || {
        store.not_listening_since().is_some()
    })
    .await;
    let words = words().await;
    assert!(words.contains("Other servers not heard since"), "{words}");

    proxy.set(Network::Up);
    eventually("notices arrive again", async || {
        store.not_listening_since().is_none()
    })
    .await;
}

#[actix_web::test]
async fn an_unreachable_server_exits_with_a_message_and_the_next_one_sells() {
    let database = TestDatabase::create(Kind::Sqlite).await;
    let settings = [
        ("MALIPO_PANIC_TASK", "listener"),
        ("MALIPO__DATABASE__URL", &*database.url),
        ("MALIPO__SERVER__BIND", "127.0.0.1:0"),
    ];

    let ended = run(&["serve"], &settings);

    assert_eq!(ended.status.code(), Some(1));
    let printed = String::from_utf8_lossy(&ended.stderr);
    for sentence in [
        "a task panicked",
        "nothing can be sold; the process ends",
        "malipo: the task listener has failed",
    ] {
        assert!(printed.contains(sentence), "{sentence}: {printed}");
    }

    let process = Process::serve(&database.url, &[]);
    let client = Client::of(&process);
    let order_id = client.buy().await;
    assert_eq!(client.deliver(&order_id).await, Some(200));
    assert_eq!(database.sale_of(&order_id).await, SaleCounts::ONE);
}
