//! Goes on with an account's job: begins its steps, knows when they are done, and ends it well or not.

use crate::crowd::account::{Account, Returned, Turn};
use crate::crowd::conn::{Asking, Conn, Mode};
use crate::crowd::plan::{Batch, Step};
use crate::crowd::transport::Transport;
use crate::wire::frame::Framer;
use crate::wire::session::Session;
use anyhow::{Context, Error, Result};
use mio::{Interest, Token};
use std::sync::Arc;

/// The job of an account.
pub(super) struct Job {
    batch: Arc<Batch>,
    /// The batch's place among those that run on the thread.
    running: usize,
    steps: std::vec::IntoIter<Step>,
    waits: Option<Wait>,
    pub(super) begun_us: u64,
}

/// What a step waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Negotiation,
    Answers,
    All,
    AllOrEnd,
    End,
}

impl Account {
    /// Gives the account a job and begins it.
    pub(super) fn begin(&mut self, batch: &Arc<Batch>, running: usize, turn: &mut Turn<'_>) {
        let begun_us = turn.shared.clock().micros();
        if self.job.is_some() {
            batch.finish(Err(format!("account {} is at another job", self.number)));
            turn.ended.push(running);
            return;
        }
        self.job = Some(Job {
            batch: batch.clone(),
            running,
            steps: (batch.plan)(self.number).into_iter(),
            waits: None,
            begun_us,
        });
        if let Err(error) = self.advance(turn) {
            self.broke(&error, turn);
        }
    }

    /// Begins the next steps as long as none has to wait.
    pub(super) fn advance(&mut self, turn: &mut Turn<'_>) -> Result<()> {
        while let Some(job) = &self.job {
            if job.waits.is_some_and(|wait| !self.has_come(wait, turn)) {
                return Ok(());
            }
            if job.waits == Some(Wait::All) {
                self.has_returned(turn);
            }
            let Some(job) = &mut self.job else { return Ok(()) };
            match job.steps.next() {
                Some(step) => {
                    let waits = self.step(step, turn)?;
                    if let Some(job) = &mut self.job {
                        job.waits = waits;
                    }
                }
                None => self.end(Ok(()), turn),
            }
        }
        Ok(())
    }

    fn has_come(&self, wait: Wait, turn: &Turn<'_>) -> bool {
        let conn = self.conn.as_ref();
        match wait {
            Wait::Negotiation => conn.is_some_and(|conn| conn.negotiated),
            Wait::Answers => {
                let asking = conn.and_then(|conn| conn.requests.as_ref());
                asking.is_some_and(|asking| asking.is_done(turn.shared.clock().micros()))
            }
            Wait::All => self.has_all(turn),
            Wait::AllOrEnd => conn.is_none() || self.has_all(turn),
            Wait::End => conn.is_none(),
        }
    }

    /// Notes how long an account that has come back has waited for all.
    fn has_returned(&mut self, turn: &mut Turn<'_>) {
        if let Some(returned) = self.returned.take() {
            let waited_us = turn.shared.clock().micros().saturating_sub(returned.at_us).max(1);
            turn.counts.tally.return_last.saturating_record(waited_us);
        }
    }

    fn has_all(&self, turn: &Turn<'_>) -> bool {
        let board = turn.shared.board();
        self.ledger.lost(|author| board.published(author)) == 0
    }

    fn step(&mut self, step: Step, turn: &mut Turn<'_>) -> Result<Option<Wait>> {
        match step {
            Step::Connect => self.connect(false, turn).map(Some),
            Step::ConnectRaw => self.connect(true, turn).map(Some),
            Step::Expect(all) => {
                all.iter().for_each(|(author, from)| self.ledger.expect(*author, *from));
                Ok(None)
            }
            Step::Counts(counts) => {
                self.counts = counts;
                Ok(None)
            }
            Step::AwaitAll => Ok(Some(Wait::All)),
            Step::Close | Step::Drain if self.conn.is_none() => Ok(None),
            step => self.step_on_connection(step, turn),
        }
    }

