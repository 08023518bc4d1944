//! Plays the orders in waves: the guests of a wave order and wait, then all webhooks of the wave are
//! sent.

use std::ops::Range;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::collected::{COMPLETED, PlayedOrder, Sent};
use super::guest;
use super::progress::Progress;
use super::server::{DrillError, Server, Target, is_away};
use crate::domain::order::OrderId;
use crate::domain::people::Secret;
use crate::gateways::zenopay::client::KEY_HEADER;

/// Orders that are played at the same moment. Each has a poll parked, and an embedded server has
/// both ends of it in one process: well within a limit of 1024 open files.
const WAVE: u32 = 50;
/// How long the webhooks wait for the guests' polls. The verdict does not need that, but the
/// measured time until the guests know does.
const PARK_WITHIN: Duration = Duration::from_secs(2);
const PARK_TICK: Duration = Duration::from_millis(10);
/// The field of a webhook's `metadata` for the mark.
const MARK: &str = "drill";

const PENDING: &str = "PENDING";
const FAILED: &str = "FAILED";

/// How much is played.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Orders in all.
    pub orders: u32,
    /// Copies of each COMPLETED webhook, sent at the same moment.
    pub copies: u32,
}

/// One delivery to be sent: its number within its order, and ZenoPay's word.
#[derive(Clone, Copy, Debug)]
struct Planned {
    mark: u32,
    word: &'static str,
}

/// The deliveries of the order with this number, in phases. Those of a phase are sent at the same
/// moment, when all of the phase before are answered. The orders begin in four different ways.
fn phases(number: u32, copies: u32) -> Vec<Vec<Planned>> {
    let before: &[&[_]] = match number % 4 {
        0 => &[],
        1 => &[&[PENDING]],
        2 => &[&[FAILED]],
        _ => &[&[PENDING], &[FAILED]],
    };
    let mut at_once = vec![COMPLETED; copies as usize];
    at_once.insert(at_once.len() / 2, FAILED);
    at_once.insert(1, PENDING);
    let phases = before
        .iter()
        .copied()
        .chain([&at_once[..], &[PENDING, FAILED]]);
    let mut marks = 0..;
    let planned = |words: &[&'static str]| {
        let words = words.iter().zip(marks.by_ref());
        words.map(|(&word, mark)| Planned { mark, word }).collect()
    };
    phases.map(planned).collect()
}

/// How many deliveries a plan has.
fn deliveries(plan: Plan) -> u64 {
    let orders = (0..plan.orders).flat_map(|number| phases(number, plan.copies));
    orders.map(|phase| phase.len() as u64).sum()
}

/// Plays every order to its end: placed, waited for, delivered.
///
/// # Errors
/// If an order cannot be placed, or is not in the database that was named.
pub async fn play(
    target: &Target,
    plan: Plan,
    progress: &Progress,
) -> Result<Vec<PlayedOrder>, DrillError> {
    let server = Server::new(target)?;
    let context = Context {
        first_phone: guest::first_phone(),
        packages: guest::price_list(&server).await?,
        server,
        progress,
    };
    progress.bar.set_length(deliveries(plan));
    progress.bar.reset_eta();
    let mut played = Vec::with_capacity(plan.orders as usize);
    for first in (0..plan.orders).step_by(WAVE as usize) {
        let wave = first..plan.orders.min(first + WAVE);
        played.extend(context.wave(wave, plan.copies).await?);
    }
    progress.bar.finish_and_clear();
    Ok(played)
}

/// What all waves share.
struct Context<'a> {
    server: Server<'a>,
    progress: &'a Progress,
    first_phone: u64,
    packages: Vec<String>,
}

/// An order that webhooks are about.
struct PlacedOrder {
    id: OrderId,
    /// The random part of the order's own webhook URL, if it is known.
    webhook_secret: Option<Secret>,
}

