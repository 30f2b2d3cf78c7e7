//! `reef-loadtest esme`: a session with an SMSC. What is typed is submitted, what comes is put together and printed.

use super::lines::{Ends, Numbers, print, typed};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use reef_smpp::esme::{Binding, Deliver, Esme as Session, EsmeConfig, Event, Submit, Tls};
use reef_smpp::pdu::Address;
use reef_smpp::pdu::command::OK;
use reef_smpp::text::{Added, Convention, Form, Joined, Piece, Reassembly, decode, parts, plain};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Events that are not printed yet.
const EVENTS: usize = 256;

/// Flags of `esme`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Standard input takes orders, one a line:\n  \
    send NUMBER TEXT   submits a text, in as many parts as it takes; asks for receipts\n  \
    quit               unbinds and ends; so does the end of standard input\n\n\
    Prints: bound, lost, written, answered TOKEN STATUS ID, in-doubt, unwritten, receipt STATE ID, text FROM TO \"…\".")]
pub(crate) struct Esme {
    /// Host and port of the SMSC
    address: String,
    #[arg(long, default_value = "reef")]
    system_id: String,
    #[arg(long, default_value = "")]
    password: String,
    /// Which binds
    #[arg(long, value_enum, default_value_t = Bind::Transceiver)]
    bind: Bind,
    /// Unanswered submits at once
    #[arg(long, default_value_t = 10)]
    window: usize,
    /// From whom texts come
    #[arg(long, default_value = "40404", value_name = "NUMBER")]
    from: String,
    /// Over TLS, by the system's certificates and --ca
    #[arg(long)]
    tls: bool,
    /// Certificates to trust, in PEM
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Long texts in sar_* parameters instead of headers
    #[arg(long)]
    sar: bool,
    /// Long texts in one message_payload
    #[arg(long, conflicts_with = "sar")]
    payload: bool,
    /// Seconds of silence until the SMSC is asked whether it is there
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    enquire: u64,
    #[command(flatten)]
    numbers: Numbers,
}

/// Which binds.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Bind {
    Transceiver,
    Transmitter,
    Receiver,
    Pair,
}

/// What a session needs to know of itself.
struct Running<'a> {
    flags: &'a Esme,
    session: Session,
    began: Instant,
    reassembly: Reassembly,
    tokens: u64,
    reference: u16,
}

impl Esme {
    /// Runs until it shall end.
    pub(crate) fn run(&self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let outcome = runtime.block_on(self.talk());
        // Standard input may be waited for in a thread that nothing else ends.
        runtime.shutdown_background();
        outcome
    }

    async fn talk(&self) -> Result<()> {
        let (to, mut events) = mpsc::channel(EVENTS);
        let mut running = Running {
            flags: self,
            session: Session::start(self.config(), to)?,
            began: Instant::now(),
            reassembly: Reassembly::default(),
            tokens: 0,
            reference: 0,
        };
        let mut lines = typed();
        let mut ends = Ends::new()?;
        loop {
            tokio::select! {
                Some(event) = events.recv() => running.show(event)?,
                line = lines.recv() => match line.as_deref().unwrap_or("quit").trim() {
                    "quit" => break,
                    line => if let Err(error) = running.order(line) {
                        print(&format!("error: {error:#}"))?;
                    },
                },
                () = ends.wait() => break,
            }
        }
        let Running { session, .. } = running;
        let rest = async {
            let mut lost = 0;
            while let Some(event) = events.recv().await {
                lost += u32::from(matches!(event, Event::InDoubt { .. } | Event::Unwritten { .. }));
            }
            lost
        };
        let ((), lost) = tokio::join!(session.stop(), rest);
        print(&format!("stopped, {lost} without an answer"))
    }

