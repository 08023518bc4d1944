//! Percentiles of the last five minutes.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;
use utoipa::ToSchema;

/// How far back the percentiles look.
const WINDOW: Duration = Duration::from_secs(300);
/// The window moves in steps of this length.
const STEP: Duration = Duration::from_secs(30);
/// Microseconds; what took longer is counted as this.
const LONGEST_MICROS: u64 = 60_000_000;

/// In milliseconds; 0 while nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Percentiles {
    /// Half were faster.
    pub p50: f64,
    /// 95 of 100 were faster.
    pub p95: f64,
    /// 99 of 100 were faster.
    pub p99: f64,
}

/// A histogram that forgets. The lock is held for one increment, or for the merge of ten
/// histograms when the percentiles are read.
#[derive(Default)]
pub(super) struct Sliding {
    steps: Mutex<VecDeque<(Instant, Histogram<u32>)>>,
}

impl Sliding {
    /// Counts one duration.
    pub(super) fn record(&self, now: Instant, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(LONGEST_MICROS);
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        forget(&mut steps, now);
        if steps
            .back()
            .is_none_or(|(began, _)| now.saturating_duration_since(*began) >= STEP)
        {
            steps.push_back((now, histogram()));
        }
        if let Some((_, step)) = steps.back_mut() {
            step.saturating_record(micros.clamp(1, LONGEST_MICROS));
        }
    }

    /// The percentiles of the five minutes before `now`.
    pub(super) fn percentiles(&self, now: Instant) -> Percentiles {
        let mut all = histogram();
        {
            let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
            forget(&mut steps, now);
            for (_, step) in steps.iter() {
                // Cannot fail: all have the same bounds.
                let _ = all.add(step);
            }
        }
        if all.is_empty() {
            return Percentiles::default();
        }
        let millis = |quantile| all.value_at_quantile(quantile) as f64 / 1_000.0;
        Percentiles {
            p50: millis(0.50),
            p95: millis(0.95),
            p99: millis(0.99),
        }
    }
}

fn forget(steps: &mut VecDeque<(Instant, Histogram<u32>)>, now: Instant) {
    steps.retain(|(began, _)| now.saturating_duration_since(*began) <= WINDOW);
}

fn histogram() -> Histogram<u32> {
    // Two significant digits: one percent off at most, 20 KiB a step.
    Histogram::new_with_bounds(1, LONGEST_MICROS, 2).expect("constant bounds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_five_minutes_count() {
        let sliding = Sliding::default();
        let start = Instant::now();
        for _ in 0..99 {
            sliding.record(start, Duration::from_millis(1));
        }
        sliding.record(start, Duration::from_secs(2));

        let early = sliding.percentiles(start);
        let late = sliding.percentiles(start + WINDOW + STEP);

        assert!(
            (0.9..1.1).contains(&early.p50) && early.p99 < 2_100.0,
            "{early:?}"
        );
        assert_eq!(late, Percentiles::default());
    }
}
