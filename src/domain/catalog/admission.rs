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

/// The limits of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Prompts to one phone in ten minutes.
    pub prompts_per_phone: u32,
    /// Unpaid orders of one phone in 24 hours.
    pub unpaid_per_phone_day: u32,
    /// Prompts of the whole shop in a second.
    pub prompts_per_sec: u32,
    /// How long a prompt counts as open.
    pub resume: TimeDelta,
}

/// The orders of a phone in the last 24 hours, oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// When orders were made.
    pub prompts: Vec<DateTime<Utc>>,
    /// When the unpaid ones of them were made.
    pub unpaid: Vec<DateTime<Utc>>,
    /// When the newest was made that is still PENDING.
    pub newest_pending: Option<DateTime<Utc>>,
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
    room(&history.prompts, TEN_MINUTES, limits.prompts_per_phone, now)?;
    room(&history.unpaid, DAY, limits.unpaid_per_phone_day, now)
}

fn room(
    times: &[DateTime<Utc>],
    window: TimeDelta,
    most: u32,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let recent: Vec<_> = times.iter().filter(|at| now - **at < window).collect();
    match recent.len().checked_sub(most as usize) {
        None => Ok(()),
        // There is room once `over + 1` more have left the window.
        Some(over) => {
            let frees = recent.get(over).map_or(now, |at| **at + window);
            Err(Refusal::RateLimited(secs_until(frees, now)))
        }
    }
}

fn secs_until(at: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    u64::try_from((at - now).num_seconds()).unwrap_or(0) + 1
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

        assert_eq!(early, Err(Refusal::PromptOpen(61)));
        assert_eq!((again, late), (Ok(()), Ok(())));
    }

    #[test]
    fn the_fourth_prompt_in_ten_minutes_waits_for_the_first_to_be_forgotten() {
        let history = History {
            prompts: vec![at(0), at(100), at(200)],
            ..History::default()
        };

        assert_eq!(
            admit(&history, SecondPrompt::NotAllowed, LIMITS, at(300)),
            Err(Refusal::RateLimited(301))
        );
        assert_eq!(
            admit(&history, SecondPrompt::NotAllowed, LIMITS, at(600)),
            Ok(())
        );
    }

    #[test]
    fn a_phone_that_never_pays_has_eight_tries_a_day_and_the_shop_a_pace() {
        let unpaid = (0..8).map(|i| at(i * 3_600)).collect();
        let history = History {
            unpaid,
            ..History::default()
        };
        let crowd = History {
            last_second: 50,
            ..History::default()
        };

        assert!(admit(&history, SecondPrompt::NotAllowed, LIMITS, at(9 * 3_600)).is_err());
        assert_eq!(
            admit(&history, SecondPrompt::NotAllowed, LIMITS, at(24 * 3_600)),
            Ok(())
        );
        assert_eq!(
            admit(&crowd, SecondPrompt::Allowed, LIMITS, at(0)),
            Err(Refusal::RateLimited(1))
        );
    }
}
