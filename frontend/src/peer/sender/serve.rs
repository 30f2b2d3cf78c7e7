//! While there is a stream: what is of the moment first, then what was stored, then what is published, within a window of
//! what is not confirmed. What is confirmed moves the cursors.
//!
//! Where the peer has no acknowledgements (XEP-0198), a ping (XEP-0199) to its domain closes each batch, and its answer,
//! result or error, is one.

use super::flight::{Flight, What};
use super::{Ahead, Sender};
use crate::limits::{
    PARCELS, PEER_BREAKS, PEER_CONFIRM_SECONDS, PEER_KIND_SECONDS, PEER_LINGER_SECONDS, PEER_NARROW, PEER_PINGS,
    PEER_WINDOW, PEER_WINDOW_BYTES,
};
use crate::peer::agree::{self, Agreeing};
use crate::peer::stream::{End, Link, LinkEvent};
use minidom::Element;
use reef_stanza::element::{Build, el};
use reef_stanza::{StreamNamespace, ns, write_element};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What happened while it waited.
enum Turn {
    /// Go on.
    More,
    /// The stream has ended.
    Ended(End),
}

/// A stream in use.
struct Stream {
    link: Link,
    flight: Flight,
    ahead: Ahead,
    /// A ping whose answer confirms what was sent before it, and how many stanzas that were.
    ping: Option<(oneshot::Receiver<Element>, u32)>,
    /// By when what was asked is to be answered.
    until: Option<Instant>,
    /// Pings that were not answered in time, one behind the other.
    unanswered: u32,
    /// Whether the peer is a Reef.
    reef: Kind,
    /// While it is one: both agree who follows.
    agreeing: Option<Agreeing>,
}

/// What is known of a peer.
enum Kind {
    /// Nothing: posts wait until it is.
    Unknown,
    /// It was asked, and must say so by then.
    Asked(oneshot::Receiver<Element>, Instant),
    /// What there is to know.
    Known,
}

impl Sender {
    /// Uses a stream until it ends, or there is nothing to do any more. Why it broke, where it did and nothing was confirmed on it.
    pub(super) async fn serve(&mut self, link: Link) -> Option<End> {
        self.progress = false;
        let mut stream = Stream {
            link,
            flight: Flight::default(),
            ahead: self.ahead(),
            ping: None,
            until: None,
            unanswered: 0,
            reef: Kind::Unknown,
            agreeing: None,
        };
        let end = loop {
            match self.turn(&mut stream).await {
                Ok(Turn::More) => {}
                Ok(Turn::Ended(end)) | Err(end) => break end,
            }
        };
        if end == End::Done {
            stream.link.close().await;
            return None;
        }
        tracing::debug!(peer = &*self.name, %end, "a stream to a peer has ended");
        self.broken(&stream.flight, &end);
        (self.talk, self.posts) = (true, true);
        (!self.progress).then_some(end)
    }

    async fn turn(&mut self, stream: &mut Stream) -> Result<Turn, End> {
        if self.shared.is_stopped() {
            (self.talk, self.posts) = (false, false);
            if stream.flight.is_empty() {
                return Ok(Turn::Ended(End::Done));
            }
            return self.wait(stream).await;
        }
        if self.shared.take_retry() && self.is_paused().await {
            return Ok(Turn::Ended(End::Done));
        }
        if self.shared.take_woken() {
            (self.talk, self.posts) = (true, true);
        }
        self.send_waiting(stream).await?;
        let (count, bytes) = stream.flight.size();
        // What broke streams goes alone, so that it is known.
        let window = match self.head {
            Some((_, breaks)) if breaks + 1 >= PEER_BREAKS => 1,
            _ => (PEER_WINDOW >> self.narrow).max(1),
        };
        let most = PEER_WINDOW_BYTES >> self.narrow;
        let room = window.saturating_sub(count);
        if room > 0 && bytes < most {
            if self.talk {
                self.talk = self
                    .send_stored(&mut stream.link, &mut stream.flight, &mut stream.ahead)
                    .await?;
            }
            let (count, bytes) = stream.flight.size();
            let room = (window.saturating_sub(count), most.saturating_sub(bytes));
            if self.posts && matches!(stream.reef, Kind::Unknown) {
                self.ask_kind(stream).await?;
            }
            if self.posts && !self.talk && room.0 > 0 && room.1 > 0 && matches!(stream.reef, Kind::Known) {
                self.posts = self
                    .send_posts(&mut stream.link, &mut stream.flight, &mut stream.ahead, room)
                    .await?;
            }
        }
        if stream.flight.wants_asking() {
            self.ask(stream).await?;
        }
        let full = stream.flight.size().0 >= window || stream.flight.size().1 >= most;
        let posts = self.posts && matches!(stream.reef, Kind::Known);
        if (self.talk || posts) && !full {
            // More at once; what came meanwhile is looked at first.
            return self.look(stream).await;
        }
        self.wait(stream).await
    }

