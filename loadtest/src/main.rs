//! `reef-loadtest`: the operators' load tool. It speaks the wire only and counts exactly.
//!
//! It never imports the engine, so that it drives any XMPP server. A scenario (`scenario`) tells a crowd of connections
//! (`crowd`) what to do, with the ruler (`bare`) beside it, and hands out a report (`report`). `sms` is for the gateway: it stands in
//! for an SMSC, or binds to one.

mod bare;
mod cli;
mod clock;
mod compare;
mod crowd;
mod measure;
mod progress;
mod report;
mod scenario;
mod settings;
mod sms;
mod wire;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run(std::env::args_os().collect()) {
        Ok(code) => code,
        Err(error) => {
            // There is nobody else to tell.
            let _ = writeln!(std::io::stderr(), "reef-loadtest: {error:#}");
            ExitCode::from(1)
        }
    }
}
