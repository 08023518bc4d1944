//! A stranger who holds all connections that the server lets him have.

use std::cell::Cell;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::harness::client::Client;
use crate::harness::process::Process;
use crate::harness::{ANSWERED_WITHIN, KEY, Kind, SaleCounts, TestDatabase, body_of};

on_both_databases! {
    a_webhook_is_answered_although_a_stranger_holds_all_connections_that_he_can_get,
}

/// Open files of the server; each connection is one.
const FILES: usize = 256;
/// Connections of each kind that the stranger tries to hold: more of one kind than there are files for all.
const OF_EACH: usize = 50;
/// Orders of his own, on each of which he parks all polls that one may have.
const HIS_ORDERS: usize = 7;
const POLLS_PER_ORDER: usize = 8;
const WEBHOOKS: usize = 10;
/// Longer than any limit of the server, on a busy machine.
const GIVE_UP_AFTER: Duration = Duration::from_secs(120);

/// What he sends on a connection before he stops.
const BEGINNINGS: [&str; 6] = [
    // Nothing.
    "",
    // A part of a head, and the same after a whole request.
    "GET /health/live HTTP/1.1\r\nhost: a\r\nx-sl",
    "GET /health/live HTTP/1.1\r\nhost: a\r\n\r\nGET /health/live HTTP/1.1\r\nx-sl",
    // A part of a body.
    "POST /buy HTTP/1.1\r\nhost: a\r\ncontent-length: 15000\r\n\r\npackage=da",
    "POST /api/v1/customer-portal/payment HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 15000\r\n\r\n",
    "POST /api/v1/customer-portal/webhook/zenopay HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"ord",
];

/// Starts a server that may open few files.
pub(super) fn serve(database: &TestDatabase, settings: &[(&str, &str)]) -> (Process, TempDir) {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n {FILES} && exec \"$0\" serve")])
        .arg(env!("CARGO_BIN_EXE_malipo"))
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    (Process::serve_by(command, &database.url, settings), folder)
}

pub(super) fn to(process: &Process) -> SocketAddr {
    let base = process.base.trim_end_matches('/');
    base.strip_prefix("http://").unwrap().parse().unwrap()
}

/// Holds a connection, and opens another one whenever the server closes it. Counts it once.
fn hold(to: SocketAddr, beginning: &'static str, held: &Rc<Cell<usize>>) -> JoinHandle<()> {
    let held = held.clone();
    actix_web::rt::spawn(async move {
        let mut is_first = true;
        loop {
            if let Ok(mut connection) = TcpStream::connect(to).await {
                // The server may have closed it already.
                let _ = connection.write_all(beginning.as_bytes()).await;
                held.set(held.get() + usize::from(is_first));
                is_first = false;
                let _ = connection.read_to_end(&mut Vec::new()).await;
            }
            // As far away as a phone on the Internet: what he holds counts here, and not how busy he keeps the
            // machine.
            sleep(Duration::from_millis(200)).await;
        }
    })
}

/// Sends requests whose answers fill the buffers of both sides, and reads none.
async fn fill(to: SocketAddr) -> TcpStream {
    let mut connection = TcpStream::connect(to).await.unwrap();
    let requests = "GET /docs/ HTTP/1.1\r\nhost: a\r\n\r\n".repeat(300);
    // The server may close the connection before it has read all of them.
    let _ = connection.write_all(requests.as_bytes()).await;
    connection
}

/// A webhook on a connection of its own. If that was closed in the rush, it is sent again, as ZenoPay does.
pub(super) async fn deliver(to: SocketAddr, order_id: &str) -> String {
    let body = body_of(order_id, "COMPLETED");
    let request = format!(
        "POST /api/v1/customer-portal/webhook/zenopay HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
         x-api-key: {KEY}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    loop {
        let mut connection = TcpStream::connect(to).await.unwrap();
        let mut answer = Vec::new();
        if connection.write_all(request.as_bytes()).await.is_ok() {
            let _ = connection.read_to_end(&mut answer).await;
        }
        if !answer.is_empty() {
            return String::from_utf8_lossy(&answer).into_owned();
        }
    }
}

async fn a_webhook_is_answered_although_a_stranger_holds_all_connections_that_he_can_get(
    kind: Kind,
) {
    let database = TestDatabase::create(kind).await;
    // No poll ends for another reason than the sale.
    let settings = [
        ("MALIPO__PORTAL__WAIT_MAX_SECS", "3000"),
        ("MALIPO__ORDERS__EXPIRE_AFTER_SECS", "3000"),
    ];
    let (process, _folder) = serve(&database, &settings);
    let (client, to) = (Client::of(&process), to(&process));
    let mut his = Vec::new();
    for _ in 0..HIS_ORDERS {
        his.push(client.buy().await);
    }
    let mut guests = Vec::new();
    for _ in 0..WEBHOOKS {
        guests.push(client.buy().await);
    }
    let polls: Vec<String> = his
        .iter()
        .map(|id| format!("GET /api/v1/customer-portal/payment/status/{id}?wait=3000 HTTP/1.1\r\nhost: a\r\n\r\n"))
        .collect();
    let mut parked = Vec::new();
    for poll in polls.iter().flat_map(|poll| [poll; POLLS_PER_ORDER]) {
        let mut connection = TcpStream::connect(to).await.unwrap();
        connection.write_all(poll.as_bytes()).await.unwrap();
        parked.push(connection);
    }
    client.until_parked(HIS_ORDERS * POLLS_PER_ORDER).await;
    let unread = join_all((0..OF_EACH).map(|_| fill(to))).await;
    let held = Rc::new(Cell::new(0));
    let mut attack = Vec::new();
    for beginning in BEGINNINGS {
        attack.extend((0..OF_EACH).map(|_| hold(to, beginning, &held)));
    }
    let begun = Instant::now();
    while held.get() < attack.len() {
        assert!(begun.elapsed() < GIVE_UP_AFTER, "{} are held", held.get());
        sleep(Duration::from_millis(10)).await;
    }

    for order_id in &guests {
        let answer = timeout(ANSWERED_WITHIN, deliver(to, order_id)).await;
        let answer = answer.expect("the webhook was not answered in time");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
        let is_sold = ["completed", "duplicate"]
            .iter()
            .any(|it| answer.contains(it));
        assert!(is_sold, "{answer}");
    }

    for task in attack {
        task.abort();
    }
    drop(unread);
    // A poll that waits is closed for no other connection: all are answered by the sale.
    for order_id in &his {
        let answer = deliver(to, order_id).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    }
    for mut connection in parked {
        let mut answer = vec![0; 4096];
        let count = timeout(GIVE_UP_AFTER, connection.read(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer[..count.unwrap().unwrap()]).into_owned();
        assert!(answer.contains("COMPLETED"), "{answer:?}");
    }
    for order_id in &guests {
        assert_eq!(
            database.sale_of(order_id).await,
            SaleCounts::ONE,
            "{order_id}"
        );
    }
}
