//! The command line: which scenario, from flags or from a file, and where the report goes.

use crate::bare::drain::Drain;
use crate::bare::sender::Sender;
use crate::report::{Report, text};
use crate::scenario::Scenario;
use crate::scenario::common::Common;
use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// Measures an XMPP server from outside.
#[derive(Debug, Parser)]
#[command(
    name = "reef-loadtest",
    version,
    after_help = "Example:\n  \
    reef serve --set c2s.require_tls=false --set c2s.registration=open --set limits.registrations_per_minute=0 \\\n      \
    --set limits.publish_per_second=0 &\n  \
    reef-loadtest fanout --followers 1000 --posts 100 --register --pid $!\n\n\
    Exit codes: 0 no fault, 1 faults or no answer, 2 wrong use."
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Scenario(Scenario),
    #[command(hide = true)]
    BareSender(Sender),
    #[command(hide = true)]
    BareDrain(Drain),
}

/// Does what the arguments say.
pub(crate) fn run(arguments: Vec<OsString>) -> Result<ExitCode> {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => {
            error.print()?;
            return Ok(ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)));
        }
    };
    match &args.command {
        Command::BareSender(sender) => sender.run().map(|()| ExitCode::SUCCESS),
        Command::BareDrain(drain) => drain.run().map(|()| ExitCode::SUCCESS),
        Command::Scenario(scenario) => {
            let report = scenario.run()?;
            write(&report, scenario.common())?;
            conclude(&report)
        }
    }
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
    if common.json.as_ref().is_none_or(|file| file.as_os_str() != "-") {
        write!(out, "{}", text::text(report))?;
    }
    Ok(())
}

/// The exit code, with one line on standard error where there are faults.
fn conclude(report: &Report) -> Result<ExitCode> {
    if report.faults.is_zero() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(std::io::stderr(), "reef-loadtest: {}", report.faults.line())?;
    Ok(ExitCode::from(1))
}
