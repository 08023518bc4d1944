//! The results of a run: a table on the terminal, printed line by line during the run; JSON; a chart.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::chart;
use super::database::folder;
use super::machine::Machine;
use super::options::Options;
use super::publish::publish;
use super::{Outcome, median};

/// The target of a figure.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// One measured figure, with one value per pair.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// For example `postgres-throughput`.
    pub name: String,
    /// The description in the table.
    pub what: String,
    /// For example `/s`; `×` is a ratio.
    pub unit: &'static str,
    pub median: f64,
    pub values: Vec<f64>,
    pub target: Option<Target>,
}

/// The report of one benchmark.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub bench: &'static str,
    pub smoke: bool,
    pub machine: Machine,
    /// Settings and conditions of the run, one sentence each.
    pub notes: Vec<String>,
    pub figures: Vec<Figure>,
}

impl Figure {
    /// The lowest and the highest value.
    pub fn spread(&self) -> (f64, f64) {
        let values = self.values.iter();
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(*value), high.max(*value))
        })
    }
}

impl Target {
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    /// The ratio of value and target: 1 meets the target exactly, more is better.
    pub fn share(self, value: f64) -> f64 {
        match self {
            Self::AtLeast(least) => value / least,
            Self::AtMost(most) => most / value.max(f64::MIN_POSITIVE),
        }
    }

    /// The target as text, for example `≥ 500`.
    pub fn description(self) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {}", short(least)),
            Self::AtMost(most) => format!("≤ {}", short(most)),
        }
    }
}

impl Report {
    /// An empty report.
    ///
    /// # Errors
    /// If the machine cannot be inspected.
    pub fn begin(bench: &'static str, options: &Options) -> Outcome<Self> {
        let machine = Machine::here()?;
        println!("{}\n", machine.description());
        Ok(Self {
            bench,
            smoke: options.smoke,
            machine,
            notes: Vec::new(),
            figures: Vec::new(),
        })
    }

    /// Adds a setting or a condition of the run.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        println!("  {note}");
        self.notes.push(note);
    }

    /// Adds a figure and prints it.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        what: impl Into<String>,
        unit: &'static str,
        values: Vec<f64>,
    ) {
        self.put(name.into(), what.into(), unit, values, None);
    }

    /// Adds a figure with a target and prints it.
    pub fn aim(
        &mut self,
        target: Target,
        name: impl Into<String>,
        what: impl Into<String>,
        unit: &'static str,
        values: Vec<f64>,
    ) {
        self.put(name.into(), what.into(), unit, values, Some(target));
    }

    fn put(
        &mut self,
        name: String,
        what: String,
        unit: &'static str,
        values: Vec<f64>,
        target: Option<Target>,
    ) {
        let figure = Figure {
            name,
            what,
            unit,
            median: median(&values),
            values,
            target,
        };
        println!("{}", line(&figure));
        self.figures.push(figure);
    }

    /// Writes JSON and chart below `target/bench`, and to `docs/performance` with `--publish`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn end(&self, options: &Options) -> Outcome<()> {
        if self.smoke {
            println!("This was a smoke run: its figures mean nothing.");
            return self.write(&folder()?.join("smoke"));
        }
        self.write(&folder()?)?;
        if options.publish {
            let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance");
            self.write(&docs)?;
            publish(self)?;
        }
        Ok(())
    }

    fn write(&self, folder: &Path) -> Outcome<()> {
        std::fs::create_dir_all(folder)?;
        let file = |ending: &str| -> PathBuf { folder.join(format!("{}.{ending}", self.bench)) };
        std::fs::write(file("json"), serde_json::to_string_pretty(self)? + "\n")?;
        std::fs::write(file("svg"), chart::draw(self))?;
        println!("written: {} and .svg", file("json").display());
        Ok(())
    }
}

/// One line of the table.
fn line(figure: &Figure) -> String {
    let (low, high) = figure.spread();
    let measured = format!("{} {}", short(figure.median), figure.unit);
    let spread = if figure.values.len() > 1 {
        format!("({} to {})", short(low), short(high))
    } else {
        String::new()
    };
    let target = figure.target.map_or_else(String::new, |target| {
        let met = if target.is_met(figure.median) {
            "met"
        } else {
            "not met"
        };
        format!("target {}: {met}", target.description())
    });
    format!(
        "  {:<72} {measured:>14}  {spread:<20} {target}",
        figure.what
    )
}

/// Formats a number with three significant digits.
pub fn short(value: f64) -> String {
    match value.abs() {
        it if it >= 100.0 => format!("{value:.0}"),
        it if it >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
