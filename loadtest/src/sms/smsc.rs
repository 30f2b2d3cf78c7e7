//! `reef-loadtest smsc`: an SMSC for those who have none. What it takes is printed, what it shall say is typed.
//!
//! The SMSC itself is `reef_smpp::smsc`; here are its flags (`flags`), orders from standard input, and what is printed.

use super::flags::Flags;
use super::lines::{Ends, Numbers, print, typed};
use anyhow::{Context, Result, bail};
use reef_smpp::smsc::{Counts, Faults, Smsc as Running, Text};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// Flags of `smsc`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Standard input takes orders, one a line:\n  \
    mo NUMBER TEXT   a message from this phone to --code\n  \
    malformed        a message that cannot be read\n  \
    unbind, cut      ends all connections, in good order or not\n  \
    heal             no faults from now on\n  \
    counts           what happened so far, as JSON\n  \
    quit             ends it; so do SIGINT and SIGTERM\n\n\
    A text that begins with ! and a word is an order, too: !silent !cut !nack !error !throttle !full !unbind !malformed !late\n\
    !noreceipt, or a state for the receipt: !undeliv !expired !rejectd !acceptd !unknown.\n\n\
    Anybody who reaches the port may bind unless --account is given: it is for 127.0.0.1.")]
pub(crate) struct Smsc {
    #[command(flatten)]
    flags: Flags,
    /// Ends after so many seconds
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
    /// Prints what happened at the end, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    numbers: Numbers,
    /// Prints no texts
    #[arg(long)]
    quiet: bool,
    /// Whom phones write to
    #[arg(long, default_value = "40404", value_name = "NUMBER")]
    code: String,
}

impl Smsc {
    /// Runs until it shall end.
    pub(crate) fn run(&self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let counts = runtime.block_on(self.serve());
        // Standard input may be waited for in a thread that nothing else ends.
        runtime.shutdown_background();
        if self.json {
            print(&as_json(counts?).to_string())?;
        }
        Ok(())
    }

    async fn serve(&self) -> Result<Counts> {
        let listen = self.flags.listen;
        let config = self.flags.config()?;
        let smsc = Running::start(listen, config)
            .await
            .with_context(|| format!("listening on {listen}"))?;
        let mut texts = smsc.texts();
        print(&format!("listening {}", smsc.address()))?;
        let mut lines = typed();
        let mut ends = Ends::new()?;
        let end = tokio::time::sleep(self.duration.map_or(Duration::MAX, Duration::from_secs));
        tokio::pin!(end);
        loop {
            tokio::select! {
                text = texts.recv() => match text {
                    Ok(text) => self.show(&text)?,
                    Err(RecvError::Lagged(missed)) => print(&format!("not shown: {missed} texts"))?,
                    Err(RecvError::Closed) => break,
                },
                Some(line) = lines.recv() => match self.order(&smsc, &line) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => print(&format!("error: {error:#}"))?,
                },
                () = ends.wait() => break,
                () = &mut end => break,
            }
        }
        Ok(smsc.counts())
    }

    /// Carries out an order; whether to go on.
    fn order(&self, smsc: &Running, line: &str) -> Result<bool> {
        let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        match word {
            "" => {}
            "mo" => {
                let (from, text) = rest.split_once(' ').context("mo NUMBER TEXT")?;
                smsc.send(from, &self.code, &text.replace("\\n", "\n"))?;
            }
            "malformed" => smsc.send_malformed(),
            "unbind" => smsc.unbind(),
            "cut" => smsc.cut(),
            "heal" => smsc.set_faults(Faults::default()),
            "counts" => print(&as_json(smsc.counts()).to_string())?,
            "quit" => return Ok(false),
            other => bail!("no order: {other}"),
        }
        Ok(true)
    }

    /// `text FROM TO PARTS "…"`.
    fn show(&self, text: &Text) -> Result<()> {
        if self.quiet {
            return Ok(());
        }
        let shown = |number: &str| self.numbers.shown(number);
        let quoted = Value::from(text.text.as_str());
        print(&format!(
            "text {} {} {} {quoted}",
            shown(&text.from),
            shown(&text.to),
            text.parts
        ))
    }
}

fn as_json(counts: Counts) -> Value {
    let all = counts.all().into_iter();
    Value::Object(
        all.map(|(name, count)| (name.to_owned(), Value::from(count)))
            .collect::<Map<_, _>>(),
    )
}
