//! Whole purchases: the order, the push to the gateway, the webhook, and a status read that must show
//! the sale. Each purchase has a phone of its own, because the server limits the prompts of a phone.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Write};

use malipo::domain::order::OrderId;

use super::zenopay::ZenoPay;
use crate::common::Outcome;
use crate::common::client::{Answers, Connection, Reply, Until, closed_loop_of, millis};
use crate::common::evidence::{status_read, webhook};
use crate::common::options::{Kind, Options};
use crate::common::report::Report;
use crate::common::shop::Shop;

const CONNECTIONS: usize = 32;
/// An upper bound for the purchases per second.
const MOST_PURCHASES: f64 = 10_000.0;
const COMPLETED: &str = "COMPLETED";

/// Measures whole purchases on one database, with a separate server that has a gateway and a limit of
/// prompts per second that is never reached.
///
/// # Errors
/// If a purchase fails, or is not exactly one sale in the database.
pub fn measure(kind: Kind, options: &Options, report: &mut Report) -> Outcome<()> {
    let zenopay = ZenoPay::start()?;
    let settings = [
        ("ZENOPAY__BASE_URL", zenopay.url.as_str()),
        ("LIMITS__PROMPTS_PER_SEC", "1000000"),
    ];
    let mut shop = Shop::open(kind, "purchases", &settings)?;
    let (mut rates, mut middle, mut slow) = (vec![], vec![], vec![]);
    for _ in 0..options.pairs {
        let answers = buy_for(&mut shop, options.seconds)?;
        rates.push(answers.rate());
        middle.push(millis(&answers.latency, 50.0));
        slow.push(millis(&answers.latency, 99.0));
    }

    let (slug, name) = (kind.slug(), kind.name());
    let what = format!("{name}, whole purchases, {CONNECTIONS} connections");
    report.add(format!("{slug}-purchases"), what.as_str(), "/s", rates);
    for (percentile, values) in [("p50", middle), ("p99", slow)] {
        report.add(
            format!("{slug}-purchases-{percentile}"),
            format!("{what}, {percentile}"),
            "ms",
            values,
        );
    }
    report.note(must_be_one_sale_each(&shop, &zenopay)?);
    shop.server.stop()
}

/// Purchases in a closed loop.
fn buy_for(shop: &mut Shop, seconds: f64) -> Outcome<Answers> {
    let until = Until {
        seconds,
        turns: (MOST_PURCHASES * seconds) as usize,
    };
    let first = shop.acknowledged.marks(until.turns);
    let orders = RefCell::new(HashMap::new());
    let purchase = async |connection: &mut Connection, turn, request: &mut Vec<u8>| {
        let order = buy(connection, first + turn, request).await?;
        orders.borrow_mut().insert(turn, order);
        Ok(200)
    };
    let answers = closed_loop_of(shop.server.address, CONNECTIONS, until, &purchase)?;
    let orders = orders.into_inner();
    shop.acknowledged
        .take(&answers, first, |turn| orders[&turn]);
    Ok(answers)
}

/// Runs one purchase. `mark` is the mark of its webhook and determines the phone number.
async fn buy(connection: &mut Connection, mark: u32, request: &mut Vec<u8>) -> io::Result<OrderId> {
    pay(mark, request);
    let reply = connection.exchange(request).await?;
    let order = reply.member("order_id").and_then(|id| id.parse().ok());
    let order = order
        .filter(|_| reply.status == 201)
        .ok_or_else(|| unexpected("order", &reply))?;

    request.clear();
    webhook(order, mark, COMPLETED, request);
    let reply = connection.exchange(request).await?;
    if reply.status != 200 {
        return Err(unexpected("webhook", &reply));
    }

    request.clear();
    status_read(order, None, request);
    let reply = connection.exchange(request).await?;
    if reply.member("payment_status") != Some(COMPLETED) {
        return Err(unexpected("status read", &reply));
    }
    Ok(order)
}

fn unexpected(what: &str, reply: &Reply) -> io::Error {
    let body = String::from_utf8_lossy(reply.body);
    io::Error::other(format!(
        "a purchase's {what} was answered {}: {body}",
        reply.status
    ))
}

/// Appends the order request of the guest with this number.
fn pay(guest: u32, into: &mut Vec<u8>) {
    let body = format!(r#"{{"packageId":"daily","phoneNumber":"06{guest:08}"}}"#);
    let length = body.len();
    write!(
        into,
        "POST /api/v1/customer-portal/payment HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .expect("memory takes what is written");
}

/// Checks that each purchase made one order, one push and one sale.
fn must_be_one_sale_each(shop: &Shop, zenopay: &ZenoPay) -> Outcome<String> {
    shop.must_balance()?;
    let purchases = shop.acknowledged.deliveries();
    let orders = shop.database.number("SELECT count(*) FROM payments")?;
    let pushes = zenopay.pushes();
    if usize::try_from(orders)? != purchases || pushes != purchases {
        return Err(
            format!("{purchases} purchases made {orders} orders and {pushes} pushes").into(),
        );
    }
    Ok(format!(
        "{}: {purchases} whole purchases looked up in the database: each is one order, one push and one sale",
        shop.database.kind.name()
    ))
}