    fn step_on_connection(&mut self, step: Step, turn: &mut Turn<'_>) -> Result<Option<Wait>> {
        let who = turn.shared.identity(self.number);
        let conn = self
            .conn
            .as_mut()
            .with_context(|| format!("{step:?} without a connection"))?;
        let mut wait = None;
        match step {
            Step::Register => {
                conn.session.register(&who, &mut conn.out);
                wait = Some(conn.negotiate());
            }
            Step::Login => {
                conn.session.login(&who, turn.shared.config.mechanism, &mut conn.out)?;
                wait = Some(conn.negotiate());
            }
            Step::Requests(requests) => {
                let mut asking = Asking {
                    requests,
                    sent: 0,
                    answered: 0,
                };
                asking.fill(&mut conn.out, turn.shared.clock().micros());
                conn.requests = Some(asking);
                wait = Some(Wait::Answers);
            }
            Step::Send(text) => conn.out.extend_from_slice(text.as_bytes()),
            Step::Return => {
                let at_us = turn.shared.clock().micros();
                self.returned = Some(Returned { at_us, met: false });
                conn.out.extend_from_slice(b"<presence/>");
            }
            Step::Fetch(fetch) => {
                conn.fetch = Some(fetch);
                conn.requests = None;
            }
            Step::Watch => {
                conn.mode = Mode::Scanned;
                conn.carry = conn.framer.take_rest();
                conn.requests = None;
            }
            Step::Stall => {
                conn.stalled = true;
                turn.registry.deregister(&mut conn.transport.socket)?;
            }
            Step::Unstall => {
                conn.stalled = false;
                let interest = Interest::READABLE | Interest::WRITABLE;
                turn.registry
                    .register(&mut conn.transport.socket, Token(self.number as usize), interest)?;
            }
            Step::Close => {
                conn.closing = true;
                conn.out.extend_from_slice(b"</stream:stream>");
                wait = Some(Wait::End);
            }
            Step::Outlast => wait = Some(conn.outlast()),
            Step::Drain => {
                conn.closing = true;
                wait = Some(Wait::AllOrEnd);
            }
            Step::Connect | Step::ConnectRaw | Step::Expect(_) | Step::Counts(_) | Step::AwaitAll => {}
        }
        conn.write_out()?;
        Ok(wait)
    }

    fn connect(&mut self, raw: bool, turn: &mut Turn<'_>) -> Result<Wait> {
        let address = turn.shared.config.address;
        let mut transport = Transport::connect(address).with_context(|| format!("connecting to {address}"))?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(self.number as usize);
        turn.registry.register(&mut transport.socket, token, interest)?;
        let starttls = matches!(turn.shared.config.tls, Some((_, true)));
        self.conn = Some(Box::new(Conn {
            transport,
            session: Session::new(starttls),
            framer: Framer::default(),
            mode: Mode::Connecting { raw },
            carry: Vec::new(),
            out: Vec::new(),
            negotiated: false,
            requests: None,
            fetch: None,
            stalled: false,
            closing: false,
        }));
        Ok(Wait::Negotiation)
    }

    /// The connection cannot go on: its job fails, or it was cut while it waited for posts.
    pub(super) fn broke(&mut self, error: &Error, turn: &mut Turn<'_>) {
        self.conn = None;
        let name = turn.shared.config.roster.account(self.number).0;
        let words = format!("{name}: {error:#}");
        if self.job.is_some() {
            self.end(Err(words), turn);
        } else {
            turn.counts.dropped += 1;
            turn.counts.tally.faults.dropped += 1;
            turn.counts.tally.faults.say(|| words);
            turn.counts.ring = true;
        }
    }

    /// Ends the job.
    pub(super) fn end(&mut self, outcome: Result<(), String>, turn: &mut Turn<'_>) {
        let Some(job) = self.job.take() else { return };
        if outcome.is_ok() {
            let micros = turn.shared.clock().micros().saturating_sub(job.begun_us).max(1);
            turn.counts.tally.job.saturating_record(micros);
        }
        job.batch.finish(outcome);
        turn.ended.push(job.running);
        turn.counts.ring = true;
    }
}

impl Conn {
    fn negotiate(&mut self) -> Wait {
        self.negotiated = false;
        Wait::Negotiation
    }

    /// Whatever the server says at the end is no fault.
    fn outlast(&mut self) -> Wait {
        (self.closing, self.mode) = (true, Mode::Scanned);
        Wait::End
    }
}
