//! Posts: the pointers of the engine's outbox to stanzas, one for each follower there, or one for the peer as a whole.
//!
//! A post is encoded once for all peers and followers; only the addressee differs. Who follows is read when it is sent.

use super::flight::{Flight, What};
use super::{Ahead, Sender};
use crate::limits::PEER_PAGE_FOLLOWERS;
use crate::peer::stream::{End, Link};
use crate::session;
use bytes::Bytes;
use reef_engine::model::Timestamp;
use reef_engine::outbox::peers::{PeerDue, PeerRequest};
use reef_engine::store::rows::PeerCursor;
use std::sync::atomic::Ordering;

/// Bytes put on a stream at once.
const CHUNK: usize = 32 << 10;
/// Why a peer was not brought what waited.
const TOO_LONG: &str = "could not be reached for too long";
/// Bytes of a JID at most, as far as the length of a stanza is judged.
const JID_BYTES: usize = 1_024;

impl Sender {
    /// Sends the next page of what is published, as far as the window goes. True where there may be more at once.
    pub(super) async fn send_posts(
        &mut self,
        link: &mut Link,
        flight: &mut Flight,
        ahead: &mut Ahead,
        (room, bytes): (usize, usize),
    ) -> Result<bool, End> {
        let Some(peer) = self.peer_id().await else {
            return Ok(false);
        };
        let now = self.server.engine.clock.now().0;
        let request = PeerRequest {
            peer,
            after: ahead.posted,
            backlog: ahead.backlog,
            sent: self.sent,
            most: room.min(PEER_PAGE_FOLLOWERS),
            bytes,
            whole: self.shared.reef.load(Ordering::Relaxed),
            oldest: Timestamp(now.saturating_sub(self.server.config.s2s.queue_for.as_millis() as u64)),
        };
        let Some(page) = self.page(request).await else {
            return Ok(false);
        };
        for (node, posts) in &page.expired {
            self.not_brought(node, *posts, TOO_LONG);
        }
        if !page.empty.is_empty() {
            self.delivered(&page.empty);
        }
        if flight.is_empty() && page.due.is_empty() {
            // All that was passed over lies behind it.
            self.posted = page.upto;
        }
        for due in &page.due {
            let delayed = ahead.is_late(due.post.at.0, now);
            self.send_due(link, flight, due, delayed).await?;
        }
        ahead.posted = page.upto;
        ahead.backlog = page.backlog;
        Ok(page.more)
    }

    /// While the peer cannot be reached: authors are told of what has waited too long.
    pub(super) async fn expire_posts(&mut self, oldest: u64) {
        let Some(peer) = self.peer_id().await else { return };
        loop {
            let request = PeerRequest {
                peer,
                after: self.posted,
                backlog: None,
                sent: self.sent,
                most: 1,
                bytes: 1,
                whole: true,
                oldest: Timestamp(oldest),
            };
            let Some(page) = self.page(request).await else { return };
            for (node, posts) in &page.expired {
                self.not_brought(node, *posts, TOO_LONG);
            }
            if page.empty.is_empty() {
                return;
            }
            self.delivered(&page.empty);
            // All that was passed over lies behind it.
            if let (true, Some(last)) = (page.due.is_empty(), page.empty.last()) {
                self.posted = PeerCursor {
                    seq: *last,
                    follower: 0,
                };
            } else {
                return;
            }
        }
    }

    async fn send_due(
        &mut self,
        link: &mut Link,
        flight: &mut Flight,
        due: &PeerDue,
        delayed: bool,
    ) -> Result<(), End> {
        let seq = due.post.seq;
        self.sent = self.sent.max(seq);
        let dead = What::Post {
            seq,
            follower: 0,
            last: true,
        };
        let died = self.dead(dead);
        // Others have taken it: then it is not the post, but who was to get it.
        let taken = self.posted.seq == seq && self.posted.follower > 0;
        if died.is_some() && !taken {
            // Its place is passed when the next one is confirmed.
            self.not_brought(&due.post.name, 1, "ended several streams when it was sent this");
            self.delivered(&[seq]);
            return Ok(());
        }
        let size = session::size_for_peer(&due.post, delayed) + JID_BYTES;
        if link.stanza_limit().is_some_and(|most| size > most) {
            // It would break the stream.
            self.give_up(dead, "longer than the peer takes");
            self.not_brought(&due.post.name, 1, "takes nothing of this length");
            self.delivered(&[seq]);
            return Ok(());
        }
        if due.whole {
            let stanza = session::for_whole_peer(&due.post, &self.way.remote, delayed);
            flight.push(dead, stanza.len());
            self.shared.sent.fetch_add(1, Ordering::Relaxed);
            return link.send(stanza.into(), 1).await;
        }
        let passed = |id: u32| matches!(died, Some(What::Post { follower, .. }) if follower == id);
        let to: Vec<_> = due.to.iter().filter(|(id, _)| !passed(id.0)).collect();
        if to.is_empty() {
            if due.last {
                // Those before were all.
                flight.mark(dead);
            }
            return Ok(());
        }
        let (mut bytes, mut count) = (Vec::with_capacity(CHUNK), 0);
        for (at, (id, jid)) in to.iter().enumerate() {
            let before = bytes.len();
            session::write_for_peer(&due.post, jid, delayed, &mut bytes);
            let last = due.last && at + 1 == to.len();
            let follower = id.0;
            flight.push(What::Post { seq, follower, last }, bytes.len() - before);
            count += 1;
            if bytes.len() >= CHUNK {
                link.send(Bytes::from(std::mem::take(&mut bytes)), std::mem::take(&mut count))
                    .await?;
            }
        }
        self.shared.sent.fetch_add(to.len() as u64, Ordering::Relaxed);
        match count {
            0 => Ok(()),
            count => link.send(bytes.into(), count).await,
        }
    }

    /// Where reading begins on a new stream: behind what is confirmed.
    pub(super) fn ahead(&mut self) -> Ahead {
        Ahead {
            talked: self.talked,
            posted: self.posted,
            backlog: None,
            checked: 0,
            failed: std::mem::take(&mut self.failed),
            opened: self.server.engine.clock.now().0,
        }
    }
}
