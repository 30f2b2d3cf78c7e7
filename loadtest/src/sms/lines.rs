//! What is typed, and what is printed: lines, and numbers in them as far as they may be seen.

use anyhow::Result;
use reef_smpp::pdu::Address;
use std::io::{BufRead, Write};
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

/// A line on standard output, at once.
pub(super) fn print(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
