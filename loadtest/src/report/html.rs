//! A report as one page: faults, figures, plots, phases, and on what it was made. No resource from elsewhere.

use crate::report::plot::{Line, over_time, percentiles};
use crate::report::text::{number, shown};
use crate::report::{Phase, Report};
use crate::wire::xml::escape;
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

/// The page.
pub(crate) fn page(report: &Report) -> Result<String> {
    let title = escape(&format!("{} · {}", report.scenario, report.server.name));
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head><body><main>"
    );
    let about = format!(
        "{} · TLS {} · {}",
        report.server.address, report.server.tls, report.began
    );
    let _ = write!(
        out,
        "<header><h1>{title}</h1><p>{}</p><p class=\"dim\">{}</p></header>",
        escape(&report.what),
        escape(&about)
    );
    verdict(report, &mut out);
    figures(report, &mut out);
    plots(report, &mut out)?;
    phases(report, &mut out);
    conditions(report, &mut out);
    out.push_str("</main></body></html>\n");
    Ok(out)
}

fn verdict(report: &Report, out: &mut String) {
    let faults = &report.faults;
    let (class, word) = if faults.is_zero() {
        ("good", "No faults")
    } else {
        ("bad", "Faults")
    };
    let _ = write!(out, "<section class=\"verdict {class}\"><strong>{word}</strong><ul>");
    for (count, name) in faults.counts() {
        let _ = write!(out, "<li><b>{}</b> {name}</li>", number_of(count));
    }
    out.push_str("</ul>");
    for words in &faults.words {
        let _ = write!(out, "<pre>{}</pre>", escape(words));
    }
    out.push_str("</section>");
}

fn number_of(count: u64) -> String {
    if count < 1000 {
        count.to_string()
    } else {
        number(count as f64)
    }
}

fn figures(report: &Report, out: &mut String) {
    const CARDS: usize = 4;
    out.push_str("<section class=\"cards\">");
    for figure in report.figures.iter().take(CARDS) {
        let spread = match figure.rounds {
            0 | 1 => String::new(),
            rounds => format!("{} – {} in {rounds} rounds", number(figure.low), number(figure.high)),
        };
        let _ = write!(
            out,
            "<div><b>{}</b> <i>{}</i><p>{}</p><p class=\"dim\">{spread}</p></div>",
            number(figure.value),
            escape(&figure.unit),
            escape(&figure.what)
        );
    }
    out.push_str("</section><section><table><thead><tr><th>figure</th><th>value</th></tr></thead><tbody>");
    for figure in &report.figures {
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td></tr>",
            escape(&figure.what),
            escape(&shown(figure))
        );
    }
    out.push_str("</tbody></table></section>");
    if !report.notes.is_empty() {
        out.push_str("<section><ul>");
        for note in &report.notes {
            let _ = write!(out, "<li>{}</li>", escape(note));
        }
        out.push_str("</ul></section>");
    }
}

fn plots(report: &Report, out: &mut String) -> Result<()> {
    let curves = curves(&report.phases);
    if !curves.is_empty() {
        plot("Latency by percentile", &curves, percentiles(&curves)?, out);
    }
    let over = |name: &str, value: fn(&crate::measure::sampler::Sample) -> f64| Line {
        name: name.to_owned(),
        points: report
            .samples
            .iter()
            .map(|sample| (sample.at_s, value(sample)))
            .collect(),
    };
    let all = [
        (
            "Deliveries over the run",
            "1/s",
            vec![
                over("deliveries", |s| s.deliveries_per_second),
                over("answers", |s| s.answers_per_second),
            ],
        ),
        (
            "Cores kept busy",
            "cores",
            vec![over("server", |s| s.server_cores), over("load tool", |s| s.own_cores)],
        ),
        (
            "Memory",
            "MiB",
            vec![
                over("server, resident", |s| s.server_mib),
                over("kernel, TCP buffers", |s| s.sockets_mib),
            ],
        ),
    ];
    for (title, unit, mut lines) in all {
        lines.retain(|line| line.points.iter().any(|point| point.1 > 0.0));
        if !lines.is_empty() {
            plot(title, &lines, over_time(&lines, unit)?, out);
        }
    }
    Ok(())
}

