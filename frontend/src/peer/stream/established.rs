//! The loop of a stream between servers: what comes is judged, what is to go is written, what is done with is
//! acknowledged, and in the end both sides close (RFC 6120 §4.4).
//!
//! Must not know elements: that is `judge`. One task a stream, which alone has the socket.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use minidom::Element;
use reef_stanza::{Frame, StreamCondition};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::S2s;
use super::accept::stopped;
use super::acks::Acks;
use super::closing::Phase;
use super::dialback::{Claim, Verdict};
use super::end::End;
use super::link::{Command, LinkState};
use super::pairs::Pairs;
use super::receipts::Receipts;
use super::sent::Sent;
use super::wire::Wire;
use crate::limits::{PEER_OUTPUT, PEER_RECEIPTS};
use crate::stream::ConnectionPermit;

/// A stream between servers, past its negotiation.
pub(super) struct Stream {
    pub(super) s2s: Arc<S2s>,
    pub(super) wire: Wire,
    /// The id that the side gave it which was dialled.
    pub(super) id: String,
    /// Its number among ours.
    pub(super) number: u64,
    /// Whether we dialled.
    pub(super) outgoing: bool,
    /// Whether both sides may send (XEP-0288).
    pub(super) bidi: bool,
    /// Whether anything is proved.
    pub(super) proved: bool,
    /// Whether the peer has gone on since: only then its stream is used the other way.
    pub(super) heard: bool,
    /// What the peer has proved.
    pub(super) pairs: Pairs,
    /// The longest stanza that the peer takes, if it said so.
    pub(super) stanza_limit: Option<usize>,
    pub(super) receipts: Arc<Receipts>,
    pub(super) sm: Acks,
    pub(super) sent: Sent,
    pub(super) links: HashMap<u64, watch::Sender<LinkState>>,
    commands: mpsc::Receiver<Command>,
    /// For those who send on a peer's stream.
    pub(super) sender: Option<mpsc::Sender<Command>>,
    /// Keys of dialback that the server that knows is asked about.
    pub(super) verifying: JoinSet<(Claim, Verdict)>,
    /// The peer has had its share: it is not read before this.
    pub(super) not_before: Option<Instant>,
    pub(super) permit: Option<ConnectionPermit>,
    pub(super) elements: u32,
    /// Bytes of answers that wait for the peer's socket.
    pub(super) answers: usize,
    pub(super) begun: Instant,
    /// When a stanza last came or went.
    pub(super) last: Instant,
    /// Bytes that had left when it was last looked, and when that was.
    pub(super) left: (u64, Instant),
    pub(super) phase: Phase,
}

/// With what a stream begins.
pub(super) struct Begin {
    pub(super) s2s: Arc<S2s>,
    pub(super) wire: Wire,
    pub(super) id: String,
    pub(super) outgoing: bool,
    pub(super) bidi: bool,
    pub(super) stanza_limit: Option<usize>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) sender: Option<mpsc::Sender<Command>>,
    pub(super) permit: Option<ConnectionPermit>,
}

impl Stream {
    pub(super) fn new(begin: Begin) -> Self {
        let (now, stopped) = (Instant::now(), begin.s2s.stopped.clone());
        Self {
            number: begin.s2s.number(),
            s2s: begin.s2s,
            wire: begin.wire,
            id: begin.id,
            outgoing: begin.outgoing,
            bidi: begin.bidi,
            proved: false,
            heard: false,
            pairs: Pairs::default(),
            stanza_limit: begin.stanza_limit,
            receipts: Arc::new(Receipts::until(stopped)),
            sm: Acks::default(),
            sent: Sent::default(),
            links: HashMap::new(),
            commands: begin.commands,
            sender: begin.sender,
            verifying: JoinSet::new(),
            not_before: None,
            permit: begin.permit,
            elements: 0,
            answers: 0,
            begun: now,
            last: now,
            left: (0, now),
            phase: Phase::Open,
        }
    }

    /// Runs to the end. `early` came before; with `sm`, both sides count from behind it.
    pub(super) async fn run(mut self, early: VecDeque<Element>, sm: bool, mut shutdown: Option<watch::Receiver<bool>>) {
        let mut end = early.into_iter().try_for_each(|element| self.element(element, 0)).err();
        if sm {
            self.sm.begin(self.receipts.given());
        }
        let end = loop {
            match end {
                Some(end) => break end,
                None => end = self.turn(&mut shutdown).await.err(),
            }
        };
        self.finish(end).await;
    }

    /// One step: what has come, then whatever happens first.
    async fn turn(&mut self, shutdown: &mut Option<watch::Receiver<bool>>) -> Result<(), End> {
        self.take_frames()?;
        self.acknowledge()?;
        if self.wire.waiting() == 0 {
            self.answers = 0;
        }
        if self.wire.waiting() == 0 || self.wire.written() != self.left.0 {
            self.left = (self.wire.written(), Instant::now());
        }
        let reads = self.reads();
        let deadline = self.deadline();
        let open = self.is_open();
        let stops = async {
            match shutdown {
                Some(shutdown) => stopped(shutdown).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            moved = self.wire.turn(reads) => moved?,
            command = self.commands.recv(), if open && self.wire.waiting() < PEER_OUTPUT => self.command(command),
            Some(done) = self.verifying.join_next() => {
                if let Ok((claim, verdict)) = done {
                    self.examined(&claim, verdict)?;
                }
            }
            () = self.receipts.moved() => {}
            () = tokio::time::sleep_until(deadline) => self.expired()?,
            () = stops => return Err(StreamCondition::SystemShutdown.into()),
        }
        Ok(())
    }

    /// Judges what was read, as far as the peer may go on.
    fn take_frames(&mut self) -> Result<(), End> {
        while self.reads() {
            let Some((frame, cost)) = self.wire.read()? else {
                break;
            };
            match frame {
                Frame::Element(element) => self.element(element, cost)?,
                Frame::End => self.peer_closed()?,
                Frame::Header(_) | Frame::Whitespace => return Err(StreamCondition::BadFormat.into()),
            }
        }
        match self.wire.take_idle_bytes() {
            0 => {}
            bytes => self.count(None, 0, bytes),
        }
        Ok(())
    }

    /// Whether the peer may go on: its window and its share have room, and it takes our answers. That it takes our stanzas
    /// is not asked for: if each side waited for that, neither would read.
    fn reads(&self) -> bool {
        !matches!(self.phase, Phase::PeerClosed(_))
            && self.receipts.open() < PEER_RECEIPTS
            && self.answers < PEER_OUTPUT
            && self.not_before.is_none_or(|until| until <= Instant::now())
    }

    /// Puts an answer to the peer on the stream.
    pub(super) fn answer(&mut self, bytes: &[u8]) {
        self.answers += bytes.len();
        self.wire.queue(bytes);
    }

    /// Answers questions whose stanzas are done with.
    fn acknowledge(&mut self) -> Result<(), End> {
        let done = self.receipts.done();
        while let Some(ack) = self.sm.answer(done) {
            self.answer(&ack);
        }
        match self.phase {
            Phase::PeerClosed(_) if !self.sm.owes() => Err(End::Closed),
            _ => Ok(()),
        }
    }
}
