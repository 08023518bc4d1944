//! `malipo order show`: what happened to one order, for the person on call. Only reads, and
//! works beside a running server.

use std::error::Error;

use chrono::{DateTime, SubsecRound, Utc};
use chrono_tz::Tz;
use clap::Subcommand;

use super::command::{Done, print};
use crate::config::Config;
use crate::domain::history::{OrderHistory, narrate};
use crate::domain::order::{OrderId, Payment};
use crate::domain::people::{Role, Visibility};
use crate::domain::search;
use crate::store::{OrderSearch, Store};

/// The operator's name in the audit log. A person at this machine can read the database anyway.
const TERMINAL: &str = "terminal";

const NO_SUCH_ORDER: &str =
    "there is no such order (a printed voucher has none: look for it in the console's search box)";
/// Orders that are listed when several match.
const LISTED: u64 = 10;

#[derive(Subcommand)]
pub(super) enum OrderCommand {
    /// Print one order's timeline
    Show {
        /// Its id, the first eight digits of its id, the phone that bought or its last digits, the
        /// voucher's code, or the number of a payment or an invoice
        #[arg(value_name = "ID|REF|PHONE|CODE")]
        name: String,
        /// Show phones and codes in full, and record that in the audit log
        #[arg(long)]
        reveal: bool,
    },
}

pub(super) async fn run(config: &Config, command: OrderCommand) -> Done {
    let OrderCommand::Show { name, reveal } = command;
    let zone = config.server.timezone;
    let store = Store::open_existing(&config.database).await?;
    let id = find_order(&store, &name, zone).await?;
    let history = store.order_history(id).await?.ok_or(NO_SUCH_ORDER)?;
    let visibility = if reveal {
        store.record_unmasking(TERMINAL, Some(id), "order").await?;
        Visibility::Whole
    } else {
        Visibility::Masked
    };
    let now = store.clock().now();
    Ok(print(timeline(&history, visibility, zone, now))?)
}

/// The one order that matches; several are listed.
async fn find_order(store: &Store, name: &str, zone: Tz) -> Result<OrderId, Box<dyn Error>> {
    let search = OrderSearch {
        keys: search::read(name, Role::Admin).map_err(|_| NO_SUCH_ORDER)?,
        limit: LISTED,
        ..OrderSearch::default()
    };
    match store.find_orders(search).await?.items.as_slice() {
        [] => Err(NO_SUCH_ORDER.into()),
        [only] => Ok(only.order_id),
        several => {
            for order in several {
                print(summary(order, several, zone) + "\n")?;
            }
            Err("several orders match; give the first word of one line".into())
        }
    }
}

/// Begins with what identifies the order: its `ref`, or its id where two have the same `ref`.
fn summary(order: &Payment, list: &[Payment], zone: Tz) -> String {
    let order_ref = order.order_id.order_ref();
    let is_same = |it: &&Payment| it.order_id.order_ref() == order_ref;
    let name = match list.iter().filter(is_same).count() {
        1 => order_ref.to_string(),
        _ => order.order_id.to_string(),
    };
    let created_at = order.created_at.with_timezone(&zone);
    format!(
        "{name}  {}  {:9}  {} for {} TZS",
        created_at.format("%Y-%m-%d %H:%M:%S"),
        order.status.as_str(),
        order.terms.code,
        order.amount,
    )
}

fn timeline(
    history: &OrderHistory,
    visibility: Visibility,
    zone: Tz,
    now: DateTime<Utc>,
) -> String {
    let payment = &history.payment;
    let order_id = payment.order_id;
    // The id opens the voucher, so it is shown only where the code is.
    let name = visibility.order_id(order_id);
    let mut text = format!(
        "Order {}  {}, version {}\n  {} for {} TZS, phone {}\n",
        name.unwrap_or_else(|| order_id.order_ref().to_string()),
        payment.status.as_str(),
        payment.version,
        payment.terms.code,
        payment.amount,
        visibility.phone(payment.phone.international()),
    );
    let gateway = &payment.gateway;
    let facts = [
        ("paid", gateway.paid_amount.map(|it| format!("{it} TZS"))),
        ("reference", gateway.reference.clone()),
        ("transid", gateway.transid.clone()),
        ("channel", gateway.channel.clone()),
        ("invoice", history.invoice.clone()),
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
    for line in narrate(history, visibility, now, &zone) {
        let at = line.at.with_timezone(&zone);
        if day.replace(at.date_naive()) != Some(at.date_naive()) {
            text += &format!("{}\n", at.format("%A, %-d %B %Y"));
        }
        let time = at.trunc_subsecs(3).format("%H:%M:%S%.3f").to_string();
        let after = line.after_ms.map(|ms| format!("+{}", span(ms)));
        let (after, summary) = (after.unwrap_or_default(), printable(&line.summary));
        text += &format!("{time} {after:>10}  {:12} {summary}\n", line.kind);
    }
    text
}

/// Texts from outside, without escape sequences for the terminal.
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
    fn no_escape_sequence_reaches_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    }
}