    /// Sends what is of the moment, behind what was stored before it.
    async fn send_waiting(&mut self, stream: &mut Stream) -> Result<(), End> {
        while self.waiting.len() < PARCELS
            && let Ok(parcel) = self.parcels.try_recv()
        {
            self.waiting.push_back(parcel);
        }
        while let Some(parcel) = self.waiting.front() {
            if parcel.behind > stream.ahead.checked {
                self.talk = true;
                return Ok(());
            }
            let Some(parcel) = self.waiting.pop_front() else { break };
            stream.flight.pass(1);
            self.shared.sent.fetch_add(1, Ordering::Relaxed);
            stream.link.send(parcel.stanza.into(), 1).await?;
        }
        Ok(())
    }

    /// Has the peer confirm what was sent.
    async fn ask(&mut self, stream: &mut Stream) -> Result<(), End> {
        let seconds = match stream.link.has_sm() {
            true => PEER_CONFIRM_SECONDS,
            // A peer that could not reach us a moment ago loses answers: it is asked again before it is given up.
            false => PEER_CONFIRM_SECONDS / u64::from(PEER_PINGS),
        };
        stream.until = Some(Instant::now() + Duration::from_secs(seconds));
        let upto = stream.flight.ask();
        if stream.link.has_sm() {
            return stream.link.ask().await;
        }
        let (id, waits) = self.expect_answer();
        let ping = el("iq", ns::CLIENT)
            .set("type", "get")
            .set("id", &id)
            .set("from", &self.way.local)
            .set("to", &self.way.remote)
            .child(el("ping", ns::PING));
        stream.ping = Some((waits, upto));
        self.put(stream, &ping).await
    }

    /// Asks whether the peer is to be told of open nodes as a whole (`frontend/FANOUT.md` §2).
    async fn ask_kind(&mut self, stream: &mut Stream) -> Result<(), End> {
        let (id, waits) = self.expect_answer();
        let query = el("iq", ns::CLIENT)
            .set("type", "get")
            .set("id", &id)
            .set("from", &self.way.local)
            .set("to", &self.way.remote)
            .child(el("query", ns::DISCO_INFO));
        stream.reef = Kind::Asked(waits, Instant::now() + Duration::from_secs(PEER_KIND_SECONDS));
        self.put(stream, &query).await
    }

    /// An id for a question of its own, and its answer.
    fn expect_answer(&self) -> (String, oneshot::Receiver<Element>) {
        let id = format!("p{:016x}", self.server.random());
        let waits = self.server.peers.ask(&id, &self.way.remote);
        (id, waits)
    }

    async fn put(&mut self, stream: &mut Stream, stanza: &Element) -> Result<(), End> {
        let mut bytes = Vec::new();
        write_element(stanza, StreamNamespace::Client, &mut bytes);
        stream.flight.pass(1);
        stream.link.send(bytes.into(), 1).await
    }

    /// What has happened, without waiting.
    async fn look(&mut self, stream: &mut Stream) -> Result<Turn, End> {
        tokio::select! {
            biased;
            turn = self.wait(stream) => turn,
            () = std::future::ready(()) => Ok(Turn::More),
        }
    }

