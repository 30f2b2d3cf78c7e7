//! The same scenarios on several servers in turn, in one run on one machine, with the bare loop first and last.
//!
//! What is in the file: `[[run]]` tables, each a scenario with flags and a label, and `[[server]]` tables, each with a name,
//! a command that starts it, and flags that differ. Knows no XMPP; a run is what `reef-loadtest run` does.

mod servers;
mod table;

use crate::bare::{Bare, Load};
use crate::cli;
use crate::clock::Clock;
use crate::measure::machine::Machine;
use crate::report::{Figure, Phase, Report};
use crate::settings;
use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use servers::Server;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use toml::{Table, Value};

/// Flags of `compare`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Compare {
    /// A TOML file with [[run]] and [[server]] tables, as loadtest/scenarios/compare.toml.
    file: PathBuf,
    /// Overrides a key of every run, e.g. followers=500.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Writes all reports as JSON into this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Writes the table as Markdown into this file.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Replaces what stands between `<!-- compare:begin -->` and `<!-- compare:end -->` in this file.
    #[arg(long)]
    into: Option<PathBuf>,
}

/// What was found, one column a server.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) machine: Machine,
    pub(crate) began: String,
    pub(crate) columns: Vec<Column>,
}

/// A server, or the bare loop.
#[derive(Debug, Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) cells: Vec<Cell>,
}

/// A run on a server.
#[derive(Debug, Serialize)]
pub(crate) struct Cell {
    /// The run's label.
    pub(crate) label: String,
    /// Its report, or why there is none.
    pub(crate) outcome: Outcome,
    /// Keys of the figures that the table shows; all where it is empty.
    pub(crate) figures: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// With a report, well or with faults.
    Report(Box<Report>),
    /// Without one.
    Failed(String),
}

/// A run as the file has it.
struct Plan {
    label: String,
    figures: Vec<String>,
    flags: Table,
}

impl Compare {
    /// Runs everything and prints the table; code 1 if anything had faults.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let mut file = settings::read(&self.file)?;
        let runs = tables(&mut file, "run")?;
        for assignment in &self.set {
            let (key, _) = assignment
                .split_once('=')
                .with_context(|| format!("--set {assignment}: key=value"))?;
            let known = runs.iter().any(|flags| flags.contains_key(key));
            ensure!(known, "--set {assignment}: no [[run]] has this key");
        }
        let plans = runs
            .into_iter()
            .map(|table| self.plan(table))
            .collect::<Result<Vec<_>>>()?;
        let servers = tables(&mut file, "server")?
            .into_iter()
            .map(Server::read)
            .collect::<Result<Vec<_>>>()?;
        ensure!(
            file.is_empty(),
            "unknown keys: {}",
            file.keys().cloned().collect::<Vec<_>>().join(", ")
        );
        let mut comparison = Comparison {
            machine: Machine::here(),
            began: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            columns: vec![bare("bare loop, first", &plans)?],
        };
        for server in &servers {
            comparison.columns.push(measure(server, &plans)?);
        }
        comparison.columns.push(bare("bare loop, last", &plans)?);
        self.write(&comparison)?;
        let outcomes = || {
            comparison
                .columns
                .iter()
                .flat_map(|column| &column.cells)
                .map(|cell| &cell.outcome)
        };
        let well = outcomes().all(|outcome| matches!(outcome, Outcome::Report(report) if report.faults.is_zero()));
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }

    fn plan(&self, mut flags: Table) -> Result<Plan> {
        let scenario = flags.get("scenario").and_then(Value::as_str).unwrap_or("?").to_owned();
        let label = settings::take(&mut flags, "label")?.unwrap_or(scenario);
        let figures = match flags.remove("figures") {
            None => Vec::new(),
            Some(Value::Array(keys)) => keys.iter().filter_map(|key| Some(key.as_str()?.to_owned())).collect(),
            Some(_) => bail!("figures is a list of keys"),
        };
        for assignment in &self.set {
            let known = assignment
                .split_once('=')
                .is_some_and(|(key, _)| flags.contains_key(key));
            if known {
                settings::set(&mut flags, assignment)?;
            }
        }
        Ok(Plan { label, figures, flags })
    }

    fn write(&self, comparison: &Comparison) -> Result<()> {
        write!(std::io::stdout(), "{}", table::text(comparison))?;
        let put = |file: &PathBuf, text: String| {
            std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
        };
        if let Some(file) = &self.json {
            put(file, serde_json::to_string_pretty(comparison)?)?;
        }
        if let Some(file) = &self.markdown {
            put(file, table::markdown(comparison))?;
        }
        if let Some(file) = &self.into {
            let before = std::fs::read_to_string(file).unwrap_or_default();
            put(file, table::replaced(&before, &table::markdown(comparison)))?;
        }
        Ok(())
    }
}

fn tables(file: &mut Table, key: &str) -> Result<Vec<Table>> {
    let Some(Value::Array(values)) = file.remove(key) else {
        bail!("the file has no [[{key}]]");
    };
    let table = |value| match value {
        Value::Table(table) => Ok(table),
        _ => bail!("{key} is not a table"),
    };
    values.into_iter().map(table).collect()
}

