//! Whether one more prompt may be sent to a phone.
//!
//! A prompt makes a phone ring that may be a stranger's, so a typo or a prank must not repeat it all
//! day. The counts come from the database, so that they hold for all processes.

use chrono::{DateTime, TimeDelta, Utc};

use super::SecondPrompt;

/// The window of `limits.prompts_per_phone`.
const TEN_MINUTES: TimeDelta = TimeDelta::minutes(10);
/// The window of `limits.unpaid_per_phone_day`.
pub const DAY: TimeDelta = TimeDelta::hours(24);
/// The pause between two prompts from `limits.unpaid_per_phone_day` unpaid orders on, and from twice
/// as many on. It never grows further: strangers can order for any phone, and must not lock it out.
const PAUSES: [TimeDelta; 2] = [TimeDelta::minutes(10), TimeDelta::minutes(30)];
/// The clocks of two processes differ by less. An order from a later time was made while a clock was
/// wrong. When it was really made is not known, so it makes no guest wait.
pub const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(5);

/// The limits of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Prompts to one phone in ten minutes. The last one is kept for clients that have not prompted
    /// this phone in the last 24 hours.
    pub prompts_per_phone: u32,
    /// From how many unpaid orders of one phone in 24 hours on its prompts pause.
    pub unpaid_per_phone_day: u32,
    /// Prompts of the whole shop in a second.
    pub prompts_per_sec: u32,
    /// How long a prompt counts as open.
    pub resume: TimeDelta,
}

/// The orders of a phone in the last 24 hours.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// When orders were made, oldest first.
    pub prompts: Vec<DateTime<Utc>>,
    /// How many of them are unpaid.
    pub unpaid: u32,
    /// When the newest was made that is still PENDING.
    pub newest_pending: Option<DateTime<Utc>>,
    /// Whether the client that asks now has made one of them.
    pub is_known_client: bool,
    /// Orders of the whole shop in the last second.
    pub last_second: u64,
}

/// Why no prompt may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The phone is ringing. The seconds until the prompt no longer counts as open.
    PromptOpen(u64),
    /// A limit is reached. The seconds until there is room again.
    RateLimited(u64),
}

/// Decides whether one more prompt may be sent.
///
/// # Errors
/// The [`Refusal`], which says when to come again.
pub fn admit(
    history: &History,
    second_prompt: SecondPrompt,
    limits: Limits,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    if let Some(opened) = history.newest_pending
        && second_prompt == SecondPrompt::NotAllowed
        && now - opened < limits.resume
    {
        let secs = secs_until(opened + limits.resume, now);
        return Err(Refusal::PromptOpen(secs));
    }
    if history.last_second >= u64::from(limits.prompts_per_sec) {
        return Err(Refusal::RateLimited(1));
    }
    let free = room_at(history, limits, now).max(pause_ends(history, limits));
    match free.filter(|at| *at > now) {
        Some(at) => Err(Refusal::RateLimited(secs_until(at, now))),
        None => Ok(()),
    }
}

/// When there is room for one more prompt in ten minutes, if there is none now.
fn room_at(history: &History, limits: Limits, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let kept = u32::from(history.is_known_client);
    let most = limits.prompts_per_phone.saturating_sub(kept).max(1);
    let prompts = history.prompts.iter();
    let recent: Vec<_> = prompts.filter(|at| now - **at < TEN_MINUTES).collect();
    // There is room once `over + 1` more have left the window.
    let over = recent.len().checked_sub(most as usize)?;
    recent.get(over).map(|at| **at + TEN_MINUTES)
}

/// When the pause after the newest prompt ends, if this phone has many unpaid orders.
fn pause_ends(history: &History, limits: Limits) -> Option<DateTime<Utc>> {
    let times = history.unpaid / limits.unpaid_per_phone_day.max(1);
    let pause = PAUSES[..PAUSES.len().min(times as usize)].last()?;
    history.prompts.last().map(|newest| *newest + *pause)
}