    /// Waits for something to happen.
    async fn wait(&mut self, stream: &mut Stream) -> Result<Turn, End> {
        let linger = Instant::now() + Duration::from_secs(PEER_LINGER_SECONDS);
        let room = self.waiting.len() < PARCELS;
        tokio::select! {
            biased;
            event = stream.link.next() => match event {
                LinkEvent::Acked(h) => {
                    let confirmed = stream.flight.acknowledged(h);
                    self.confirm(&confirmed);
                    if !stream.flight.is_asked() {
                        (stream.until, stream.unanswered) = (None, 0);
                    }
                    Ok(Turn::More)
                }
                LinkEvent::Ended(end) => Ok(Turn::Ended(end)),
            },
            answer = answered(&mut stream.ping) => {
                let upto = stream.ping.take().map(|(_, upto)| upto);
                if let (Some(upto), true) = (upto, answer) {
                    let confirmed = stream.flight.acknowledged(upto);
                    self.confirm(&confirmed);
                    (stream.until, stream.unanswered) = (None, 0);
                }
                Ok(Turn::More)
            }
            is_reef = kind(&mut stream.reef) => {
                self.shared.reef.store(is_reef, Ordering::Relaxed);
                stream.reef = Kind::Known;
                stream.agreeing = self.peer.filter(|_| is_reef).map(|peer| agree::begin(&self.server, peer, &self.way));
                Ok(Turn::More)
            }
            Some(parcel) = self.parcels.recv(), if room => {
                self.waiting.push_back(parcel);
                Ok(Turn::More)
            }
            () = self.shared.called() => Ok(Turn::More),
            () = expired(stream.until) => {
                stream.unanswered += 1;
                if !stream.link.has_sm() && stream.unanswered < PEER_PINGS {
                    self.ask(stream).await?;
                    return Ok(Turn::More);
                }
                Ok(Turn::Ended(End::Lost("what was sent was not confirmed in time".to_owned())))
            }
            () = tokio::time::sleep_until(linger), if stream.flight.is_empty() => Ok(Turn::Ended(End::Done)),
        }
    }

    /// A stream broke: what was not confirmed is sent again. What was the first of it on several is given up.
    fn broken(&mut self, flight: &Flight, end: &End) {
        let (count, _) = flight.size();
        self.shared.again.fetch_add(count as u64, Ordering::Relaxed);
        // One that reads slowly confirms less in time.
        self.narrow = (self.narrow + 2).min(PEER_NARROW);
        if is_innocent(end) {
            return;
        }
        let Some(head) = flight.head() else { return };
        let breaks = match self.head {
            Some((known, breaks)) if known == head => breaks + 1,
            _ => 1,
        };
        self.head = Some((head, breaks));
    }

    /// Whether an entry is given up; then it is, and said. Gives where streams broke.
    pub(super) fn dead(&mut self, what: What) -> Option<What> {
        let same = |head: What| match (head, what) {
            (What::Stored(a), What::Stored(b)) => a == b,
            (What::Post { seq: a, .. }, What::Post { seq: b, .. }) => a == b,
            _ => false,
        };
        let (head, _) = self
            .head
            .filter(|(head, breaks)| *breaks >= PEER_BREAKS && same(*head))?;
        self.head = None;
        self.give_up(head, "at the head of several streams that broke");
        Some(head)
    }

    /// An entry that cannot be brought to this peer; what is behind it goes on.
    pub(super) fn give_up(&self, what: What, why: &str) {
        self.shared.dead.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(peer = &*self.name, entry = ?what, why, "given up");
    }
}

/// Whether the peer says that it ends the stream for reasons of its own, whatever was on it.
fn is_innocent(end: &End) -> bool {
    let own = [
        "system-shutdown",
        "resource-constraint",
        "connection-timeout",
        "reset",
        "conflict",
    ];
    matches!(end, End::Peer { condition, .. } if own.contains(&condition.as_str()))
}

async fn answered(ping: &mut Option<(oneshot::Receiver<Element>, u32)>) -> bool {
    match ping {
        Some((answer, _)) => answer.await.is_ok(),
        None => std::future::pending().await,
    }
}

/// Whether a peer that was asked is a Reef; one that does not say so in time is none.
async fn kind(of: &mut Kind) -> bool {
    match of {
        Kind::Asked(answer, until) => {
            let said = tokio::time::timeout_at(*until, answer).await;
            said.is_ok_and(|said| said.is_ok_and(|iq| takes_fanout(&iq)))
        }
        Kind::Unknown | Kind::Known => std::future::pending().await,
    }
}

fn takes_fanout(iq: &Element) -> bool {
    let query = iq.get_child("query", ns::DISCO_INFO);
    let features = query.into_iter().flat_map(Element::children);
    let mut features = features.filter(|child| child.is("feature", ns::DISCO_INFO));
    features.any(|feature| feature.attr("var") == Some(ns::FANOUT))
}

async fn expired(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
