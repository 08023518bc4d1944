//! Writes the results of a run into `docs/performance.md`, between the two markers of the benchmark, so
//! that no figure is copied by hand.

use std::fmt::Write;
use std::path::Path;

use super::Outcome;
use super::report::{Figure, Report, short};

/// Replaces the text between this benchmark's markers.
///
/// # Errors
/// If a marker is missing.
pub fn publish(report: &Report) -> Outcome<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
    let (begin, end) = (mark(report, "begin"), mark(report, "end"));
    let text = std::fs::read_to_string(&path)?;
    let missing = || format!("{}: no markers of {}", path.display(), report.bench);
    let (before, rest) = text.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    let table = table(report);
    std::fs::write(&path, format!("{before}{begin}\n{table}{end}{after}"))?;
    println!("written: {}", path.display());
    Ok(())
}

fn mark(report: &Report, which: &str) -> String {
    format!("<!-- {}: {which} -->", report.bench)
}

/// The results as a Markdown table.
fn table(report: &Report) -> String {
    let mut text = format!("\n{}.\n\n", report.machine.description());
    for note in &report.notes {
        let _ = writeln!(text, "- {note}");
    }
    text += "\n| what | median | lowest to highest | target | |\n|---|---|---|---|---|\n";
    for figure in &report.figures {
        text += &row(figure);
    }
    text.push('\n');
    text
}

fn row(figure: &Figure) -> String {
    let (low, high) = figure.spread();
    let (target, met) = match figure.target {
        Some(target) if target.is_met(figure.median) => (target.description(), "met"),
        Some(target) => (target.description(), "**not met**"),
        None => (String::new(), ""),
    };
    let spread = if figure.values.len() > 1 {
        format!("{} to {}", short(low), short(high))
    } else {
        "one run".to_owned()
    };
    format!(
        "| {} | {} {} | {spread} | {target} | {met} |\n",
        figure.what,
        short(figure.median),
        figure.unit
    )
}
