//! A circuit breaker for a service that may be down. After a few failures in a row it opens and
//! nothing is sent. After a pause a single probe is sent, and its result closes or reopens it. The
//! pause doubles with each probe that fails.
//!
//! Pure: the caller passes the time, so that an hour can pass in a test.

use std::time::{Duration, Instant};

/// After this long a probe without a result is taken to be lost.
const PROBE_LOST: Duration = Duration::from_secs(90);

/// The first pause; it doubles with each probe that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Anything.
    Free,
    /// One probe, and nothing beside it.
    Probe,
    /// Nothing.
    Stopped,
}

/// A change of state, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitChange {
    /// It opened, or a probe failed and it stays open.
    Opened {
        /// Until the next probe.
        pause: Duration,
    },
    /// It is closed again.
    Closed,
}

/// A circuit breaker.
#[derive(Clone, Debug)]
pub struct Circuit {
    failures_max: u32,
    failures: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Instant, pause: Duration },
    Probing { since: Instant, pause: Duration },
}

impl Circuit {
    /// A closed one, which opens after this many failures in a row.
    pub fn new(failures_max: u32) -> Self {
        Self {
            failures_max,
            failures: 0,
            state: State::Closed,
        }
    }

    /// What may be sent at `now`. Changes nothing; a probe that is sent is noted by
    /// [`probing`](Self::probing).
    pub fn flow(&self, now: Instant) -> Flow {
        match self.state {
            State::Closed => Flow::Free,
            State::Open { until, .. } if now >= until => Flow::Probe,
            State::Probing { since, .. } if now.duration_since(since) >= PROBE_LOST => Flow::Probe,
            State::Open { .. } | State::Probing { .. } => Flow::Stopped,
        }
    }

    /// Notes that a probe is sent at `now`.
    pub fn probing(&mut self, now: Instant) {
        match self.state {
            State::Closed => {}
            State::Open { pause, .. } | State::Probing { pause, .. } => {
                self.state = State::Probing { since: now, pause };
            }
        }
    }

    /// Notes an answer, whatever it says.
    pub fn succeeded(&mut self) -> Option<CircuitChange> {
        self.failures = 0;
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => None,
            State::Open { .. } | State::Probing { .. } => Some(CircuitChange::Closed),
        }
    }

    /// Notes a failure.
    pub fn failed(&mut self, now: Instant) -> Option<CircuitChange> {
        self.failures = self.failures.saturating_add(1);
        let pause = match self.state {
            State::Closed if self.failures < self.failures_max => return None,
            State::Closed => FIRST_PAUSE,
            // A request that was sent before it opened is no new evidence.
            State::Open { .. } => return None,
            State::Probing { pause, .. } => (pause * 2).min(LONGEST_PAUSE),
        };
        self.state = State::Open {
            until: now + pause,
            pause,
        };
        Some(CircuitChange::Opened { pause })
    }

    /// Whether it is open, or a probe is under way.
    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const FAILURES: u32 = 5;

    fn circuit() -> Circuit {
        Circuit::new(FAILURES)
    }

    fn opened(now: Instant) -> Circuit {
        let mut circuit = circuit();
        for _ in 0..FAILURES {
            circuit.failed(now);
        }
        circuit
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_an_answer_between_them_counts_anew() {
        let now = Instant::now();
        let mut circuit = circuit();

        for _ in 0..2 {
            for _ in 1..FAILURES {
                assert_eq!(circuit.failed(now), None);
            }
            assert_eq!(circuit.succeeded(), None);
            assert_eq!(circuit.flow(now), Flow::Free);
        }
        for _ in 1..FAILURES {
            circuit.failed(now);
        }

        let pause = 10 * SECOND;
        assert_eq!(circuit.failed(now), Some(CircuitChange::Opened { pause }));
        assert_eq!(circuit.flow(now), Flow::Stopped);
        assert!(circuit.is_open());
    }

    #[test]
    fn one_probe_may_go_when_the_pause_is_over_and_its_end_decides() {
        let now = Instant::now();
        let mut circuit = opened(now);

        assert_eq!(circuit.flow(now + 9 * SECOND), Flow::Stopped);
        let later = now + 10 * SECOND;
        assert_eq!(circuit.flow(later), Flow::Probe);
        circuit.probing(later);
        assert_eq!(circuit.flow(later), Flow::Stopped, "one at a time");
        let pause = 20 * SECOND;
        assert_eq!(circuit.failed(later), Some(CircuitChange::Opened { pause }));
        assert_eq!(circuit.flow(later + 19 * SECOND), Flow::Stopped);
        circuit.probing(later + 20 * SECOND);

        assert_eq!(circuit.succeeded(), Some(CircuitChange::Closed));
        assert_eq!(circuit.flow(later + 20 * SECOND), Flow::Free);
        assert!(!circuit.is_open());
    }

    #[test]
    fn a_failure_that_was_under_way_when_it_opened_does_not_lengthen_the_pause() {
        let now = Instant::now();
        let mut circuit = opened(now);

        assert_eq!(circuit.failed(now + 5 * SECOND), None);

        assert_eq!(circuit.flow(now + 10 * SECOND), Flow::Probe);
    }

    #[test]
    fn a_lost_probe_is_followed_by_another() {
        let now = Instant::now();
        let mut circuit = opened(now);
        circuit.probing(now + 10 * SECOND);

        assert_eq!(circuit.flow(now + 60 * SECOND), Flow::Stopped);
        assert_eq!(circuit.flow(now + 100 * SECOND), Flow::Probe);
    }

    #[test]
    fn an_hour_of_silence_costs_few_probes() {
        let begin = Instant::now();
        let mut circuit = opened(begin);

        let mut probes = 0;
        for second in 0..3_600 {
            let now = begin + second * SECOND;
            if circuit.flow(now) == Flow::Probe {
                circuit.probing(now);
                circuit.failed(now);
                probes += 1;
            }
        }

        // 10, 20, 40 … 300, 300 …
        assert!((10..25).contains(&probes), "{probes} probes");
    }
}