/// The curves of the last round of each kind of phase.
fn curves(phases: &[Phase]) -> Vec<Line> {
    let mut last: BTreeMap<(&str, &str), &Phase> = BTreeMap::new();
    for phase in phases.iter().filter(|phase| phase.round > 0) {
        last.insert((&phase.who, &phase.name), phase);
    }
    let mut lines = Vec::new();
    for name in ["last", "each", "small_last", "job", "ack"] {
        for ((who, phase_name), phase) in last.iter().rev() {
            let Some(latency) = phase.latencies.get(name).filter(|latency| latency.count > 1) else {
                continue;
            };
            let to = match name {
                "last" => "to the last",
                "each" => "to each",
                "small_last" => "small author, to the last",
                "job" => "job",
                _ => "answer",
            };
            let who = if *who == "server" { "server" } else { "" };
            lines.push(Line {
                name: format!("{who} {phase_name}: {to}").trim().to_owned(),
                points: latency.curve.clone(),
            });
        }
    }
    lines.truncate(crate::report::plot::LINES_MAX);
    lines
}

fn plot(title: &str, lines: &[Line], svg: String, out: &mut String) {
    let _ = write!(out, "<figure><figcaption>{}<span>", escape(title));
    for (nth, line) in lines.iter().enumerate() {
        let _ = write!(out, "<b><i class=\"k{nth}\"></i>{}</b> ", escape(&line.name));
    }
    let _ = write!(out, "</span></figcaption>{svg}</figure>");
}

fn phases(report: &Report, out: &mut String) {
    out.push_str(
        "<section><h2>Phases</h2><div class=\"wide\"><table><thead><tr><th>round</th><th>phase</th><th>seconds</th><th>posts</th>\
         <th>deliveries</th><th>1/s</th><th>CPU s/M</th><th>receiver CPU s/M</th><th>bytes each</th><th>last p50 ms</th>\
         <th>last p99 ms</th></tr></thead><tbody>",
    );
    for phase in &report.phases {
        let last = phase.latency("last");
        let per = |value: f64| {
            if value.is_finite() {
                number(value)
            } else {
                "–".to_owned()
            }
        };
        let cells = [
            phase.round.to_string(),
            escape(&phase.name),
            number(phase.seconds),
            number_of(phase.posts),
            number_of(phase.deliveries),
            per(phase.per_second()),
            per(phase.cpu_per_million()),
            per(phase.own_cpu_per_million()),
            per(phase.bytes_per_delivery),
            per(last.p50_ms),
            per(last.p99_ms),
        ];
        let _ = write!(out, "<tr><td>{}</td></tr>", cells.join("</td><td>"));
    }
    out.push_str("</tbody></table></div></section>");
}

fn conditions(report: &Report, out: &mut String) {
    let machine = &report.machine;
    let rows = [
        (
            "machine",
            format!(
                "{}, {} cores, {} MiB",
                machine.processor, machine.cores, machine.memory_mib
            ),
        ),
        ("kernel", machine.kernel.clone()),
        ("load before", format!("{:.2}", machine.load)),
        ("descriptors", machine.descriptors.to_string()),
        ("tool", format!("reef-loadtest {}", report.version)),
        ("command", report.command.clone()),
        ("server", report.server.command.clone()),
    ];
    out.push_str("<section><h2>How it was made</h2><table><tbody>");
    for (name, value) in rows {
        let _ = write!(out, "<tr><td>{name}</td><td><code>{}</code></td></tr>", escape(&value));
    }
    out.push_str("</tbody></table><details><summary>All flags</summary><table><tbody>");
    for (name, value) in &report.settings {
        let _ = write!(
            out,
            "<tr><td>{}</td><td><code>{}</code></td></tr>",
            escape(name),
            escape(value)
        );
    }
    out.push_str(
        "</tbody></table></details><p class=\"dim\">Server, load tool and bare loop share the machine: wall time moves with \
         whatever else runs, CPU per delivery and ratios within this run less so. The tool's own CPU is measured beside the \
         server's. Latencies are from handing a post to the tool's author to reading it from a follower's socket.</p></section>",
    );
}
