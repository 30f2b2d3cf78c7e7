//! A connection: its transport, what is negotiated or asked on it, and how its bytes are looked at.

use crate::crowd::counts::Counts;
use crate::crowd::plan::{Fetch, Requests};
use crate::crowd::shared::Shared;
use crate::crowd::transport::Transport;
use crate::wire::frame::Framer;
use crate::wire::mark::Sighting;
use crate::wire::session::Session;
use crate::wire::xml::{attribute, has, shown};
use anyhow::Result;

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
    /// How announced posts are fetched, if they are.
    pub(super) fetch: Option<Fetch>,
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

impl Conn {
    /// TCP stands: the stream, or nothing more.
    pub(super) fn established(&mut self, raw: bool, shared: &Shared) -> Result<()> {
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

    /// All that comes next goes through TLS, a new stream first.
    pub(super) fn start_tls(&mut self, shared: &Shared) -> Result<()> {
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
    pub(super) fn iq(&mut self, stanza: &[u8], counts: &mut Counts, now_us: u64) {
        let (kind, id) = (attribute(stanza, "type"), attribute(stanza, "id").unwrap_or_default());
        let asked_us = id.strip_prefix(REQUEST).and_then(|time| time.parse::<u64>().ok());
        match (kind, asked_us) {
            (Some("result"), Some(_)) if !self.is_right(stanza) => {
                counts.refused += 1;
                counts.tally.faults.refused += 1;
                counts
                    .tally
                    .faults
                    .say(|| format!("not what was asked for: {}", shown(stanza)));
            }
            (Some("result"), Some(asked_us)) => {
                counts.acked += 1;
                counts
                    .tally
                    .ack
                    .saturating_record(now_us.saturating_sub(asked_us).max(1));
            }
            (Some("error"), Some(_)) => {
                counts.refused += 1;
                counts.tally.faults.refused += 1;
                counts.tally.faults.say(|| format!("refused: {}", shown(stanza)));
            }
            (Some("get"), _) => {
                let to = attribute(stanza, "from")
                    .map(|from| format!(" to='{from}'"))
                    .unwrap_or_default();
                self.out
                    .extend_from_slice(format!("<iq type='result' id='{id}'{to}/>").as_bytes());
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

impl Conn {
    /// Whether an answer holds what it must.
    fn is_right(&self, answer: &[u8]) -> bool {
        let holds = self
            .requests
            .as_ref()
            .and_then(|asking| asking.requests.holds.as_deref());
        holds.is_none_or(|text| has(answer, text))
    }

    /// Fetches a post that a message announces; one that holds the post, too, is a fault.
    pub(super) fn announced(&mut self, message: &[u8], post: Sighting, counts: &mut Counts, now_us: u64) {
        if has(message, "<entry") {
            counts.tally.faults.unasked += 1;
            counts
                .tally
                .faults
                .say(|| format!("announced with what is in it: {}", shown(message)));
        }
        if let Some(Fetch(make)) = &self.fetch {
            self.out.extend_from_slice(make(post, &request_id(now_us)).as_bytes());
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
