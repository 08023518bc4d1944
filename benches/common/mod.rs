//! What the benchmarks share: a server in a process of its own, books to sell from, clients that
//! cost little, yardsticks beside it, the check afterwards, and a report.
//!
//! The rule that must not be broken: a figure is only reported once the books have been opened and
//! every acknowledged webhook was found in them, exactly once.

#![allow(dead_code, reason = "each benchmark uses its own part of this")]

pub mod arrivals;
pub mod books;
pub mod chart;
pub mod client;
pub mod crowd;
pub mod evidence;
pub mod fill;
pub mod machine;
pub mod options;
pub mod processor;
pub mod publish;
pub mod report;
pub mod server;
pub mod till;

/// What goes wrong here ends the run with a sentence.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The middle of what was measured; the mean of the two in the middle if their number is even.
///
/// # Panics
/// If nothing was measured.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

/// Each value divided by the one that was measured beside it.
pub fn ratios(of: &[f64], to: &[f64]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of / to).collect()
}