/// All runs on one server, which is started before and ended after them.
fn measure(server: &Server, plans: &[Plan]) -> Result<Column> {
    let started = match server.start() {
        Ok(started) => started,
        // What the servers before it did is worth telling.
        Err(error) => return Ok(not_started(server, plans, &error)),
    };
    let mut cells = Vec::new();
    for plan in plans {
        writeln!(std::io::stderr(), "reef-loadtest: {}: {}", server.name, plan.label)?;
        let mut flags = server.flags_of(&plan.flags);
        if let Some(pid) = started.pid() {
            flags.insert("pid".to_owned(), Value::Integer(i64::from(pid)));
        }
        let outcome = match cli::scenario(settings::arguments(flags)?) {
            Err(error) => bail!("{}: {error}", plan.label),
            Ok((scenario, settings)) => scenario.run().map(|report| Report { settings, ..report }),
        };
        if let Err(error) = &outcome {
            writeln!(
                std::io::stderr(),
                "reef-loadtest: {}: {}: {error:#}",
                server.name,
                plan.label
            )?;
        }
        cells.push(Cell {
            label: plan.label.clone(),
            outcome: match outcome {
                Ok(report) => Outcome::Report(Box::new(report)),
                Err(error) => Outcome::Failed(format!("{error:#}")),
            },
            figures: plan.figures.clone(),
        });
    }
    Ok(Column {
        name: server.name.clone(),
        about: server.about.clone(),
        cells,
    })
}

/// The column of a server that cannot be measured.
fn not_started(server: &Server, plans: &[Plan], error: &anyhow::Error) -> Column {
    let cell = |plan: &Plan| Cell {
        label: plan.label.clone(),
        outcome: Outcome::Failed(format!("{error:#}")),
        figures: plan.figures.clone(),
    };
    Column {
        name: server.name.clone(),
        about: server.about.clone(),
        cells: plans.iter().map(cell).collect(),
    }
}

/// Bytes of the bare loop's messages: what a server makes of a post of 280 characters.
const BARE_BYTES: usize = 680;
/// Seconds of each of its phases.
const BARE_SECONDS: f64 = 5.0;

/// The bare loop under the loads of all fan-outs in the file.
fn bare(name: &str, plans: &[Plan]) -> Result<Column> {
    let mut cells = Vec::new();
    let fanouts = plans
        .iter()
        .filter(|plan| plan.flags.get("scenario").and_then(Value::as_str) == Some("fanout"));
    for plan in fanouts {
        let number = |key: &str, default: f64| match plan.flags.get(key) {
            Some(Value::Integer(number)) => *number as f64,
            Some(Value::Float(number)) => *number,
            _ => default,
        };
        let half = plan.flags.get("half-rate").or(plan.flags.get("half_rate")).is_some();
        let load = Load {
            outstanding: number("outstanding", 4.0) as u32,
            rate: number("rate", 0.0),
            seconds: BARE_SECONDS,
            ..Load::default()
        };
        let mut loop_of = Bare::start(number("followers", 1000.0) as u32, BARE_BYTES, Clock::start(), 1)?;
        let phase = loop_of.run(
            name,
            1,
            &Load {
                rate: if half { 0.0 } else { load.rate },
                ..load
            },
        )?;
        let paced = Load {
            rate: phase.posts as f64 / phase.seconds / 2.0,
            ..load
        };
        let phase = if half { loop_of.run(name, 1, &paced)? } else { phase };
        cells.push(Cell {
            label: plan.label.clone(),
            outcome: Outcome::Report(Box::new(bare_report(phase))),
            figures: plan.figures.clone(),
        });
    }
    Ok(Column {
        name: name.to_owned(),
        about: format!("send() of {BARE_BYTES} bytes to as many sockets"),
        cells,
    })
}

fn bare_report(phase: Phase) -> Report {
    let last = phase.latency("last");
    let values = [
        ("deliveries_per_second", "deliveries", "1/s", phase.per_second()),
        (
            "cpu_per_million",
            "server CPU per million deliveries",
            "s",
            phase.cpu_per_million(),
        ),
        (
            "own_cpu_per_million",
            "the tool's own CPU per million",
            "s",
            phase.own_cpu_per_million(),
        ),
        (
            "first_p50_ms",
            "publish to the first follower, p50",
            "ms",
            phase.latency("first").p50_ms,
        ),
        ("last_p50_ms", "to the last, p50", "ms", last.p50_ms),
        ("last_p99_ms", "to the last, p99", "ms", last.p99_ms),
    ];
    Report {
        scenario: "bare".to_owned(),
        figures: values
            .iter()
            .filter_map(|(key, what, unit, value)| Figure::of(key, what, unit, vec![*value]))
            .collect(),
        phases: vec![phase],
        ..Report::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_and_no_run_has_is_wrong_use_and_not_passed_over() {
        for (set, said) in [("folowers=3", "no [[run]] has this key"), ("rubbish", "key=value")] {
            let compare = Compare {
                file: concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/compare.toml").into(),
                set: vec![set.to_owned()],
                json: None,
                markdown: None,
                into: None,
            };
            let error = compare.run().unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
