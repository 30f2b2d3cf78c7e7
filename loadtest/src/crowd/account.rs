//! An account on its thread: its connection, what has come on it, and what that means for ledger, board and job.
//!
//! The way of a delivery is `read` → `Mark::feed` → `Counts::note`: one `read` of the system, one search, one compare, one
//! histogram. What comes next: `steps` goes on with the job.

use crate::crowd::conn::{Conn, Mode};
use crate::crowd::counts::Counts;
use crate::crowd::ledger::Ledger;
use crate::crowd::shared::Shared;
use crate::crowd::steps::Job;
use crate::crowd::transport::Filled;
use crate::wire::frame::Frame;
use crate::wire::mark::Sighting;
use crate::wire::scram::Salted;
use crate::wire::session::Event;
use crate::wire::xml::{has, shown};
use anyhow::{Result, bail};
use mio::Registry;

/// An account, connected or not.
#[derive(Default)]
pub(super) struct Account {
    pub(super) number: u32,
    pub(super) conn: Option<Box<Conn>>,
    pub(super) job: Option<Job>,
    pub(super) ledger: Ledger,
    /// When something last came, in microseconds.
    pub(super) heard_us: u64,
    /// Whether it counts for the completeness of posts.
    pub(super) counts: bool,
    pub(super) kept: Option<Box<Salted>>,
    pub(super) returned: Option<Returned>,
}

/// An account that has come back and waits for what it missed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Returned {
    pub(super) at_us: u64,
    /// The first post has come.
    pub(super) met: bool,
}

/// What a turn of the thread needs and counts.
pub(super) struct Turn<'t> {
    pub(super) shared: &'t Shared,
    pub(super) registry: &'t Registry,
    pub(super) raw: &'t mut [u8],
    pub(super) plain: &'t mut [u8],
    pub(super) counts: &'t mut Counts,
    /// The running batches of which a job has ended.
    pub(super) ended: &'t mut Vec<usize>,
}

impl Account {
    /// The socket has something to say: writes, reads, goes on with the job.
    /// `ended` says that the other side will send nothing more, so that the end itself must be read too.
    pub(super) fn drive(&mut self, ended: bool, turn: &mut Turn<'_>) {
        let outcome = self.exchange(ended, turn).and_then(|()| self.advance(turn));
        if let Err(error) = outcome {
            self.broke(&error, turn);
        }
    }

    fn exchange(&mut self, ended: bool, turn: &mut Turn<'_>) -> Result<()> {
        let Some(conn) = &mut self.conn else { return Ok(()) };
        if let Mode::Connecting { raw } = conn.mode {
            if !conn.transport.established()? {
                return Ok(());
            }
            conn.established(raw, turn.shared)?;
        }
        conn.transport.flush()?;
        if conn.stalled { Ok(()) } else { self.read(ended, turn) }
    }

    /// Reads until the socket has nothing more: a read that does not fill the buffer has emptied it.
    fn read(&mut self, ended: bool, turn: &mut Turn<'_>) -> Result<()> {
        loop {
            let Some(conn) = &mut self.conn else { return Ok(()) };
            let n = match conn.transport.fill(turn.raw) {
                Ok(Filled::Bytes(n)) => n,
                Ok(Filled::Nothing) => return Ok(()),
                Ok(Filled::Closed) | Err(_) if conn.closing => {
                    self.conn = None;
                    return Ok(());
                }
                Ok(Filled::Closed) => bail!("the server closed the connection"),
                Err(error) => return Err(error.into()),
            };
            turn.counts.bytes += n as u64;
            self.take(n, turn)?;
            if n < turn.raw.len() && !ended {
                return Ok(());
            }
        }
    }

    /// Looks at the `n` bytes that were read.
    fn take(&mut self, n: usize, turn: &mut Turn<'_>) -> Result<()> {
        let now_us = turn.shared.clock().micros();
        let mark = &turn.shared.config.mark;
        let raw = turn.raw.get(..n).unwrap_or_default();
        self.heard_us = now_us;
        let Account {
            conn: Some(conn),
            ledger,
            counts,
            returned,
            ..
        } = self
        else {
            return Ok(());
        };
        let Conn {
            transport,
            framer,
            mode,
            carry,
            ..
        } = &mut **conn;
        if *mode == Mode::Scanned {
            let mut note = |post: Sighting| {
                let verdict = ledger.see(post.author, post.number);
                turn.counts.note(turn.shared, verdict, *counts, post, now_us);
                if let Some(returned) = returned {
                    returned.meets(turn.counts, now_us);
                }
            };
            return transport.open(raw, turn.plain, |bytes| {
                mark.feed(carry, bytes, &mut note);
                Ok(())
            });
        }
        transport.open(raw, turn.plain, |bytes| {
            framer.push(bytes);
            Ok::<(), anyhow::Error>(())
        })?;
        self.frames(turn, now_us)
    }

    fn frames(&mut self, turn: &mut Turn<'_>, now_us: u64) -> Result<()> {
        loop {
            let Some(conn) = &mut self.conn else { return Ok(()) };
            match conn.framer.next() {
                Some(Frame::Stanza { start, end }) => {
                    let stanza = conn.framer.bytes(start, end).to_vec();
                    self.stanza(&stanza, turn, now_us)?;
                }
                Some(Frame::Header) => {}
                Some(Frame::End) if conn.closing => {}
                Some(Frame::End) => bail!("the server ended the stream"),
                None => break,
            }
        }
        let Some(conn) = &mut self.conn else { return Ok(()) };
        conn.framer.compact();
        conn.write_out()
    }

    fn stanza(&mut self, stanza: &[u8], turn: &mut Turn<'_>, now_us: u64) -> Result<()> {
        let Some(conn) = &mut self.conn else { return Ok(()) };
        let event = if conn.session.is_idle() {
            Event::Other
        } else {
            let who = turn.shared.identity(self.number);
            conn.session.stanza(stanza, &who, &mut self.kept, &mut conn.out)?
        };
        match event {
            Event::Quiet => {}
            Event::Done => conn.negotiated = true,
            Event::Restart => conn.framer.restart(),
            Event::StartTls => conn.start_tls(turn.shared)?,
            Event::Other if stanza.starts_with(b"<stream:error") => bail!("stream error: {}", shown(stanza)),
            Event::Other => {
                if stanza.starts_with(b"<iq") {
                    conn.iq(stanza, turn.counts, now_us);
                }
                self.posts_in(stanza, turn, now_us);
            }
        }
        Ok(())
    }

    /// Judges the posts in a stanza; one that is announced and to be fetched counts when it has been.
    fn posts_in(&mut self, stanza: &[u8], turn: &mut Turn<'_>, now_us: u64) {
        let Account {
            ledger, counts, conn, ..
        } = self;
        if ledger.is_empty() {
            return;
        }
        let announces = stanza.starts_with(b"<message");
        turn.shared.config.mark.scan(stanza, &mut |post: Sighting| match conn
            .as_mut()
            .filter(|conn| conn.fetch.is_some())
        {
            Some(conn) if announces => conn.announced(stanza, post, turn.counts, now_us),
            Some(_) if !has(stanza, "<entry") => {}
            _ => {
                let verdict = ledger.see(post.author, post.number);
                turn.counts.note(turn.shared, verdict, *counts, post, now_us);
            }
        });
    }
}

impl Returned {
    /// A post has come.
    fn meets(&mut self, counts: &mut Counts, now_us: u64) {
        if !std::mem::replace(&mut self.met, true) {
            let waited_us = now_us.saturating_sub(self.at_us).max(1);
            counts.tally.return_first.saturating_record(waited_us);
        }
    }
}
