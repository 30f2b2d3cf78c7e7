//! Plots as SVG that stands inside a page: lines over time, and latencies by percentile.
//!
//! Colours are classes, which the page's style gives for light and dark. Knows no report.

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use std::ops::Range;

/// A line of a plot.
pub(crate) struct Line {
    /// Its name in the legend.
    pub(crate) name: String,
    /// Its points, x ascending.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Width and height in the SVG's own units.
const SIZE: (u32, u32) = (760, 280);
/// Colours that stand for classes: no real colour is meant.
const TEXT: RGBColor = RGBColor(1, 0, 0);
const GRID: RGBColor = RGBColor(2, 0, 0);
/// Lines that can be told apart.
pub(crate) const LINES_MAX: usize = 6;
/// Least part of the height that is left above the highest point.
const HEADROOM: f64 = 1.08;

/// Lines over seconds, from zero up.
pub(crate) fn over_time(lines: &[Line], unit: &str) -> Result<String> {
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let end = points().map(|point| point.0).fold(1e-9, f64::max);
    let begin = points().map(|point| point.0).fold(end, f64::min);
    let top = points().map(|point| point.1).fold(1e-9, f64::max) * HEADROOM;
    // Eight labels of a run of a second would all be the same second.
    let decimals = match end - begin {
        span if span < 1.0 => 2,
        span if span < 10.0 => 1,
        _ => 0,
    };
    let seconds = |x: &f64| format!("{x:.decimals$} s");
    let amount = |y: &f64| short(*y);
    draw(lines, begin..end, 0.0..top, unit, &seconds, &amount)
}

/// Latencies in milliseconds by quantile: both axes by powers of ten, so that the tail is seen.
pub(crate) fn percentiles(lines: &[Line]) -> Result<String> {
    // Quantile 1 is the maximum: it stands half a step behind the last one that is below 1.
    let nines = |quantile: f64| -(1.0 - quantile).log10();
    let scaled: Vec<Line> = lines
        .iter()
        .map(|line| {
            let below = line.points.iter().filter(|point| point.0 < 1.0 && point.1 > 0.0);
            let points = below.map(|(quantile, ms)| (nines(*quantile), ms.log10())).collect();
            Line {
                name: line.name.clone(),
                points,
            }
        })
        .collect();
    let points = || scaled.iter().flat_map(|line| line.points.iter());
    let end = points().map(|point| point.0).fold(1.0, f64::max);
    let low = points().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = points().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    let (low, high) = if low < high { (low, high) } else { (-1.0, 2.0) };
    let quantile = |x: &f64| {
        let decimals = (x.round().max(0.0) as usize).saturating_sub(2);
        format!("{:.decimals$} %", 100.0 - 100.0 * 10f64.powf(-x))
    };
    let ms = |y: &f64| short(10f64.powf(*y));
    draw(&scaled, 0.0..end, low - 0.1..high + 0.1, "ms", &quantile, &ms)
}

fn draw(
    lines: &[Line],
    x: Range<f64>,
    y: Range<f64>,
    unit: &str,
    x_label: &dyn Fn(&f64) -> String,
    y_label: &dyn Fn(&f64) -> String,
) -> Result<String> {
    let mut svg = String::new();
    let failed = |error: &dyn std::fmt::Display| anyhow!("plotting: {error}");
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(10)
            .margin_right(34)
            .x_label_area_size(26)
            .y_label_area_size(64)
            .build_cartesian_2d(x, y)
            .map_err(|error| failed(&error))?;
        chart
            .configure_mesh()
            .x_labels(8)
            .y_labels(6)
            .x_label_formatter(x_label)
            .y_label_formatter(y_label)
            .y_desc(unit)
            .axis_style(GRID)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", 12).into_font().color(&TEXT))
            .draw()
            .map_err(|error| failed(&error))?;
        for (line, nth) in lines.iter().take(LINES_MAX).zip(0..) {
            let style = RGBColor(3, 0, nth).stroke_width(2);
            chart
                .draw_series(LineSeries::new(line.points.clone(), style))
                .map_err(|error| failed(&error))?;
        }
        root.present().map_err(|error| failed(&error))?;
    }
    Ok(with_classes(&svg))
}

/// Turns the colours into classes, and the size into a shape that the page scales.
fn with_classes(svg: &str) -> String {
    let (width, height) = SIZE;
    let fixed = format!("width=\"{width}\" height=\"{height}\" viewBox");
    let mut svg = svg.replacen(&fixed, "role=\"img\" viewBox", 1);
    for (colour, class) in [("#010000", "t"), ("#020000", "g")] {
        svg = svg.replace(&format!("fill=\"{colour}\""), &format!("class=\"{class}f\""));
        svg = svg.replace(&format!("stroke=\"{colour}\""), &format!("class=\"{class}s\""));
    }
    for nth in 0..LINES_MAX {
        svg = svg.replace(&format!("stroke=\"#0300{nth:02X}\""), &format!("class=\"l{nth}\""));
    }
    svg
}

/// A number as an axis has it.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.2} M", value / 1e6),
        size if size >= 1e4 => format!("{:.0} k", value / 1e3),
        size if size >= 1e3 => format!("{:.1} k", value / 1e3),
        size if size >= 10.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_have_a_line_each_and_no_fixed_colours() {
        let line = |name: &str| Line {
            name: name.to_owned(),
            points: vec![(0.0, 1.0), (0.5, 2.0), (0.99, 30.0), (1.0, 40.0)],
        };
        for svg in [
            over_time(&[line("a"), line("b")], "1/s").unwrap(),
            percentiles(&[line("a"), line("b")]).unwrap(),
        ] {
            assert!(
                svg.starts_with("<svg") && svg.contains("class=\"l0\"") && svg.contains("class=\"l1\""),
                "{svg}"
            );
            assert!(
                !svg.contains("#0100") && !svg.contains("#0200") && !svg.contains("#0300"),
                "{svg}"
            );
        }
        let short = over_time(&[line("a")], "1/s").unwrap();
        assert!(short.contains("0.2 s"), "{short}");
        assert!(over_time(&[], "1/s").is_ok() && percentiles(&[]).is_ok());
    }
}
