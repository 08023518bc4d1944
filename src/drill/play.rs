//! What is done, in waves: a crowd of guests orders and waits, then the webhooks of the
//! whole wave come at once.

use std::ops::Range;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::collected::{PlayedOrder, Sent};
use super::guest::{self, Phones};
use super::progress::Progress;
use super::sender::{Planned, Sender, Subject};
use super::server::Server;
use super::{DrillError, Plan, Target};

/// Orders in play at the same moment. Each has a poll parked, and an embedded server has
/// both ends of it in one process: well within a limit of 1024 open files.
const WAVE: u32 = 50;
/// How long the webhooks wait for the guests to be parked. Not needed for the verdict, but
/// for the time that it takes to tell them.
const PARK_WITHIN: Duration = Duration::from_secs(2);
const PARK_TICK: Duration = Duration::from_millis(10);

const COMPLETED: &str = "COMPLETED";
const PENDING: &str = "PENDING";
const FAILED: &str = "FAILED";

/// What the deliveries of one order are, and which of them wait for which.
#[derive(Debug, PartialEq, Eq)]
struct Script {
    /// One after the other.
    before: Vec<Planned>,
    /// All at the same moment.
    at_once: Vec<Planned>,
    /// When all the others are answered.
    after: Vec<Planned>,
}

impl Script {
    /// The script of the order with this number; they take turns in how they begin.
    fn of(number: u32, copies: u32) -> Self {
        let before: &[_] = match number % 4 {
            0 => &[],
            1 => &[PENDING],
            2 => &[FAILED],
            _ => &[PENDING, FAILED],
        };
        let mut at_once = vec![COMPLETED; copies as usize];
        at_once.insert(at_once.len() / 2, FAILED);
        at_once.insert(1, PENDING);

        let mut marks = 0..;
        let mut planned = |words: &[&'static str]| -> Vec<Planned> {
            let numbered = marks.by_ref().zip(words);
            numbered
                .map(|(mark, word)| Planned { mark, word })
                .collect()
        };
        Self {
            before: planned(before),
            at_once: planned(&at_once),
            after: planned(&[PENDING, FAILED]),
        }
    }

    fn len(&self) -> usize {
        self.before.len() + self.at_once.len() + self.after.len()
    }
}

/// How many deliveries a plan comes to.
pub(super) fn deliveries(plan: Plan) -> u64 {
    (0..plan.orders)
        .map(|number| Script::of(number, plan.copies).len() as u64)
        .sum()
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
    let server = Server::of(target)?;
    let stage = Context {
        target,
        server: &server,
        sender: Sender::new(&server, &target.key, progress),
        phones: Phones::new(),
        packages: guest::price_list(&server).await?,
    };
    progress.begin(deliveries(plan));
    let mut played = Vec::with_capacity(plan.orders as usize);
    for first in (0..plan.orders).step_by(WAVE as usize) {
        let wave = first..plan.orders.min(first + WAVE);
        played.extend(stage.wave(wave, plan.copies).await?);
    }
    progress.end();
    Ok(played)
}

/// What all waves share.
struct Context<'a> {
    target: &'a Target,
    server: &'a Server,
    sender: Sender<'a>,
    phones: Phones,
    packages: Vec<String>,
}

impl Context<'_> {
    async fn wave(&self, wave: Range<u32>, copies: u32) -> Result<Vec<PlayedOrder>, DrillError> {
        let subjects = try_join_all(wave.clone().map(|number| self.place(number))).await?;
        let parked_before = self.server.waiters().await;

        let all_sent = CancellationToken::new();
        let guests = subjects
            .iter()
            .map(|subject| guest::wait(self.server, subject.order_id, &all_sent));
        let webhooks = async {
            self.until_parked(parked_before, subjects.len()).await;
            let orders = wave.zip(&subjects);
            let sent = orders.map(|(number, subject)| self.deliver(number, subject, copies));
            let sent = join_all(sent).await;
            all_sent.cancel();
            sent
        };
        let (told, sent) = tokio::join!(join_all(guests), webhooks);

        let orders = subjects.into_iter().zip(sent).zip(told);
        Ok(orders
            .map(|((subject, sent), told)| PlayedOrder {
                order_id: subject.order_id,
                sent,
                told,
            })
            .collect())
    }

    async fn place(&self, number: u32) -> Result<Subject, DrillError> {
        let package = &self.packages[number as usize % self.packages.len()];
        let order_id = guest::place(self.server, &self.phones, number, package).await?;
        let webhook_secret = match &self.target.store {
            None => None,
            Some(store) => {
                let payment = store.load(order_id).await?;
                Some(payment.ok_or(DrillError::OtherDatabase)?.webhook_secret)
            }
        };
        Ok(Subject {
            order_id,
            webhook_secret,
        })
    }

    /// Until so many more polls are parked, if the server tells, and not for long.
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

    async fn deliver(&self, number: u32, subject: &Subject, copies: u32) -> Vec<Sent> {
        let script = Script::of(number, copies);
        let mut sent = Vec::with_capacity(script.len());
        for planned in script.before {
            sent.push(self.sender.deliver(subject, planned).await);
        }
        for together in [script.at_once, script.after] {
            let deliveries = together
                .into_iter()
                .map(|planned| self.sender.deliver(subject, planned));
            sent.extend(join_all(deliveries).await);
        }
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_has_all_copies_and_late_words_before_between_and_after() {
        for (number, copies) in (0..8).flat_map(|number| [(number, 1), (number, 2), (number, 8)]) {
            let script = Script::of(number, copies);

            let words = |of: &[Planned], word| of.iter().filter(|it| it.word == word).count();
            assert_eq!(words(&script.at_once, COMPLETED), copies as usize);
            assert_eq!(words(&script.at_once, PENDING), 1);
            assert_eq!(words(&script.at_once, FAILED), 1);
            assert_eq!(words(&script.after, FAILED), 1);
            assert_eq!(words(&script.before, COMPLETED), 0);
        }
        let fails_first = |number| {
            Script::of(number, 8)
                .before
                .iter()
                .any(|it| it.word == FAILED)
        };
        assert!((0..4).any(fails_first) && !(0..4).all(fails_first));
    }

    #[test]
    fn every_delivery_of_an_order_has_a_mark_of_its_own() {
        let script = Script::of(3, 8);

        let all = [script.before, script.at_once, script.after].concat();
        let marks: Vec<u32> = all.iter().map(|planned| planned.mark).collect();
        assert_eq!(marks, (0..14).collect::<Vec<_>>());
    }
}
