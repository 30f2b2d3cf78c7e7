//! One session of long polls: what requests say goes to the stream in their order, what the stream says to the oldest request
//! that waits (XEP-0124 §5, §8 to §14).
//!
//! One task a session. It reads the stream only while somebody waits for it, so that a client that is away leaves its posts
//! with the engine. Knows no HTTP. It ends with the stream, or once nobody has asked for too long: then the stream is lost as
//! if a socket had broken, and can be resumed.

use super::super::Carried;
use super::Polled;
use super::body::{self, Asked, Ended};
use super::window::Window;
use crate::limits::{
    BOSH_HOLD_MAX, BOSH_INACTIVITY_SECONDS, BOSH_INWARD_BYTES, BOSH_PAUSE_SECONDS, BOSH_READ, BOSH_WAIT_SECONDS,
    RELAY_READ,
};
use crate::stream::Relayed;
use reef_stanza::{Cutter, Piece};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// What was agreed when it began.
pub(super) struct Agreed {
    sid: String,
    first: u64,
    wait: u64,
    hold: usize,
}

impl Agreed {
    /// From the first request (XEP-0124 §7.1), within what is allowed.
    pub(super) fn new(sid: String, asked: &Asked) -> Agreed {
        Agreed {
            sid,
            first: asked.rid,
            wait: asked.wait.unwrap_or(BOSH_WAIT_SECONDS).clamp(1, BOSH_WAIT_SECONDS),
            hold: asked.hold.unwrap_or(1).clamp(1, BOSH_HOLD_MAX),
        }
    }

    fn requests(&self) -> usize {
        self.hold + 1
    }

    /// What the first answer says (§7.2).
    fn attributes(&self) -> String {
        format!(
            " sid='{}' wait='{}' hold='{}' requests='{}' inactivity='{BOSH_INACTIVITY_SECONDS}' polling='1' \
             maxpause='{BOSH_PAUSE_SECONDS}' ver='1.11' ack='{}'",
            self.sid,
            self.wait,
            self.hold,
            self.requests(),
            self.first
        )
    }
}

struct Session {
    agreed: Agreed,
    window: Window,
    cutter: Cutter,
    relayed: Relayed,
    trusted: Arc<AtomicBool>,
    /// For the stream.
    inward: Vec<u8>,
    /// For the client: whole pieces.
    outward: String,
    /// Attributes for the first answer, once the stream has begun.
    opening: Option<String>,
    /// Since when nobody waits, and how long that may be.
    since: Instant,
    inactivity: Duration,
    /// The stream is over, for a reason if it was none of the client's.
    ended: Option<Option<Ended>>,
}

/// Serves a session until it ends.
pub(super) async fn serve(
    agreed: Agreed,
    carried: Carried,
    mut requests: mpsc::Receiver<Polled>,
    trusted: Arc<AtomicBool>,
) {
    let Carried {
        socket,
        relayed,
        _permit,
    } = carried;
    let (mut from_stream, mut to_stream) = socket.into_split();
    let mut session = Session::new(agreed, relayed, trusted);
    let mut said = Vec::with_capacity(RELAY_READ);
    while session.goes_on() {
        let next = session.next();
        let (due, room) = (!session.inward.is_empty(), session.inward.len() < BOSH_INWARD_BYTES);
        tokio::select! {
            taken = to_stream.write(&session.inward), if due => session.taken(taken),
            polled = requests.recv(), if room => match polled {
                Some(polled) => session.polled(polled),
                None => break,
            },
            read = from_stream.read_buf(&mut said), if session.listens() => session.said(read, &mut said),
            () = sleep_until(next) => if session.window.waiting.is_empty() {
                break;
            } else {
                session.answer("");
            },
        }
        session.settle();
    }
    session.farewell();
    // Who asks once more while the session's name is still known.
    requests.close();
    while let Some(polled) = requests.recv().await {
        let _ = polled.answer.send(Ended::NOT_FOUND.to_body());
    }
}

impl Session {
    fn new(agreed: Agreed, relayed: Relayed, trusted: Arc<AtomicBool>) -> Session {
        Session {
            window: Window::new(agreed.first, agreed.requests()),
            agreed,
            cutter: Cutter::default(),
            relayed,
            trusted,
            inward: Vec::new(),
            outward: String::new(),
            opening: None,
            since: Instant::now(),
            inactivity: Duration::from_secs(BOSH_INACTIVITY_SECONDS),
            ended: None,
        }
    }

