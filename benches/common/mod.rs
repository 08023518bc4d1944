//! What the benchmarks share: a server in its own process, a database with open orders, clients with
//! little overhead, baselines, the check afterwards, and the report.
//!
//! # Invariants
//! A figure is reported only after every acknowledged webhook was found in the database exactly once.

#![allow(dead_code, reason = "each benchmark uses its own part of this")]

pub mod arrivals;
pub mod chart;
pub mod client;
pub mod crowd;
pub mod database;
pub mod evidence;
pub mod fill;
pub mod machine;
pub mod options;
pub mod processor;
pub mod publish;
pub mod report;
pub mod server;
pub mod shop;

/// An error ends the run with its message.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The median; the mean of the two middle values if their number is even.
///
/// # Panics
/// If there are no values.
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

/// Each value of `of` divided by the value of `to` that was measured in the same pair.
pub fn ratios(of: &[f64], to: &[f64]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of / to).collect()
}
