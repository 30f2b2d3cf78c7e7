//! A report on the terminal: faults first, then the figures.

use crate::report::{Figure, Report};
use std::fmt::Write;

/// The report as text of a few lines.
pub(crate) fn text(report: &Report) -> String {
    let mut out = String::new();
    let name = &report.server.name;
    let _ = writeln!(
        out,
        "{}: {} ({name}, TLS {})",
        report.scenario, report.what, report.server.tls
    );
    let verdict = if report.faults.is_zero() { "no faults" } else { "FAULTS" };
    let _ = writeln!(out, "{verdict}: {}", report.faults.line());
    let width = report
        .figures
        .iter()
        .map(|figure| figure.what.chars().count())
        .max()
        .unwrap_or(0);
    for figure in &report.figures {
        let _ = writeln!(out, "  {:width$}  {}", figure.what, shown(figure));
    }
    for note in &report.notes {
        let _ = writeln!(out, "  {note}");
    }
    out
}

/// A figure with its unit, and its spread where there were rounds.
pub(crate) fn shown(figure: &Figure) -> String {
    let value = format!("{} {}", number(figure.value), figure.unit);
    match figure.rounds {
        0 | 1 => value,
        rounds => format!(
            "{value} ({}–{} in {rounds} rounds)",
            number(figure.low),
            number(figure.high)
        ),
    }
}

/// A number with three or four digits that mean something.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => grouped(value.round() as i64),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A whole number, its digits by threes.
pub(crate) fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if value < 0 { format!("-{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_what_can_be_told() {
        let shown = [1_234_567.8, 999.6, 42.42, 2.71049, 0.0123, -12_345.0].map(number);
        assert_eq!(shown, ["1,234,568", "1000", "42.4", "2.71", "0.012", "-12,345"]);
    }
}