    /// Whether there is something to do yet: an end is told to who waits, or to who asks next.
    fn goes_on(&self) -> bool {
        self.ended.is_none() || self.window.waiting.is_empty() && self.ended != Some(None)
    }

    /// Whether the stream is read.
    fn listens(&self) -> bool {
        self.ended.is_none() && !self.window.waiting.is_empty()
    }

    /// When the oldest that waits is answered, or the session is given up.
    fn next(&self) -> Instant {
        match self.window.waiting.front() {
            Some(waiting) => waiting.until,
            None => self.since + self.inactivity,
        }
    }

    fn polled(&mut self, polled: Polled) {
        if let Err(ended) = self.window.take(polled) {
            self.ended = Some(Some(ended));
            return;
        }
        let until = Instant::now() + Duration::from_secs(self.agreed.wait);
        while let Some(asked) = self.window.turn(until) {
            self.asked(&asked);
        }
    }

    fn asked(&mut self, asked: &Asked) {
        if let Some(given) = self.window.confirmed(asked.ack) {
            self.relayed.confirm(given);
        }
        self.inward.extend_from_slice(&asked.inward);
        self.inactivity = Duration::from_secs(BOSH_INACTIVITY_SECONDS);
        if let Some(pause) = asked.pause {
            self.inactivity = Duration::from_secs(pause.min(BOSH_PAUSE_SECONDS));
            // §10: all that wait are answered.
            while !self.window.waiting.is_empty() {
                self.answer("");
            }
        }
    }

    fn taken(&mut self, taken: io::Result<usize>) {
        match taken {
            Ok(count) => drop(self.inward.drain(..count)),
            // What it has said before is read first.
            Err(_) => self.inward.clear(),
        }
    }

    fn said(&mut self, read: io::Result<usize>, said: &mut Vec<u8>) {
        if !matches!(read, Ok(1..)) {
            self.ended = Some(Some(Ended::LOST));
            return;
        }
        self.cutter.push(said);
        said.clear();
        if self.trusted.load(Ordering::Relaxed) {
            // As much as there is goes into one answer: each costs a round trip.
            said.reserve(BOSH_READ);
        }
        for piece in self.cutter.by_ref() {
            match piece {
                Piece::Header(header) => {
                    if !self.trusted.load(Ordering::Relaxed) {
                        self.opening = Some(self.agreed.attributes() + &body::opened(&header));
                    }
                }
                Piece::Element(bytes) => {
                    if bytes.starts_with(b"<success") {
                        self.trusted.store(true, Ordering::Relaxed);
                    }
                    // What we write is UTF-8.
                    self.outward.push_str(&String::from_utf8_lossy(&bytes));
                }
                Piece::End => {
                    let error = self.outward.contains("<stream:error");
                    self.ended = Some(error.then_some(Ended::STREAM_ERROR));
                }
            }
        }
    }

    /// Answers who is to be answered by now.
    fn settle(&mut self) {
        if self.ended.is_none() {
            if !self.outward.is_empty() && !self.window.waiting.is_empty() {
                self.answer("");
            }
            while self.window.waiting.len() > self.agreed.hold {
                self.answer("");
            }
        }
        if !self.window.waiting.is_empty() {
            self.since = Instant::now();
        }
    }

    /// Gives the oldest that waits all that there is.
    fn answer(&mut self, attributes: &str) {
        let mut attributes = self.opening.take().unwrap_or_default() + attributes;
        let came = self.window.came();
        if self.window.waiting.front().is_some_and(|waiting| waiting.rid != came) {
            attributes.push_str(&format!(" ack='{came}'"));
        }
        let body = body::body(&attributes, &std::mem::take(&mut self.outward));
        self.window.answer(body, self.cutter.given());
        self.since = Instant::now();
    }

    /// Tells all that wait that it is over.
    fn farewell(&mut self) {
        let condition = match self.ended {
            Some(Some(Ended(condition))) => format!(" condition='{condition}'"),
            Some(None) => String::new(),
            None => format!(" condition='{}'", Ended::NOT_FOUND.0),
        };
        while !self.window.waiting.is_empty() {
            self.answer(&format!(" type='terminate'{condition}"));
        }
    }
}