impl Context<'_> {
    async fn wave(&self, wave: Range<u32>, copies: u32) -> Result<Vec<PlayedOrder>, DrillError> {
        let orders = try_join_all(wave.clone().map(|number| self.place(number))).await?;
        let parked_before = self.server.waiters().await;

        let all_sent = CancellationToken::new();
        let guests = orders
            .iter()
            .map(|order| guest::wait(&self.server, order.id, &all_sent));
        let webhooks = async {
            self.until_parked(parked_before, orders.len()).await;
            let numbered = wave.zip(&orders);
            let sent = numbered.map(|(number, order)| self.deliver(order, phases(number, copies)));
            let sent = join_all(sent).await;
            all_sent.cancel();
            sent
        };
        let (polled, sent) = tokio::join!(join_all(guests), webhooks);

        let orders = orders.into_iter().zip(sent).zip(polled);
        Ok(orders
            .map(|((order, sent), polled)| PlayedOrder {
                order_id: order.id,
                sent,
                polled,
            })
            .collect())
    }

    async fn place(&self, number: u32) -> Result<PlacedOrder, DrillError> {
        let package = &self.packages[number as usize % self.packages.len()];
        let id = guest::place(&self.server, self.first_phone, number, package).await?;
        let webhook_secret = match &self.server.target.store {
            None => None,
            Some(store) => {
                let payment = store.load(id).await?;
                Some(payment.ok_or(DrillError::OtherDatabase)?.webhook_secret)
            }
        };
        Ok(PlacedOrder { id, webhook_secret })
    }

    /// Waits until so many more polls are parked, if the metrics can be read, and not for long.
    async fn until_parked(&self, before: Option<u64>, guests: usize) {
        let Some(before) = before else {
            return;
        };
        let started = Instant::now();
        while started.elapsed() < PARK_WITHIN {
            match self.server.waiters().await {
                Some(parked) if parked < before + guests as u64 => sleep(PARK_TICK).await,
                Some(_) | None => return,
            }
        }
    }

    async fn deliver(&self, order: &PlacedOrder, phases: Vec<Vec<Planned>>) -> Vec<Sent> {
        let mut sent = Vec::new();
        for phase in phases {
            let deliveries = phase.into_iter().map(|planned| self.send(order, planned));
            sent.extend(join_all(deliveries).await);
        }
        sent
    }

    /// Sends one delivery until it is acknowledged, refused or given up.
    async fn send(&self, order: &PlacedOrder, Planned { mark, word }: Planned) -> Sent {
        let body = json!({
            "order_id": order.id.to_string(),
            "payment_status": word,
            // None: a simulated ZenoPay that also delivers has one of its own, and another
            // reference is the alert for a second charge.
            "reference": null,
            "metadata": {MARK: mark},
        });
        // By turns, because both proofs must be accepted.
        let secret = order.webhook_secret.as_ref().filter(|_| mark % 2 == 1);
        let path = match secret {
            Some(secret) => format!("/webhook/zenopay/{}.{}", order.id, secret.expose()),
            None => "/webhook/zenopay".to_owned(),
        };
        let key = &self.server.target.key;
        let reply = self.server.send(is_away, || {
            let request = self.server.portal(Method::POST, &path).json(&body);
            match secret {
                Some(_) => request,
                None => request.header(KEY_HEADER, key.expose()),
            }
        });
        let reply = reply.await;
        self.progress.one_more();
        Sent { mark, word, reply }
    }
}

/// The mark of a delivery in the journal; `None` if the drill did not send it.
pub(super) fn mark_of(body: &[u8]) -> Option<u32> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body["metadata"][MARK].as_u64()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_has_all_copies_at_once_and_other_words_before_between_and_after() {
        for (number, copies) in (0..8).flat_map(|number| [(number, 1), (number, 2), (number, 8)]) {
            let phases = phases(number, copies);
            let [before @ .., at_once, after] = &phases[..] else {
                panic!("{phases:?}");
            };

            let words = |of: &[Planned], word| of.iter().filter(|it| it.word == word).count();
            assert_eq!(words(at_once, COMPLETED), copies as usize);
            assert_eq!(words(at_once, PENDING), 1);
            assert_eq!(words(at_once, FAILED), 1);
            assert_eq!(words(after, FAILED), 1);
            assert_eq!(words(&before.concat(), COMPLETED), 0);
        }
        let fails_first = |number| {
            let phases = phases(number, 8);
            let before = phases[..phases.len() - 2].concat();
            before.iter().any(|it| it.word == FAILED)
        };
        assert!((0..4).any(fails_first) && !(0..4).all(fails_first));
    }

    #[test]
    fn every_delivery_of_an_order_has_a_mark_of_its_own() {
        let marks: Vec<u32> = phases(3, 8).concat().iter().map(|it| it.mark).collect();

        assert_eq!(marks, (0..14).collect::<Vec<_>>());
    }
}
