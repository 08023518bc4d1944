//! `malipo order show`: what happened to one order, for whoever is on call. Only reads, and
//! works beside a running server.

use chrono::{DateTime, SubsecRound, Utc};
use chrono_tz::Tz;
use clap::Subcommand;

use super::Failure;
use crate::config::Config;
use crate::domain::ids::OrderId;
use crate::domain::mask::Sight;
use crate::domain::timeline::{Line, Story, tell};
use crate::store::{Reveal, Store};

/// Who looks, in the audit log: whoever may run this has the database anyway.
const TERMINAL: &str = "terminal";

#[derive(Subcommand)]
pub(super) enum Look {
    /// Print one order's timeline
    Show {
        /// The order's id
        id: OrderId,
        /// Show phones and codes whole, and keep a record of that in the audit log
        #[arg(long)]
        reveal: bool,
    },
}

pub(super) async fn look(config: &Config, look: Look) -> Result<(), Failure> {
    let Look::Show { id, reveal } = look;
    let store = Store::open_beside(&config.database)
        .await
        .map_err(Failure::Order)?;
    let story = store
        .story(id)
        .await
        .map_err(Failure::Order)?
        .ok_or(Failure::NoSuchOrder(id))?;
    let sight = if reveal { Sight::Whole } else { Sight::Masked };
    if sight == Sight::Whole {
        let reveal = Reveal {
            operator: TERMINAL.to_owned(),
            order_id: Some(id),
            subject: "order".to_owned(),
        };
        store.record_reveal(reveal).await.map_err(Failure::Order)?;
    }
    print!(
        "{}",
        told(&story, sight, config.server.timezone, Utc::now())
    );
    Ok(())
}

fn told(story: &Story, sight: Sight, zone: Tz, now: DateTime<Utc>) -> String {
    let payment = &story.payment;
    let mut text = format!(
        "Order {}  {}, version {}\n  {} for {} TZS, phone {}\n",
        payment.order_id,
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
