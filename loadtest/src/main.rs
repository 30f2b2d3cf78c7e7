//! `reef-loadtest`: the operators' load tool. It speaks the wire only and counts exactly.
//!
//! It never imports the engine, so that it drives any XMPP server. One scenario so far, `fanout`: one author, many live
//! followers; further ones (peers, SMS, catch-up, storms) come with their issues, each in its file.

mod author;
mod count;
mod fanout;
mod follower;
mod process;
mod wire;

use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// Measures an XMPP server from outside.
#[derive(Debug, Parser)]
#[command(
    name = "reef-loadtest",
    version,
    after_help = "Example:\n  \
    reef serve --set c2s.require_tls=false --set c2s.registration=open --set limits.registrations_per_minute=0 &\n  \
    reef-loadtest fanout --followers 1000 --posts 100 --register --pid $!"
)]
struct Args {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// One author, N live followers: every post must reach each of them once, in order.
    Fanout(fanout::Fanout),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let Scenario::Fanout(fanout) = args.scenario;
    match run(fanout) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            // There is nobody else to tell.
            let _ = writeln!(std::io::stderr(), "reef-loadtest: {error:#}");
            ExitCode::from(1)
        }
    }
}

/// Runs the scenario and prints its report; false where a delivery was lost, doubled or out of order.
fn run(fanout: fanout::Fanout) -> anyhow::Result<bool> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(fanout.run())?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&report)?)?;
    Ok(report["faults"] == serde_json::json!({ "lost": 0, "doubled": 0, "out_of_order": 0 }))
}
