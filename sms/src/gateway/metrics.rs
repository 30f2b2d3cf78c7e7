//! What is counted of the gateway, by route, as OpenMetrics text.
//!
//! Reads what the thread shows; labels are names of routes, so that there are few.

use super::whole::Gateway;
use std::fmt::Write;

impl Gateway {
    /// The metrics; nothing while it does not serve.
    pub fn metrics(&self) -> String {
        let Some(serving) = self.serving() else {
            return String::new();
        };
        let shown = serving.window.shown();
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, value: &dyn Fn(&super::Shown) -> f64| {
            let suffix = if kind == "counter" { "_total" } else { "" };
            // Writing to a string does not fail.
            let _ = writeln!(text, "# HELP reef_sms_{name} {help}.\n# TYPE reef_sms_{name} {kind}");
            for route in &shown {
                let _ = writeln!(
                    text,
                    "reef_sms_{name}{suffix}{{route=\"{}\"}} {}",
                    route.name,
                    value(route)
                );
            }
        };
        family("bound", "gauge", "Whether the route takes messages", &|route| {
            f64::from(u8::from(route.up.is_ok()))
        });
        family("in_flight", "gauge", "Messages with an intent and no end", &|route| {
            route.in_flight as f64
        });
        family("rate", "gauge", "Segments a second now", &|route| route.rate.0);
        family(
            "rate_configured",
            "gauge",
            "Segments a second as configured",
            &|route| route.rate.1,
        );
        family("backlog", "gauge", "Visits that posts under way still need", &|route| {
            route.backlog as f64
        });
        family("drain_seconds", "gauge", "How long that takes", &|route| {
            route.backlog as f64 / route.rate.0.max(0.1)
        });
        family("throttles", "counter", "Times that the route was too fast", &|route| {
            route.throttles as f64
        });
        family(
            "expired",
            "counter",
            "Visits left out since posts were too old",
            &|route| route.expired as f64,
        );
        for (name, help, value) in [
            ("sent", "Messages that a route took", 0),
            ("refused", "Messages that a route refused for good", 1),
            ("ambiguous", "Messages of which nobody knows whether they were sent", 2),
            ("void", "Messages that were not sent after a STOP", 3),
        ] {
            family(name, "counter", help, &|route| {
                route.ends.get(value).copied().unwrap_or(0) as f64
            });
        }
        text
    }
}
