//! What is counted of the gateway, by route, as OpenMetrics text (`sms.md` §5.6).
//!
//! Reads what the thread shows, and the tables; labels are names of routes and classes, so that there are few. Blocks.

use super::budget::budgets;
use super::lane::Shown;
use super::whole::{Gateway, Serving};
use crate::tables::rows::Class;
use reef_engine::error::StoreError;
use std::fmt::{Display, Write};

/// Texts of one class that are counted; so many and more look alike.
const COUNTED_MAX: usize = 10_000;

/// What is read of the thread's window, one value a route: name, type, help, value.
type Read = (&'static str, &'static str, &'static str, fn(&Shown) -> f64);

const ROUTES: [Read; 13] = [
    ("bound", "gauge", "Whether the route takes messages", |route| {
        f64::from(u8::from(route.up.is_ok()))
    }),
    ("in_flight", "gauge", "Messages with an intent and no end", |route| {
        route.in_flight as f64
    }),
    ("rate", "gauge", "Segments a second now", |route| route.rate.0),
    ("rate_configured", "gauge", "Segments a second as configured", |route| {
        route.rate.1
    }),
    ("backlog", "gauge", "Visits that posts under way still need", |route| {
        route.backlog as f64
    }),
    ("drain_seconds", "gauge", "How long that takes", |route| {
        route.backlog_segments as f64 / route.rate.0.max(0.1)
    }),
    ("throttles", "counter", "Times that the route was too fast", |route| {
        route.throttles as f64
    }),
    (
        "expired",
        "counter",
        "Visits left out since posts were too old",
        |route| route.expired as f64,
    ),
    ("sent", "counter", "Messages that a route took", |route| {
        route.ends[0] as f64
    }),
    (
        "refused",
        "counter",
        "Messages that a route refused for good",
        |route| route.ends[1] as f64,
    ),
    (
        "ambiguous",
        "counter",
        "Messages of which nobody knows whether they were sent",
        |route| route.ends[2] as f64,
    ),
    (
        "refuses",
        "gauge",
        "Whether most of what it was asked of late was refused for good",
        |route| f64::from(u8::from(route.refuses)),
    ),
    ("void", "counter", "Messages that were not sent after a STOP", |route| {
        route.ends[3] as f64
    }),
];

impl Gateway {
    /// The metrics; nothing while it does not serve.
    pub fn metrics(&self) -> String {
        let Some(serving) = self.serving() else {
            return String::new();
        };
        let mut text = Text::default();
        let shown = serving.window.shown();
        for (name, kind, help, value) in ROUTES {
            text.family(name, kind, help);
            let suffix = if kind == "counter" { "_total" } else { "" };
            for route in &shown {
                text.row(&format!("{name}{suffix}"), &[("route", &route.name)], value(route));
            }
        }
        refusals(&mut text, &shown);
        responses(&mut text, &shown);
        receipts(&mut text, &serving);
        if let Err(error) = tables(&mut text, &serving) {
            tracing::warn!(%error, "what waits for phones cannot be counted");
        }
        text.0
    }
}

fn refusals(text: &mut Text, shown: &[Shown]) {
    text.family("refusals", "counter", "Parts that a route refused for good, by code");
    for route in shown {
        for (code, times) in &route.refusals {
            text.row("refusals_total", &[("route", &route.name), ("code", code)], times);
        }
    }
}

fn responses(text: &mut Text, shown: &[Shown]) {
    text.family(
        "response_seconds",
        "histogram",
        "From a message's writing to its answer",
    );
    for route in shown {
        let name = ("route", route.name.as_str());
        let mut all = 0;
        for (bound, count) in route.times.cumulative() {
            let bound = bound.map_or("+Inf".to_owned(), |bound| bound.to_string());
            text.row("response_seconds_bucket", &[name, ("le", &bound)], count);
            all = count;
        }
        text.row("response_seconds_sum", &[name], route.times.seconds());
        text.row("response_seconds_count", &[name], all);
    }
}

fn receipts(text: &mut Text, serving: &Serving) {
    let hall = &serving.hall;
    let counts = hall.counts.receipts();
    let name = |id| hall.route(id).map_or("", |route| route.name.as_str());
    text.family("receipts", "counter", "Receipts, by what they say");
    for ((route, state), count) in &counts {
        text.row(
            "receipts_total",
            &[("route", name(*route)), ("state", state)],
            count.all,
        );
    }
    text.family(
        "receipts_unmatched",
        "counter",
        "Those that came before their answers, or belong to nothing known",
    );
    for ((route, state), count) in &counts {
        let labels = [("route", name(*route)), ("state", state)];
        text.row("receipts_unmatched_total", &labels, count.unmatched);
    }
}

/// What waits, and what was spent.
fn tables(text: &mut Text, serving: &Serving) -> Result<(), StoreError> {
    let (hall, parts) = (&serving.hall, &serving.hall.parts);
    let (rows, now) = (parts.rows(), hall.now());
    let mut waits = Vec::new();
    for (id, route) in hall.routes.iter().zip(&parts.settings.route) {
        for (class, name) in [
            (Class::First, "first"),
            (Class::Answer, "answer"),
            (Class::Message, "message"),
        ] {
            // One text alone is read.
            let (count, first) = rows.waiting_count(*id, class, COUNTED_MAX)?;
            let first = first.map(|(at, place)| rows.waiting_one(*id, class, at, place));
            let made = first.transpose()?.flatten().map_or(now, |row| row.at);
            waits.push((route.name.as_str(), name, count, now.0.saturating_sub(made.0)));
        }
    }
    text.family(
        "waiting",
        "gauge",
        "Texts that wait, by class; posts are in the backlog",
    );
    for (route, class, count, _) in &waits {
        text.row("waiting", &[("route", route), ("class", class)], count);
    }
    text.family("waiting_seconds", "gauge", "Age of the oldest of them");
    for (route, class, _, age) in &waits {
        text.row(
            "waiting_seconds",
            &[("route", route), ("class", class)],
            *age as f64 / 1_000.0,
        );
    }
    let budgets = budgets(parts, &hall.routes, now)?;
    let money = |micros: u64| micros as f64 / 1e6;
    text.family("spent", "gauge", "What was spent today, and this month");
    for budget in &budgets {
        text.row(
            "spent",
            &[("of", &budget.of), ("per", budget.per)],
            money(budget.spent.micros),
        );
    }
    text.family("spent_segments", "gauge", "For so many segments");
    for budget in &budgets {
        text.row(
            "spent_segments",
            &[("of", &budget.of), ("per", budget.per)],
            budget.spent.segments,
        );
    }
    text.family("ceiling", "gauge", "What may be spent; 0 is no ceiling");
    for budget in &budgets {
        text.row(
            "ceiling",
            &[("of", &budget.of), ("per", budget.per)],
            money(budget.most),
        );
    }
    Ok(())
}

/// OpenMetrics text. Writing to a string does not fail.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP reef_sms_{name} {help}.\n# TYPE reef_sms_{name} {kind}");
    }

    fn row(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        let _ = writeln!(self.0, "reef_sms_{name}{{{}}} {value}", labels.join(","));
    }
}