    fn config(&self) -> EsmeConfig {
        EsmeConfig {
            tls: self.tls.then(|| Tls {
                name: None,
                ca: self.ca.clone(),
            }),
            bind: match self.bind {
                Bind::Transceiver => Binding::Transceiver,
                Bind::Transmitter => Binding::Transmitter,
                Bind::Receiver => Binding::Receiver,
                Bind::Pair => Binding::Pair,
            },
            window: self.window,
            queue: 1000,
            enquire: Duration::from_secs(self.enquire),
            ..EsmeConfig::new(&self.address, &self.system_id, &self.password)
        }
    }

    fn form(&self) -> Form {
        let joined = match (self.sar, self.payload) {
            (true, _) => Joined::Sar,
            (_, true) => Joined::Payload,
            _ => Joined::Header8,
        };
        Form {
            joined,
            ..Form::default()
        }
    }
}

impl Running<'_> {
    fn order(&mut self, line: &str) -> Result<()> {
        if line.is_empty() {
            return Ok(());
        }
        let rest = line
            .strip_prefix("send ")
            .with_context(|| format!("no order: {line}"))?;
        let (to, text) = rest.split_once(' ').context("send NUMBER TEXT")?;
        let address = |number: &str| Address::new(number).with_context(|| format!("{number} is no address"));
        self.reference = self.reference.wrapping_add(1);
        let text = plain(&text.replace("\\n", "\n"));
        for part in parts(&text, self.flags.form(), self.reference)?.parts {
            self.tokens += 1;
            let submit = Submit {
                token: self.tokens,
                source: address(&self.flags.from)?,
                destination: address(to)?,
                part,
                validity: None,
                receipt: true,
                user_message_reference: None,
                may: Box::new(|| true),
            };
            if self.session.try_submit(submit).is_err() {
                bail!("not bound, or too much at once");
            }
        }
        Ok(())
    }

    fn show(&mut self, event: Event) -> Result<()> {
        print(&match event {
            Event::Bound { mode } => format!("bound {mode:?}"),
            Event::Lost { mode, why, again } => format!("lost {mode:?} {why:?}, again in {again:?}"),
            Event::Written { token } => format!("written {token}"),
            Event::Answered {
                token,
                status,
                message_id,
            } => format!("answered {token} {status:#x} {}", message_id.unwrap_or_default()),
            Event::Unwritten { token } => format!("unwritten {token}"),
            Event::InDoubt { token } => format!("in-doubt {token}"),
            Event::Voided { token } => format!("voided {token}"),
            Event::Malformed { header, .. } => format!("malformed {:#x}", header.command),
            Event::Deliver(deliver, respond) => {
                let said = self.delivered(&deliver);
                respond.with(OK);
                said.unwrap_or_else(|error| format!("error: {error:#}"))
            }
        })
    }

    fn delivered(&mut self, deliver: &Deliver) -> Result<String> {
        if let Some(receipt) = deliver.receipt() {
            return Ok(format!("receipt {} {}", receipt.state.name(), receipt.ids.join(" ")));
        }
        let message = &deliver.message;
        let (join, octets) = message.unwrapped()?;
        let (from, to) = (message.source.dialled(), message.destination.dialled());
        let shown = |number: &str| self.flags.numbers.shown(number);
        let head = format!("text {} {}", shown(&from), shown(&to));
        let text = match join {
            None => decode(message.data_coding, octets, Convention::Gsm7)?,
            Some(join) => {
                let piece = Piece {
                    from,
                    to,
                    join,
                    data_coding: message.data_coding,
                    octets: octets.to_vec(),
                };
                let now_ms = u64::try_from(self.began.elapsed().as_millis())?;
                match self.reassembly.add(now_ms, piece) {
                    Added::Whole(whole) => whole.text(Convention::Gsm7)?,
                    Added::Waiting | Added::Repeated | Added::Over => {
                        return Ok(format!("part {} of {}", join.number, join.total));
                    }
                    Added::TooLong => bail!("a text of {} parts is too long", join.total),
                }
            }
        };
        Ok(format!("{head} {}", Value::from(text)))
    }
}
