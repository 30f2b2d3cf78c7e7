//! `reef`: the composition root. Arguments → config → engine → parts → listeners; nothing else.

mod gateway; // SMS

use clap::Parser;
use reef_frontend::cli::{Args, run};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(Args::parse(), gateway::make) {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => {
            // There is nobody else to tell.
            let _ = writeln!(std::io::stderr(), "reef: {}", exit.line);
            ExitCode::from(exit.code)
        }
    }
}
