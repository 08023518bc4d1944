//! Many clients write and read the same orders at the same moment, and each records when it called
//! and what it was answered. Afterwards a checker compares the records: every acknowledged delivery
//! is stored exactly once, and no client ever saw an order go back.

use std::time::Instant;

use futures_util::future::join_all;

use crate::harness::{Kind, SaleCounts, TestApp, TestOrder};

on_both_databases! {
    no_client_sees_an_order_go_back_and_acknowledged_deliveries_are_there,
}

const ORDERS: usize = 4;
const CLIENTS: usize = 8;
const CALLS: usize = 30;

/// A call of one client and its answer.
#[derive(Clone, Debug)]
struct Note {
    order: usize,
    called: Instant,
    answered: Instant,
    reply: Reply,
}

#[derive(Clone, Debug)]
enum Reply {
    /// A delivery, by its outcome; `None` when it was refused.
    Delivered(Option<String>),
    /// A status document.
    Read { status: String, version: i64 },
}

impl Reply {
    /// Whether the order was certainly sold when this was answered.
    fn shows_a_sale(&self) -> bool {
        match self {
            Self::Delivered(outcome) => outcome.as_deref() == Some("completed"),
            Self::Read { status, .. } => status == "COMPLETED",
        }
    }
}

/// The faults in a history.
fn check(history: &[Note], journalled: &[i64]) -> Vec<String> {
    let mut faults = Vec::new();
    for (order, journalled) in journalled.iter().enumerate() {
        let notes: Vec<_> = history.iter().filter(|note| note.order == order).collect();
        let outcomes: Vec<_> = notes
            .iter()
            .filter_map(|note| match &note.reply {
                Reply::Delivered(outcome) => outcome.as_deref(),
                Reply::Read { .. } => None,
            })
            .collect();
        if outcomes
            .iter()
            .filter(|outcome| **outcome == "completed")
            .count()
            > 1
        {
            faults.push(format!("order {order} was sold twice"));
        }
        if (outcomes.len() as i64) > *journalled {
            faults.push(format!(
                "order {order}: an acknowledged delivery is in no journal"
            ));
        }
        for earlier in &notes {
            for later in notes.iter().filter(|later| later.called > earlier.answered) {
                faults.extend(went_back(order, &earlier.reply, &later.reply));
            }
        }
    }
    faults
}

/// `later` was called after `earlier` was answered, so its answer must not be older.
fn went_back(order: usize, earlier: &Reply, later: &Reply) -> Option<String> {
    if let (Reply::Read { version: old, .. }, Reply::Read { version: new, .. }) = (earlier, later)
        && new < old
    {
        return Some(format!(
            "order {order} went back from version {old} to {new}"
        ));
    }
    if !earlier.shows_a_sale() {
        return None;
    }
    match later {
        Reply::Read { status, .. } if status != "COMPLETED" => {
            Some(format!("order {order} was sold and then shows {status}"))
        }
        Reply::Delivered(Some(outcome)) if !matches!(outcome.as_str(), "duplicate" | "stale") => {
            Some(format!(
                "order {order} was sold and then a delivery was {outcome}"
            ))
        }
        Reply::Read { .. } | Reply::Delivered(_) => None,
    }
}

async fn no_client_sees_an_order_go_back_and_acknowledged_deliveries_are_there(kind: Kind) {
    let app = TestApp::start(kind).await;
    let mut orders = Vec::new();
    for _ in 0..ORDERS {
        orders.push(app.buy().await);
    }

    let clients = (0..CLIENTS).map(|client| act(&app, &orders, client));
    let history: Vec<Note> = join_all(clients).await.into_iter().flatten().collect();

    let mut journalled = Vec::new();
    for order in &orders {
        let sql = format!(
            "SELECT COUNT(*) FROM webhook_deliveries WHERE order_id = '{}'",
            order.id
        );
        journalled.push(app.database.count(&sql).await);
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
    assert_eq!(check(&history, &journalled), Vec::<String>::new());
    assert_eq!(history.len(), CLIENTS * CALLS);
}

/// One client: half of its calls are reads, and the statuses that it delivers vary.
async fn act(app: &TestApp, orders: &[TestOrder], client: usize) -> Vec<Note> {
    const WORDS: [&str; 5] = ["PENDING", "FAILED", "COMPLETED", "CANCELLED", "COMPLETED"];
    let mut notes = Vec::new();
    for call in 0..CALLS {
        let order = (call / 2 + client) % ORDERS;
        let called = Instant::now();
        let reply = if (call + client).is_multiple_of(2) {
            let document = app.status(&orders[order]).await;
            Reply::Read {
                status: document["payment_status"].as_str().unwrap().to_owned(),
                version: document["version"].as_i64().unwrap(),
            }
        } else {
            let word = WORDS[(call / 2 + client * 2) % WORDS.len()];
            let (status, outcome) = app.deliver_word(&orders[order], word).await.verdict();
            Reply::Delivered((status == 200).then_some(outcome))
        };
        notes.push(Note {
            order,
            called,
            answered: Instant::now(),
            reply,
        });
    }
    notes
}

#[test]
fn the_checker_finds_each_kind_of_fault() {
    let start = Instant::now();
    let at = |millis| start + std::time::Duration::from_millis(millis);
    let note = |from, to, reply| Note {
        order: 0,
        called: at(from),
        answered: at(to),
        reply,
    };
    let delivered = |outcome: &str| Reply::Delivered(Some(outcome.to_owned()));
    let read = |status: &str, version| Reply::Read {
        status: status.to_owned(),
        version,
    };

    let sold_twice = [
        note(0, 9, delivered("completed")),
        note(1, 9, delivered("completed")),
    ];
    let lost = [note(0, 1, delivered("pending"))];
    let back = [
        note(0, 1, read("FAILED", 2)),
        note(2, 3, read("PENDING", 1)),
    ];
    let unsold = [
        note(0, 1, delivered("completed")),
        note(2, 3, read("FAILED", 9)),
    ];
    let undone = [
        note(0, 1, read("COMPLETED", 2)),
        note(2, 3, delivered("failed")),
    ];
    for (history, journalled) in [
        (&sold_twice[..], 2),
        (&lost[..], 0),
        (&back[..], 0),
        (&unsold[..], 1),
        (&undone[..], 1),
    ] {
        assert_eq!(check(history, &[journalled]).len(), 1, "{history:?}");
    }

    // Calls that overlap in time may take effect in either order.
    let overlapping = [
        note(0, 5, delivered("completed")),
        note(1, 6, read("PENDING", 1)),
    ];
    assert_eq!(check(&overlapping, &[1]), Vec::<String>::new());
}
