//! `malipo order show`: what happened to one order, for the person on call. Only reads, and
//! works beside a running server.

use chrono::{DateTime, SubsecRound, Utc};
use chrono_tz::Tz;
use clap::Subcommand;

use super::Failure;
use crate::config::Config;
use crate::domain::history::{Line, OrderHistory, tell};
use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::Payment;
use crate::domain::people::mask::Visibility;
use crate::domain::people::operator::Role;
use crate::domain::search;
use crate::store::{OrderSearch, Store};

/// The operator's name in the audit log: a person who may run this has the database anyway.
const TERMINAL: &str = "terminal";

/// Orders of one name that are listed.
const LISTED: u64 = 10;

#[derive(Subcommand)]
pub(super) enum Look {
    /// Print one order's timeline
    Show {
        /// Its id, the first eight digits of its id, the phone that bought or its last digits, the
        /// voucher's code, or the number of a payment or an invoice
        #[arg(value_name = "ID|REF|PHONE|CODE")]
        name: String,
        /// Show phones and codes whole, and keep a record of that in the audit log
        #[arg(long)]
        reveal: bool,
    },
}

pub(super) async fn look(config: &Config, look: Look) -> Result<(), Failure> {
    let Look::Show { name, reveal } = look;
    let store = Store::open_beside(&config.database)
        .await
        .map_err(Failure::Order)?;
    let id = only_order(&store, &name, config.server.timezone).await?;
    let story = store
        .story(id)
        .await
        .map_err(Failure::Order)?
        .ok_or(Failure::NoSuchOrder)?;
    let sight = if reveal {
        Visibility::Whole
    } else {
        Visibility::Masked
    };
    if sight == Visibility::Whole {
        let recorded = store.record_reveal(TERMINAL, Some(id), "order");
        recorded.await.map_err(Failure::Order)?;
    }
    print!(
        "{}",
        told(&story, sight, config.server.timezone, store.clock().now())
    );
    Ok(())
}

/// The one order that is named so.
async fn only_order(store: &Store, name: &str, zone: Tz) -> Result<OrderId, Failure> {
    let keys = search::read(name, Role::Admin).map_err(|_| Failure::NoSuchOrder)?;
    let search = OrderSearch {
        keys,
        limit: LISTED,
        ..OrderSearch::default()
    };
    let found = store.find_orders(search).await.map_err(Failure::Order)?;
    match found.items.as_slice() {
        [] => Err(Failure::NoSuchOrder),
        [only] => Ok(only.order_id),
        several => {
            for order in several {
                println!("{}", listed(order, several, zone));
            }
            Err(Failure::SeveralOrders)
        }
    }
}

/// A line by which one order is told from the others: its `ref`, or its id where two have one `ref`.
fn listed(order: &Payment, list: &[Payment], zone: Tz) -> String {
    let order_ref = order.order_id.order_ref();
    let same = list
        .iter()
        .filter(|it| it.order_id.order_ref() == order_ref);
    let name = match same.count() {
        1 => order_ref.to_string(),
        _ => order.order_id.to_string(),
    };
    format!(
        "{name}  {}  {:9}  {} for {} TZS",
        order
            .created_at
            .with_timezone(&zone)
            .format("%Y-%m-%d %H:%M:%S"),
        order.status.as_str(),
        order.terms.code,
        order.amount,
    )
}

fn told(story: &OrderHistory, sight: Visibility, zone: Tz, now: DateTime<Utc>) -> String {
    let payment = &story.payment;
    let mut text = format!(
        "Order {}  {}, version {}\n  {} for {} TZS, phone {}\n",
        name_of(payment.order_id, sight),
        payment.status.as_str(),
        payment.version,
        payment.terms.code,
        payment.amount,
        sight.phone(payment.phone.international()),
    );
    let facts = [
        (
            "paid",
            payment.gateway.paid_amount.map(|it| format!("{it} TZS")),
        ),
        ("reference", payment.gateway.reference.clone()),
        ("transid", payment.gateway.transid.clone()),
        ("channel", payment.gateway.channel.clone()),
        ("invoice", story.invoice.clone()),
    ];
    let facts: Vec<_> = facts
        .into_iter()
        .filter_map(|(name, fact)| Some(format!("{name} {}", printable(&fact?))))
        .collect();
    if !facts.is_empty() {
        text += &format!("  {}\n", facts.join(", "));
    }
    text += &format!("  times in {zone}\n\n");

    let mut day = None;
    for line in tell(story, sight, now, &zone) {
        let at = line.at.with_timezone(&zone);
        if day != Some(at.date_naive()) {
            day = Some(at.date_naive());
            text += &format!("{}\n", at.format("%A, %-d %B %Y"));
        }
        text += &row(
            &line,
            &at.trunc_subsecs(3).format("%H:%M:%S%.3f").to_string(),
        );
    }
    text
}

/// Its id opens its voucher, so it is shown where the voucher's code is.
fn name_of(order_id: OrderId, sight: Visibility) -> String {
    let whole = sight.order_id(order_id);
    whole.unwrap_or_else(|| order_id.order_ref().to_string())
}

fn row(line: &Line, at: &str) -> String {
    let after = line
        .after_ms
        .map_or_else(String::new, |ms| format!("+{}", span(ms)));
    // What others wrote is printed as text: no escape sequence reaches the terminal.
    let summary = printable(&line.summary);
    format!("{at} {after:>10}  {:12} {summary}\n", line.kind)
}

fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Short, and exact where it matters: `43 ms`, `2.1 s`, `5 min`.
fn span(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1_000.0),
        60_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        172_800_000.. => format!("{} d", ms / 86_400_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let spans = [0, 43, 999, 2_130, 61_000, 7_200_000, 172_800_000].map(span);

        assert_eq!(
            spans,
            ["0 ms", "43 ms", "999 ms", "2.1 s", "1 min", "2 h", "2 d"]
        );
    }

    #[test]
    fn nothing_that_others_wrote_commands_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    }
}