/// Whole seconds, rounded up.
fn secs_until(at: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    let millis = u64::try_from((at - now).num_milliseconds());
    millis.unwrap_or(0).div_ceil(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        prompts_per_phone: 3,
        unpaid_per_phone_day: 8,
        prompts_per_sec: 50,
        resume: TimeDelta::seconds(90),
    };

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(secs)
    }

    #[test]
    fn a_phone_that_rings_is_not_rung_again_until_the_prompt_is_over() {
        let history = History {
            newest_pending: Some(at(0)),
            ..History::default()
        };

        let early = admit(&history, SecondPrompt::NotAllowed, LIMITS, at(30));
        let again = admit(&history, SecondPrompt::Allowed, LIMITS, at(30));
        let late = admit(&history, SecondPrompt::NotAllowed, LIMITS, at(90));

        assert_eq!(early, Err(Refusal::PromptOpen(60)));
        assert_eq!((again, late), (Ok(()), Ok(())));
    }

    /// Prompts at these times, asked for by a client that has made none of them.
    fn prompted(secs: &[i64]) -> History {
        History {
            prompts: secs.iter().copied().map(at).collect(),
            ..History::default()
        }
    }

    fn asked_at(history: &History, secs: i64) -> Result<(), Refusal> {
        admit(history, SecondPrompt::NotAllowed, LIMITS, at(secs))
    }

    #[test]
    fn the_fourth_prompt_in_ten_minutes_waits_for_the_first_to_be_forgotten() {
        let history = prompted(&[0, 100, 200]);

        assert_eq!(asked_at(&history, 300), Err(Refusal::RateLimited(300)));
        assert_eq!(asked_at(&history, 599), Err(Refusal::RateLimited(1)));
        assert_eq!(asked_at(&history, 600), Ok(()));
    }

    #[test]
    fn the_last_prompt_in_ten_minutes_is_kept_for_a_client_that_has_not_prompted_this_phone() {
        let new = prompted(&[0, 100]);
        let known = History {
            is_known_client: true,
            ..new.clone()
        };

        assert_eq!(asked_at(&new, 300), Ok(()));
        assert_eq!(asked_at(&known, 300), Err(Refusal::RateLimited(300)));
        assert_eq!(asked_at(&known, 600), Ok(()));
    }

    #[test]
    fn a_limit_of_one_prompt_keeps_none() {
        let limits = Limits {
            prompts_per_phone: 1,
            ..LIMITS
        };
        let mut history = prompted(&[0]);
        history.is_known_client = true;

        let ask = |secs| admit(&history, SecondPrompt::Allowed, limits, at(secs));
        assert_eq!(ask(599), Err(Refusal::RateLimited(1)));
        assert_eq!(ask(600), Ok(()));
    }

    #[test]
    fn a_phone_that_never_pays_pauses_for_longer_and_never_for_more_than_half_an_hour() {
        for (unpaid, pause) in [(7, 0), (8, 600), (15, 600), (16, 1_800), (500, 1_800)] {
            let history = History {
                unpaid,
                ..prompted(&[-9_000, 0])
            };

            let first = match u64::try_from(pause).unwrap() {
                0 => Ok(()),
                secs => Err(Refusal::RateLimited(secs)),
            };
            assert_eq!(asked_at(&history, 0), first, "{unpaid}");
            assert_eq!(asked_at(&history, pause), Ok(()), "{unpaid}");
        }
    }

    #[test]
    fn the_wait_is_the_longest_of_all_limits() {
        let history = History {
            unpaid: 8,
            ..prompted(&[0, 300, 500])
        };

        // The first prompt leaves the window after 600 s, but the pause ends later.
        assert_eq!(asked_at(&history, 550), Err(Refusal::RateLimited(550)));
    }

    #[test]
    fn the_whole_shop_has_a_pace() {
        let crowd = History {
            last_second: 50,
            ..History::default()
        };

        assert_eq!(
            admit(&crowd, SecondPrompt::Allowed, LIMITS, at(0)),
            Err(Refusal::RateLimited(1))
        );
    }
}
