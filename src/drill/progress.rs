//! How far the drill is: a bar at a terminal, a line now and then in a log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines where no bar can be drawn.
const LINE_EACH: Duration = Duration::from_secs(5);
const BAR: &str = "  {bar:40} {pos} of {len} webhooks answered, {eta} to go";

/// Counts deliveries that are answered.
pub struct Progress {
    pub(super) bar: ProgressBar,
    /// When the last line was printed; `None` prints no lines.
    line_at: Option<Mutex<Instant>>,
}

impl Progress {
    /// On standard error: a bar if that is a terminal, otherwise lines.
    pub fn on_stderr() -> Self {
        let style = ProgressStyle::with_template(BAR).expect("a constant template");
        let bar = ProgressBar::new(0).with_style(style);
        let line_at = bar.is_hidden().then(|| Mutex::new(Instant::now()));
        Self { bar, line_at }
    }

    /// Prints nothing.
    pub fn silent() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            line_at: None,
        }
    }

    pub(super) fn one_more(&self) {
        self.bar.inc(1);
        let Some(line_at) = &self.line_at else {
            return;
        };
        let mut line_at = line_at.lock().unwrap_or_else(PoisonError::into_inner);
        if line_at.elapsed() >= LINE_EACH {
            *line_at = Instant::now();
            let (answered, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
            eprintln!("  {answered} of {all} webhooks answered");
        }
    }
}
