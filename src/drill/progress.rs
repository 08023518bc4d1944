//! How far the drill is: a bar at a terminal, a line now and then in a log.

use indicatif::{ProgressBar, ProgressStyle};

/// Webhooks from one line to the next where no bar can be drawn.
const LINE_EACH: u64 = 500;
const BAR: &str = "  {bar:40} {pos} of {len} webhooks answered, {eta} to go";

/// Counts deliveries that are answered.
pub struct Progress {
    pub(super) bar: ProgressBar,
    prints_lines: bool,
}

impl Progress {
    /// On standard error: a bar if that is a terminal, otherwise lines.
    pub fn on_stderr() -> Self {
        let style = ProgressStyle::with_template(BAR).expect("a constant template");
        let bar = ProgressBar::new(0).with_style(style);
        let prints_lines = bar.is_hidden();
        Self { bar, prints_lines }
    }

    /// Prints nothing.
    pub fn silent() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            prints_lines: false,
        }
    }

    pub(super) fn one_more(&self) {
        self.bar.inc(1);
        let (answered, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
        if self.prints_lines && answered % LINE_EACH == 0 {
            eprintln!("  {answered} of {all} webhooks answered");
        }
    }
}
