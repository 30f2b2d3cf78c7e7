//! What a run has found: one type, which is JSON, HTML and the text on the terminal.
//!
//! Faults come first: a run with faults has no figures to be proud of.

pub(crate) mod html;
pub(crate) mod plot;
pub(crate) mod text;

use crate::crowd::faults::Faults;
use crate::measure::latency::Latency;
use crate::measure::machine::Machine;
use crate::measure::sampler::Sample;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The scenario's name.
    pub(crate) scenario: String,
    /// What it does, in a sentence.
    pub(crate) what: String,
    /// Lost, doubled, out of order, refused, dropped.
    pub(crate) faults: Faults,
    /// The figures, the most important first.
    pub(crate) figures: Vec<Figure>,
    /// What was measured one after the other.
    pub(crate) phases: Vec<Phase>,
    /// What must be known to read it, in sentences.
    pub(crate) notes: Vec<String>,
    /// The server.
    pub(crate) server: ServerInfo,
    /// The tool's version.
    pub(crate) version: String,
    /// The tool's command line.
    pub(crate) command: String,
    /// When it began, UTC.
    pub(crate) began: String,
    /// The machine.
    pub(crate) machine: Machine,
    /// Flags as they were in effect.
    pub(crate) settings: BTreeMap<String, String>,
    /// Samples over the run.
    pub(crate) samples: Vec<Sample>,
}

/// Who was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServerInfo {
    /// What it is called in the report.
    pub(crate) name: String,
    /// Where it listens.
    pub(crate) address: String,
    /// `off`, `starttls` or `direct`.
    pub(crate) tls: String,
    /// Its command line, where its process is known.
    pub(crate) command: String,
}

/// One number, over the rounds of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// Its key, the same in every run of the scenario.
    pub(crate) key: String,
    /// What it is.
    pub(crate) what: String,
    /// Its unit.
    pub(crate) unit: String,
    /// The median over rounds.
    pub(crate) value: f64,
    /// The lowest round.
    pub(crate) low: f64,
    /// The highest round.
    pub(crate) high: f64,
    /// Rounds.
    pub(crate) rounds: usize,
}

impl Figure {
    /// A figure of values, one per round; none of no values.
    pub(crate) fn of(key: &str, what: &str, unit: &str, mut values: Vec<f64>) -> Option<Figure> {
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Figure {
            key: key.to_owned(),
            what: what.to_owned(),
            unit: unit.to_owned(),
            value: (lower + upper) / 2.0,
            low: *values.first()?,
            high: *values.last()?,
            rounds: values.len(),
        })
    }
}

/// Of a phase's further numbers: CPU seconds of the kernel's threads for soft interrupts, which no process is charged.
pub(crate) const KERNEL_CPU: &str = "kernel_cpu_seconds";

/// A part of a run that was measured by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Phase {
    /// What was done.
    pub(crate) name: String,
    /// `server` or `bare`.
    pub(crate) who: String,
    /// The round, from 1.
    pub(crate) round: u32,
    /// When it began, in seconds of the run.
    pub(crate) begun_s: f64,
    /// How long it took.
    pub(crate) seconds: f64,
    /// Posts.
    pub(crate) posts: u64,
    /// Deliveries, or whatever the phase counts.
    pub(crate) deliveries: u64,
    /// CPU seconds of the server, or of the bare sender.
    pub(crate) cpu_seconds: f64,
    /// CPU seconds of the tool, or of the bare drain.
    pub(crate) own_cpu_seconds: f64,
    /// Bytes on the wire per delivery, as the receiver read them.
    pub(crate) bytes_per_delivery: f64,
    /// Latencies by name: `first`, `each`, `last`, `ack`, `job`.
    pub(crate) latencies: BTreeMap<String, Latency>,
    /// Further numbers by name and unit.
    pub(crate) more: BTreeMap<String, f64>,
}

impl Phase {
    /// Deliveries a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.deliveries as f64 / self.seconds
    }

    /// CPU seconds of the server per million deliveries.
    pub(crate) fn cpu_per_million(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.deliveries as f64
    }

    /// The same with what the kernel's own threads received meanwhile.
    pub(crate) fn kernel_cpu_per_million(&self) -> f64 {
        let kernel = self.more.get(KERNEL_CPU).copied().unwrap_or_default();
        (self.cpu_seconds + kernel) * 1e6 / self.deliveries as f64
    }

    /// CPU seconds of the tool per million deliveries.
    pub(crate) fn own_cpu_per_million(&self) -> f64 {
        self.own_cpu_seconds * 1e6 / self.deliveries as f64
    }

    /// A latency by name; zeros if there is none.
    pub(crate) fn latency(&self, name: &str) -> Latency {
        self.latencies.get(name).cloned().unwrap_or_default()
    }
}
