//! A comparison as one table: a row a figure, a column a server.

use crate::compare::{Cell, Comparison, Outcome};
use crate::report::text::number;
use std::fmt::Write;

const BEGIN: &str = "<!-- compare:begin -->";
const END: &str = "<!-- compare:end -->";
const HEADING: &str = "## Beside other servers";

/// Rows of cells; the first is the head.
fn rows(comparison: &Comparison) -> Vec<Vec<String>> {
    let mut head = vec!["".to_owned()];
    head.extend(comparison.columns.iter().map(|column| column.name.clone()));
    let mut rows = vec![head];
    for (label, key, what) in lines(comparison) {
        let mut row = vec![what];
        for column in &comparison.columns {
            let cell = column.cells.iter().find(|cell| cell.label == label);
            row.push(cell.map_or("–".to_owned(), |cell| value(cell, &key)));
        }
        rows.push(row);
    }
    rows
}

/// Label, key and words of each row, in the order in which the file has them.
fn lines(comparison: &Comparison) -> Vec<(String, String, String)> {
    let mut found: Vec<(String, String, String)> = Vec::new();
    let cells = || comparison.columns.iter().flat_map(|column| &column.cells);
    let mut labels: Vec<&str> = Vec::new();
    // Servers have all runs, the bare loop only some: the longest list has the order.
    let longest = comparison.columns.iter().max_by_key(|column| column.cells.len());
    longest
        .iter()
        .flat_map(|column| &column.cells)
        .for_each(|cell| labels.push(&cell.label));
    for label in labels {
        let of_label = || cells().filter(|cell| cell.label == label);
        for cell in of_label() {
            let Outcome::Report(report) = &cell.outcome else {
                continue;
            };
            for figure in &report.figures {
                let wanted = cell.figures.is_empty() || cell.figures.contains(&figure.key);
                if wanted && !found.iter().any(|(l, key, _)| l == label && *key == figure.key) {
                    let what = format!("{label}: {}, {}", figure.what, figure.unit);
                    found.push((label.to_owned(), figure.key.clone(), what));
                }
            }
        }
        found.push((label.to_owned(), FAULTS.to_owned(), format!("{label}: faults")));
    }
    found
}

/// The row that says how a run ended.
const FAULTS: &str = "faults";

fn value(cell: &Cell, key: &str) -> String {
    match &cell.outcome {
        Outcome::Failed(_) if key == FAULTS => "failed".to_owned(),
        Outcome::Failed(_) => "–".to_owned(),
        Outcome::Report(report) if key == FAULTS && report.faults.is_zero() => "none".to_owned(),
        Outcome::Report(report) if key == FAULTS => report.faults.line(),
        Outcome::Report(report) => match report.figures.iter().find(|figure| figure.key == key) {
            None => "–".to_owned(),
            Some(figure) if figure.rounds > 1 => {
                format!(
                    "{} ({}–{})",
                    number(figure.value),
                    number(figure.low),
                    number(figure.high)
                )
            }
            Some(figure) => number(figure.value),
        },
    }
}

/// The table on a terminal, and what failed in words.
pub(super) fn text(comparison: &Comparison) -> String {
    let rows = rows(comparison);
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        for (nth, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match nth {
                0 => write!(out, "{cell:width$}"),
                _ => write!(out, "  {cell:>width$}"),
            };
        }
        out.push('\n');
    }
    for line in failures(comparison) {
        let _ = writeln!(out, "{line}");
    }
    out
}

/// The section of a document, heading included.
pub(super) fn markdown(comparison: &Comparison) -> String {
    let machine = &comparison.machine;
    let mut out = format!(
        "{HEADING} ({})\n\nOne run of `make compare` on one machine ({} cores, {} MiB, {}), one server after the other, the bare \
         loop of `send` first and last.\nMedians, lowest and highest round in parentheses. Deliveries are counted one by one; \
         the load tool shares the cores.\n\n",
        comparison.began, machine.cores, machine.memory_mib, machine.kernel
    );
    for (nth, row) in rows(comparison).iter().enumerate() {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
        if nth == 0 {
            let _ = writeln!(out, "|{}", "---|".repeat(row.len()));
        }
    }
    out.push('\n');
    for column in comparison.columns.iter().filter(|column| !column.about.is_empty()) {
        let _ = writeln!(out, "- {}: {}", column.name, column.about);
    }
    for line in failures(comparison) {
        let _ = writeln!(out, "- {line}");
    }
    out
}

fn failures(comparison: &Comparison) -> Vec<String> {
    let mut lines = Vec::new();
    for column in &comparison.columns {
        for cell in &column.cells {
            if let Outcome::Failed(why) = &cell.outcome {
                lines.push(format!("{}: {}: {why}", column.name, cell.label));
            }
        }
    }
    lines
}

/// A document with the section between its marks, which are added at the end where they are not.
pub(super) fn replaced(document: &str, section: &str) -> String {
    let section = format!("{BEGIN}\n{}\n{END}", section.trim_end());
    let marks = document
        .find(BEGIN)
        .zip(document.find(END))
        .filter(|(begin, end)| begin < end);
    match marks {
        None => format!("{}\n\n{section}\n", document.trim_end()),
        Some((begin, end)) => {
            let (before, rest) = document.split_at(begin);
            let after = rest.get(end - begin + END.len()..).unwrap_or_default();
            format!("{before}{section}{after}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Column;
    use crate::measure::machine::Machine;
    use crate::report::{Figure, Report};

    fn comparison() -> Comparison {
        let cell = |label: &str, outcome| Cell {
            label: label.to_owned(),
            outcome,
            figures: vec!["rate".to_owned()],
        };
        let report = |value: f64| {
            let figures = ["rate", "hidden"]
                .iter()
                .filter_map(|key| Figure::of(key, key, "1/s", vec![value]));
            Outcome::Report(Box::new(Report {
                figures: figures.collect(),
                ..Report::default()
            }))
        };
        let column = |name: &str, cells| Column {
            name: name.to_owned(),
            about: String::new(),
            cells,
        };
        Comparison {
            machine: Machine::default(),
            began: "today".to_owned(),
            columns: vec![
                column("bare", vec![cell("a", report(30.0))]),
                column(
                    "reef",
                    vec![cell("a", report(20.0)), cell("b", Outcome::Failed("gone".to_owned()))],
                ),
            ],
        }
    }

    #[test]
    fn a_table_has_a_row_a_figure_and_says_what_failed() {
        let text = text(&comparison());
        let squeezed: Vec<String> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            squeezed,
            [
                "bare reef",
                "a: rate, 1/s 30.0 20.0",
                "a: faults none none",
                "b: faults – failed",
                "reef: b: gone"
            ]
        );
        assert!(markdown(&comparison()).contains("| a: rate, 1/s | 30.0 | 20.0 |"));
    }

    #[test]
    fn a_section_is_replaced_or_added_and_the_rest_stays() {
        let once = replaced("# Results\n\ntext\n", "new");
        assert_eq!(once, format!("# Results\n\ntext\n\n{BEGIN}\nnew\n{END}\n"));
        assert_eq!(
            replaced(&(once + "after\n"), "newer"),
            format!("# Results\n\ntext\n\n{BEGIN}\nnewer\n{END}\nafter\n")
        );
    }
}
