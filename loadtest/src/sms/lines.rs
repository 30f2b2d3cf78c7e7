//! What is typed, and what is printed: lines, and numbers in them as far as they may be seen.

use anyhow::Result;
use reef_smpp::pdu::Address;
use std::io::{BufRead, Write};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Lines that were typed and not carried out yet.
const LINES: usize = 64;

/// How numbers are shown.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Numbers {
    /// Prints numbers in full
    #[arg(long)]
    show_numbers: bool,
}

impl Numbers {
    /// A number, or what may be seen of it.
    pub(super) fn shown(self, number: &str) -> String {
        match Address::new(number) {
            Some(address) if !self.show_numbers => address.to_string(),
            _ => number.to_owned(),
        }
    }
}

/// Lines from standard input, read where waiting for them holds up nobody.
pub(super) fn typed() -> mpsc::Receiver<String> {
    let (to, lines) = mpsc::channel(LINES);
    tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if to.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// What ends a program from outside. Made once: between two that are made anew a signal is lost.
pub(super) struct Ends {
    interrupted: Signal,
    terminated: Signal,
}

impl Ends {
    pub(super) fn new() -> Result<Ends> {
        Ok(Ends {
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for one.
    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }
}

/// A line on standard output, at once.
pub(super) fn print(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
