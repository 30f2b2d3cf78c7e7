//! The sender's handle on a proved stream: one of those that were dialled for it, or one that the peer has opened and
//! that both agreed to use in both directions (XEP-0288).
//!
//! Must not know sockets: the stream's task has them. Knows no queue either; what comes next: the queue of a domain.

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::end::End;
use crate::limits::PEER_CLOSE_SECONDS;

/// What a link asks of its stream.
pub(super) enum Command {
    /// A new link, with this number.
    Attach(u64, watch::Sender<LinkState>),
    /// Whole stanzas of a link, and how many.
    Send(u64, Bytes, u32),
    /// `<r/>`.
    Ask,
    /// The link is not needed any more.
    Detach(u64),
}

/// What a stream tells a link.
#[derive(Debug, Clone, Default)]
pub(super) struct LinkState {
    /// How many of the link's stanzas the peer has acknowledged.
    pub(super) acked: u32,
    /// Why the stream has ended.
    pub(super) ended: Option<End>,
}

/// A way for stanzas of one of our domains to one of a peer's. Dropping it lets the stream go.
#[derive(Debug)]
pub(crate) struct Link {
    pub(super) number: u64,
    pub(super) sm: bool,
    pub(super) stanza_limit: Option<usize>,
    /// How many acknowledgements [`Self::next`] has told.
    pub(super) told: u32,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) state: watch::Receiver<LinkState>,
}

/// What happens on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkEvent {
    /// The peer has so many of this link's stanzas, counted from its first and wrapping (XEP-0198 §4).
    Acked(u32),
    /// The stream has ended; what is not acknowledged may be lost.
    Ended(End),
}

impl Link {
    /// Whether the peer acknowledges what it gets (XEP-0198).
    pub(crate) fn has_sm(&self) -> bool {
        self.sm
    }

    /// The longest stanza that the peer takes, if it said so (XEP-0478).
    pub(crate) fn stanza_limit(&self) -> Option<usize> {
        self.stanza_limit
    }

    /// Puts whole stanzas on the stream; waits while the peer does not read. Dropped, it has put all of them or none.
    pub(crate) async fn send(&mut self, stanzas: Bytes, count: u32) -> Result<(), End> {
        self.command(Command::Send(self.number, stanzas, count)).await
    }

    /// Asks the peer to acknowledge what it has.
    pub(crate) async fn ask(&mut self) -> Result<(), End> {
        self.command(Command::Ask).await
    }

    /// What happens next; may be dropped and called again. After the end it says the end again.
    pub(crate) async fn next(&mut self) -> LinkEvent {
        loop {
            let state = self.state.borrow_and_update().clone();
            if state.acked != self.told {
                self.told = state.acked;
                return LinkEvent::Acked(state.acked);
            }
            if let Some(end) = state.ended {
                return LinkEvent::Ended(end);
            }
            if self.state.changed().await.is_err() {
                return LinkEvent::Ended(self.end());
            }
        }
    }

    /// Lets the stream go; one that was dialled for this link is closed in good order, which takes a moment at most.
    pub(crate) async fn close(mut self) {
        if self.command(Command::Detach(self.number)).await.is_ok() {
            let ended = async { while !matches!(self.next().await, LinkEvent::Ended(_)) {} };
            let patience = std::time::Duration::from_secs(PEER_CLOSE_SECONDS + 2);
            // Slower: then the stream goes on to close by itself.
            let _ = tokio::time::timeout(patience, ended).await;
        }
    }

    async fn command(&self, command: Command) -> Result<(), End> {
        if let Some(end) = &self.state.borrow().ended {
            return Err(end.clone());
        }
        self.commands.send(command).await.map_err(|_| self.end())
    }

    fn end(&self) -> End {
        let said = self.state.borrow().ended.clone();
        said.unwrap_or_else(|| End::Lost("the stream is gone".to_owned()))
    }
}
