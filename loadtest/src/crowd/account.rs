//! An account on its thread: its connection, what has come on it, and what that means for ledger, board and job.
//!
//! The way of a delivery is `read` → `Mark::feed` → `Counts::note`: one `read` of the system, one search, one compare, one
//! histogram. What comes next: `steps` goes on with the job.

use crate::crowd::ledger::{Ledger, Verdict};
use crate::crowd::plan::Requests;
use crate::crowd::shared::Shared;
use crate::crowd::steps::Job;
use crate::crowd::tally::Tally;
use crate::crowd::transport::{Filled, Transport};
use crate::wire::frame::{Frame, Framer};
use crate::wire::mark::Sighting;
use crate::wire::scram::Salted;
use crate::wire::session::{Event, Session};
use crate::wire::xml::{attribute, shown};
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
}

/// A connection.
pub(super) struct Conn {
    pub(super) transport: Transport,
    pub(super) session: Session,
    pub(super) framer: Framer,
    pub(super) mode: Mode,
    /// A tag that a read has cut.
    pub(super) carry: Vec<u8>,
    /// What is to be written when the read has been looked at.
    pub(super) out: Vec<u8>,
    /// What was being negotiated is done.
    pub(super) negotiated: bool,
    pub(super) requests: Option<Asking>,
    pub(super) stalled: bool,
    /// Its end is expected.
    pub(super) closing: bool,
}

/// What is done with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// TCP is connecting; then as the flag says: a stream, or raw bytes.
    Connecting { raw: bool },
    /// Stanzas are cut and looked at.
    Framed,
    /// Posts are looked for in the bytes.
    Scanned,
}

/// Requests under way.
pub(super) struct Asking {
    pub(super) requests: Requests,
    pub(super) sent: u32,
    pub(super) answered: u32,
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

/// Counts of a thread: what is given to all at the end of each turn, and what is collected per phase.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) tally: Tally,
    pub(super) delivered: u64,
    pub(super) bytes: u64,
    pub(super) acked: u64,
    pub(super) refused: u64,
    pub(super) dropped: u64,
    /// The scenario should look.
    pub(super) ring: bool,
    run: Option<Run>,
}

/// Arrivals of one post in a row: the board hears of them at once.
struct Run {
    post: Sighting,
    count: u32,
    first_us: u64,
    last_us: u64,
}

impl Counts {
    fn note(&mut self, shared: &Shared, verdict: Verdict, counts: bool, post: Sighting, now_us: u64) {
        match verdict {
            Verdict::New => {}
            Verdict::Late => self.tally.out_of_order += 1,
            Verdict::Doubled => {
                self.tally.doubled += 1;
                return;
            }
            Verdict::Unasked => {
                self.tally.unasked += 1;
                return;
            }
        }
        self.delivered += 1;
        let micros = now_us.saturating_sub(post.sent_us).max(1);
        if let Some(class) = self.tally.classes.get_mut(shared.board().class(post.author)) {
            class.each.saturating_record(micros);
        }
        if !counts {
            return;
        }
        match &mut self.run {
            Some(run) if run.post == post => {
                run.count += 1;
                run.last_us = now_us;
            }
            _ => {
                self.flush(shared);
                self.run = Some(Run {
                    post,
                    count: 1,
                    first_us: now_us,
                    last_us: now_us,
                });
            }
        }
    }

    /// Tells the board what has arrived.
    pub(super) fn flush(&mut self, shared: &Shared) {
        let Some(run) = self.run.take() else { return };
        let arrived = shared.board().arrived(run.post.author, run.post.number, run.count);
        let Some(class) = self.tally.classes.get_mut(shared.board().class(run.post.author)) else {
            return;
        };
        if arrived.first {
            class.first.saturating_record(run.first_us.saturating_sub(run.post.sent_us).max(1));
        }
        if arrived.all {
            class.last.saturating_record(run.last_us.saturating_sub(run.post.sent_us).max(1));
            self.ring = true;
        }
    }
}

impl Account {
    /// The socket has something to say: writes, reads, goes on with the job.
    pub(super) fn drive(&mut self, turn: &mut Turn<'_>) {
        let outcome = self.exchange(turn).and_then(|()| self.advance(turn));
        if let Err(error) = outcome {
            self.broke(&error, turn);
        }
    }

