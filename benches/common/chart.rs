//! The chart: a bar for each figure that has a target. The length of the bar is the ratio of figure and
//! target; a line marks the target. The SVG is written directly, because that takes fifty lines.

use std::fmt::Write;

use super::report::{Figure, Report, Target, short};

const WIDTH: f64 = 960.0;
/// x of the left end of the bars.
const LEFT: f64 = 470.0;
/// Length of a bar that meets its target exactly.
const MET: f64 = 220.0;
/// Maximum length of a bar, in multiples of [`MET`].
const LONGEST: f64 = 1.5;
const STEP: f64 = 26.0;
const TOP: f64 = 74.0;

/// Renders the chart as SVG.
pub fn draw(report: &Report) -> String {
    let aimed: Vec<(&Figure, Target)> = report
        .figures
        .iter()
        .filter_map(|figure| Some((figure, figure.target?)))
        .collect();
    let height = TOP + STEP * aimed.len() as f64 + 16.0;
    let line = LEFT + MET;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"17\" font-weight=\"bold\">cargo bench --bench {}</text>\n\
         <text x=\"16\" y=\"48\" fill=\"#555555\">{}</text>\n\
         <text x=\"{line}\" y=\"66\" text-anchor=\"middle\" fill=\"#555555\">target</text>\n",
        report.bench,
        escaped(&format!(
            "{}, {} cores; longer is better; medians, commit {}",
            report.machine.processor, report.machine.cores, report.machine.commit
        )),
    );
    for (row, (figure, target)) in aimed.iter().enumerate() {
        svg += &bar(TOP + STEP * row as f64, figure, *target);
    }
    let end = height - 12.0;
    let _ = writeln!(
        svg,
        "<line x1=\"{line}\" y1=\"70\" x2=\"{line}\" y2=\"{end}\" stroke=\"#222222\" stroke-dasharray=\"4 3\"/>\n</svg>"
    );
    svg
}

fn bar(top: f64, figure: &Figure, target: Target) -> String {
    let share = target.share(figure.median);
    let length = MET * share.clamp(0.0, LONGEST);
    let colour = if target.is_met(figure.median) {
        "#2f855a"
    } else {
        "#c05621"
    };
    let (text, value) = (top + 16.0, LEFT + length + 6.0);
    let measured = format!("{} {}", short(figure.median), figure.unit);
    format!(
        "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{}</text>\n\
         <rect x=\"{LEFT}\" y=\"{}\" width=\"{length:.1}\" height=\"18\" rx=\"2\" fill=\"{colour}\"/>\n\
         <text x=\"{value:.1}\" y=\"{text}\">{} ({})</text>\n",
        LEFT - 8.0,
        escaped(&figure.what),
        top + 3.0,
        escaped(&measured),
        escaped(&target.description()),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
