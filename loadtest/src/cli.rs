//! The command line: which scenario, from flags or from a file, and where the report goes.

use crate::bare::drain::Drain;
use crate::bare::sender::Sender;
use crate::compare::Compare;
use crate::report::{Report, html, text};
use crate::scenario::Scenario;
use crate::scenario::common::Common;
use crate::settings;
use crate::sms::{Esme, Smsc};
use anyhow::{Context, Result};
use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures an XMPP server from outside.
#[derive(Debug, Parser)]
#[command(
    name = "reef-loadtest",
    version,
    after_help = "Example:\n  \
    reef serve --set c2s.require_tls=false --set c2s.registration=open --set limits.registrations_per_minute=0 \\\n      \
    --set limits.publish_per_second=0 &\n  \
    reef-loadtest fanout --followers 1000 --posts 100 --register --pid $!\n  \
    reef-loadtest fanout --followers 10000 --rounds 5 --seconds 20 --with-bare --html fanout.html --pid $(pidof reef)\n  \
    reef-loadtest run loadtest/scenarios/fanout.toml --set followers=500\n\n\
    Exit codes: 0 no fault, 1 faults or no answer, 2 wrong use. Certificates are not verified unless --ca is given."
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Scenario(Box<Scenario>),
    /// Runs a scenario from a file
    Run(Run),
    /// Runs the same on several servers in turn and prints one table
    Compare(Compare),
    /// Stands in for an SMSC: takes texts, sends receipts and messages, and fails on demand
    Smsc(Smsc),
    /// Binds to an SMSC, submits what is typed and prints what comes: to try an SMSC before the gateway does
    Esme(Esme),
    #[command(hide = true)]
    BareSender(Sender),
    #[command(hide = true)]
    BareDrain(Drain),
}

/// Flags of `run`.
#[derive(Clone, Debug, clap::Args)]
struct Run {
    /// A TOML file: `scenario = "…"`, and flags as keys.
    file: PathBuf,
    /// Overrides a key of the file.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Does what the arguments say.
pub(crate) fn run(arguments: Vec<OsString>) -> Result<ExitCode> {
    let (args, settings) = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) => return wrong_use(&error),
    };
    match args.command {
        Command::BareSender(sender) => sender.run().map(|()| ExitCode::SUCCESS),
        Command::BareDrain(drain) => drain.run().map(|()| ExitCode::SUCCESS),
        Command::Compare(compare) => compare.run(),
        Command::Smsc(smsc) => smsc.run().map(|()| ExitCode::SUCCESS),
        Command::Esme(esme) => esme.run().map(|()| ExitCode::SUCCESS),
        Command::Scenario(scenario) => measure(&scenario, settings),
        Command::Run(run) => {
            let mut table = settings::read(&run.file)?;
            for assignment in &run.set {
                settings::set(&mut table, assignment)?;
            }
            match scenario(settings::arguments(table)?) {
                Ok((scenario, settings)) => measure(&scenario, settings),
                Err(error) => wrong_use(&error),
            }
        }
    }
}

/// The scenario that a command line names, and its flags as they are in effect.
pub(crate) fn scenario(arguments: Vec<String>) -> Result<(Scenario, BTreeMap<String, String>), clap::Error> {
    let (args, settings) = parse(arguments.into_iter().map(OsString::from).collect())?;
    match args.command {
        Command::Scenario(scenario) => Ok((*scenario, settings)),
        _ => Err(Args::command().error(ErrorKind::InvalidSubcommand, "not a scenario")),
    }
}

fn parse(arguments: Vec<OsString>) -> Result<(Args, BTreeMap<String, String>), clap::Error> {
    let matches = Args::command().try_get_matches_from(arguments)?;
    let settings = matches
        .subcommand()
        .map(|(_, flags)| in_effect(flags))
        .unwrap_or_default();
    Ok((Args::from_arg_matches(&matches)?, settings))
}

fn in_effect(flags: &ArgMatches) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    for id in flags.ids() {
        let Ok(Some(values)) = flags.try_get_raw(id.as_str()) else {
            continue;
        };
        let values: Vec<String> = values.map(|value| value.to_string_lossy().into_owned()).collect();
        if id.as_str().chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            let secret = id.as_str() == "password";
            let value = if secret { "…".to_owned() } else { values.join(", ") };
            settings.insert(id.as_str().replace('_', "-"), value);
        }
    }
    settings
}

fn wrong_use(error: &clap::Error) -> Result<ExitCode> {
    error.print()?;
    Ok(ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)))
}

fn measure(scenario: &Scenario, settings: BTreeMap<String, String>) -> Result<ExitCode> {
    let mut report = scenario.run()?;
    report.settings = settings;
    write(&report, scenario.common())?;
    if report.faults.is_zero() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(std::io::stderr(), "reef-loadtest: {}", report.faults.line())?;
    Ok(ExitCode::from(1))
}

/// Writes the report where it is wanted; as text on standard output if JSON does not go there.
fn write(report: &Report, common: &Common) -> Result<()> {
    let json = serde_json::to_string_pretty(report)?;
    let mut out = std::io::stdout().lock();
    match &common.json {
        Some(file) if file.as_os_str() == "-" => writeln!(out, "{json}")?,
        Some(file) => std::fs::write(file, json).with_context(|| format!("writing {}", file.display()))?,
        None => {}
    }
    if let Some(file) = &common.html {
        std::fs::write(file, html::page(report)?).with_context(|| format!("writing {}", file.display()))?;
    }
    if common.json.as_ref().is_none_or(|file| file.as_os_str() != "-") {
        write!(out, "{}", text::text(report))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_file_is_a_scenario_of_its_name() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
        let mut seen = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().replace('_', "-");
            if name.starts_with("compare") {
                continue;
            }
            let arguments = settings::arguments(settings::read(&path).unwrap()).unwrap();
            assert_eq!(arguments[1], name, "{}", path.display());
            let (_, flags) = scenario(arguments).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(flags.contains_key("server"));
            seen.push(name);
        }
        let all: Vec<String> = Args::command()
            .get_subcommands()
            .map(|command| command.get_name().to_owned())
            .filter(|name| !["run", "compare", "smsc", "esme", "bare-sender", "bare-drain"].contains(&name.as_str()))
            .collect();
        assert!(all.iter().all(|name| seen.contains(name)), "{all:?} {seen:?}");
    }

    #[test]
    fn the_command_line_of_the_readme_is_understood_and_wrong_use_is_told() {
        let line = |text: &str| scenario(text.split(' ').map(str::to_owned).collect());
        let (_, flags) = line("reef-loadtest fanout --followers 10 --posts 5 --register --pid 1").unwrap();
        assert_eq!(
            (
                flags["followers"].as_str(),
                flags["pid"].as_str(),
                flags["password"].as_str()
            ),
            ("10", "1", "…")
        );
        assert_eq!(line("reef-loadtest fanout --no-such").unwrap_err().exit_code(), 2);
        assert!(line("reef-loadtest fanout --half-rate").is_err(), "half of nothing");
        for nothing in ["followers", "rounds", "patience"] {
            assert!(
                line(&format!("reef-loadtest fanout --{nothing} 0")).is_err(),
                "{nothing}"
            );
        }
    }
}