    fn exchange(&mut self, turn: &mut Turn<'_>) -> Result<()> {
        let Some(conn) = &mut self.conn else { return Ok(()) };
        if let Mode::Connecting { raw } = conn.mode {
            if !conn.transport.established()? {
                return Ok(());
            }
            conn.established(raw, turn.shared)?;
        }
        conn.transport.flush()?;
        if conn.stalled { Ok(()) } else { self.read(turn) }
    }

    /// Reads until the socket has nothing more.
    pub(super) fn read(&mut self, turn: &mut Turn<'_>) -> Result<()> {
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
            if n < turn.raw.len() {
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
        let Account { conn: Some(conn), ledger, counts, .. } = self else { return Ok(()) };
        let Conn { transport, framer, mode, carry, .. } = &mut **conn;
        if *mode == Mode::Scanned {
            let mut note = |post: Sighting| {
                let verdict = ledger.see(post.author, post.number);
                turn.counts.note(turn.shared, verdict, *counts, post, now_us);
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
                let Account { ledger, counts, .. } = self;
                if !ledger.is_empty() {
                    turn.shared.config.mark.scan(stanza, &mut |post: Sighting| {
                        let verdict = ledger.see(post.author, post.number);
                        turn.counts.note(turn.shared, verdict, *counts, post, now_us);
                    });
                }
            }
        }
        Ok(())
    }
}

impl Conn {
    /// TCP stands: the stream, or nothing more.
    fn established(&mut self, raw: bool, shared: &Shared) -> Result<()> {
        if raw {
            self.mode = Mode::Scanned;
            self.negotiated = true;
            return Ok(());
        }
        self.mode = Mode::Framed;
        match &shared.config.tls {
            Some((_, false)) => self.start_tls(shared)?,
            _ => self.session.open(&shared.config.domain, &mut self.out),
        }
        self.write_out()
    }

    fn start_tls(&mut self, shared: &Shared) -> Result<()> {
        // Whatever waits goes out in the clear first: nothing does, since the server has just been waited for.
        self.write_out()?;
        if let Some((config, _)) = &shared.config.tls {
            self.transport.start_tls(config, &shared.config.domain)?;
        }
        self.framer = Framer::default();
        self.session.open(&shared.config.domain, &mut self.out);
        Ok(())
    }

    /// Writes what has been put together.
    pub(super) fn write_out(&mut self) -> Result<()> {
        if !self.out.is_empty() {
            let out = std::mem::take(&mut self.out);
            self.transport.write(&out)?;
        }
        Ok(())
    }

    /// An answer to a request of ours, or a request to us.
    fn iq(&mut self, stanza: &[u8], counts: &mut Counts, now_us: u64) {
        let (kind, id) = (attribute(stanza, "type"), attribute(stanza, "id").unwrap_or_default());
        let asked_us = id.strip_prefix(REQUEST).and_then(|time| time.parse::<u64>().ok());
        match (kind, asked_us) {
            (Some("result"), Some(asked_us)) => {
                counts.acked += 1;
                counts.tally.ack.saturating_record(now_us.saturating_sub(asked_us).max(1));
            }
            (Some("error"), Some(_)) => {
                counts.refused += 1;
                counts.tally.refused += 1;
                counts.tally.say(|| format!("refused: {}", shown(stanza)));
            }
            (Some("get"), _) => {
                let to = attribute(stanza, "from").map(|from| format!(" to='{from}'")).unwrap_or_default();
                self.out.extend_from_slice(format!("<iq type='result' id='{id}'{to}/>").as_bytes());
                return;
            }
            _ => return,
        }
        counts.ring = true;
        if let Some(asking) = &mut self.requests {
            asking.answered += 1;
            asking.fill(&mut self.out, now_us);
        }
    }
}

/// What ids of requests begin with; the time of sending follows, in microseconds.
const REQUEST: char = 'q';

/// The id of a request that is sent at this time.
pub(crate) fn request_id(now_us: u64) -> String {
    format!("{REQUEST}{now_us:011}")
}

impl Asking {
    /// Sends requests as far as may be outstanding.
    pub(super) fn fill(&mut self, out: &mut Vec<u8>, now_us: u64) {
        while self.sent < self.requests.count
            && self.sent - self.answered < self.requests.outstanding
            && now_us < self.requests.until_us
        {
            let text = (self.requests.make)(self.sent, &request_id(now_us), now_us);
            out.extend_from_slice(text.as_bytes());
            self.sent += 1;
        }
    }

    /// Whether no answer is awaited and nothing more will be asked.
    pub(super) fn is_done(&self, now_us: u64) -> bool {
        self.sent == self.answered && (self.sent == self.requests.count || now_us >= self.requests.until_us)
    }
}
