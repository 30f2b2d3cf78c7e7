//! A connection: its wire, its reader, what is still to be written, and what is known of its session.
//!
//! Held a million times, so that each field is weighed; what an idle session does not need lies behind a pointer. `read.rs`
//! and `flush.rs` use it.

use super::csi::Held;
use super::iq::Parked;
use super::sm::Sm;
use super::wire::Wire;
use super::wishes::Wishes;
use crate::limits::{IN_FLIGHT, WRITE_TURN};
use crate::stream::ConnectionPermit;
use jid::{BareJid, FullJid};
use reef_engine::config::Shows;
use reef_engine::model::{Seq, Timestamp};
use reef_engine::shard::{Key, Manner, Parting};
use reef_stanza::StreamReader;
use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::Arc;

/// How far a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for the header after SASL.
    Header,
    /// Waits for bind or resume.
    Bind,
    /// Waits for the user's rows.
    Binding,
    /// Bound.
    Open,
}

/// A connection and its session. What a delivery reads and writes comes first, in as few cache lines as it takes.
#[repr(C)]
pub(super) struct Conn {
    /// `None` while a session waits to be resumed.
    pub(super) wire: Option<Wire>,
    pub(super) key: Option<Key>,
    /// The kernel takes no more for now.
    pub(super) blocked: bool,
    pub(super) to_flush: bool,
    /// The stream has ended: close when everything is written.
    pub(super) closing: bool,
    pub(super) priority: i8,
    /// Composed and not yet taken by the kernel (without TLS) or by rustls.
    pub(super) out: Vec<u8>,
    /// Its last presence, encoded; `None` where it is not available.
    pub(super) presence: Option<Box<[u8]>>,
    /// Its full JID once bound, and how stanzas address it.
    pub(super) address: Address,
    pub(super) sm: Option<Box<Sm>>,
    /// After how many bytes on the wire which post is confirmed, where there is no stream management.
    pub(super) marks: Marks,
    pub(super) reader: StreamReader,
    /// Read and not yet framed: more requests than may be under way.
    pub(super) unread: Vec<u8>,
    pub(super) user: BareJid,
    /// Something is composed for it and not sent yet: nothing may be written before that.
    pub(super) staged: bool,
    pub(super) phase: Phase,
    /// The resource was made by the server: it names no device.
    pub(super) made: bool,
    /// A request is under way that reads: what comes behind it waits, so that it does not see that.
    pub(super) reading: bool,
    /// The roster was asked for: pushes go here (RFC 6121 §2.1.6).
    pub(super) interested: bool,
    /// The block list was asked for: so do changes of it (XEP-0191 §3.3).
    pub(super) hears_of_blocks: bool,
    /// Copies of what its user's other sessions say and are told come here (XEP-0280).
    pub(super) carbons: bool,
    /// Nobody looks: what can wait waits (XEP-0352).
    pub(super) inactive: bool,
    /// Everything was written and our side is closed; the client's close is waited for, not for long.
    pub(super) closed: bool,
    /// What its presence shows.
    pub(super) show: Shows,
    pub(super) in_flight: u32,
    pub(super) lang: Option<Box<str>>,
    /// A request that waits for those before it, so that it sees what they changed.
    pub(super) parked: Option<Box<Parked>>,
    pub(super) directed: Option<Box<BTreeSet<jid::Jid>>>,
    pub(super) caps: Caps,
    /// What few have.
    pub(super) rare: Option<Box<Rare>>,
    /// Milliseconds: when an unbound stream is given up, or a session that waits to be resumed.
    pub(super) deadline: Option<NonZeroU64>,
    pub(super) _permit: Option<Box<ConnectionPermit>>,
}

// A million of these are held at once: what is added here is added a million times.
const _: () = assert!(size_of::<Conn>() <= 384);

/// What few connections have, behind one pointer.
#[derive(Default)]
pub(super) struct Rare {
    /// What its user asks of single subscriptions, if anything.
    pub(super) wishes: Option<Arc<Wishes>>,
    /// The session has ended, and its client has not acknowledged all that was written: how far it is once it has.
    pub(super) late: Option<Parting>,
    /// When it was last here, by its own word: until it is known what it wants.
    pub(super) since: Option<Timestamp>,
    /// What waits until somebody looks.
    pub(super) held: Held,
    /// Up to where in the log its client reads what was said in the archive (XEP-0386 §3.2).
    pub(super) archive_upto: Seq,
}

impl Conn {
    /// One that has logged in and waits for its second header.
    pub(super) fn new(wire: Wire, reader: StreamReader, user: BareJid) -> Conn {
        Conn {
            wire: Some(wire),
            out: Vec::new(),
            key: None,
            address: Address::default(),
            blocked: false,
            to_flush: false,
            staged: false,
            phase: Phase::Header,
            priority: 0,
            show: Shows::ONLINE,
            sm: None,
            presence: None,
            reader,
            unread: Vec::new(),
            user,
            made: false,
            lang: None,
            in_flight: 0,
            reading: false,
            parked: None,
            directed: None,
            caps: Caps::default(),
            interested: false,
            hears_of_blocks: false,
            carbons: false,
            inactive: false,
            marks: Marks::default(),
            rare: None,
            deadline: None,
            closing: false,
            closed: false,
            _permit: None,
        }
    }
}

impl Conn {
    /// Its full JID; none before it is bound.
    pub(super) fn jid(&self) -> Option<&FullJid> {
        self.address.jid.as_ref()
    }

    /// Touches what a delivery needs.
    pub(super) fn warm(&self) -> usize {
        let address = self.address.to(Manner::Notify).first().copied().unwrap_or_default();
        usize::from(self.blocked) ^ usize::from(address) ^ usize::from(self.marks.waits())
    }
}

/// A full JID as it is written into an attribute: as it is, where that needs no escapes.
#[derive(Default)]
pub(super) struct Address {
    jid: Option<FullJid>,
    /// Where it needs some.
    escaped: Option<Box<[u8]>>,
    /// How much of what is written is the bare JID.
    bare: u32,
}

impl Address {
    pub(super) fn new(jid: FullJid) -> Address {
        let mut escaped = Vec::new();
        reef_stanza::escape_attr(jid.to_bare().as_str(), &mut escaped);
        let bare = escaped.len() as u32;
        escaped.push(b'/');
        reef_stanza::escape_attr(jid.resource().as_str(), &mut escaped);
        let plain = escaped == jid.as_str().as_bytes();
        Address {
            jid: Some(jid),
            escaped: (!plain).then(|| escaped.into()),
            bare,
        }
    }

    pub(super) fn to(&self, manner: Manner) -> &[u8] {
        let full = match (&self.escaped, &self.jid) {
            (Some(escaped), _) => escaped,
            (None, Some(jid)) => jid.as_str().as_bytes(),
            (None, None) => &[],
        };
        match manner {
            Manner::Notify => full,
            Manner::Follower | Manner::Delayed => full.get(..self.bare as usize).unwrap_or_default(),
        }
    }
}

/// After how many bytes on the wire which post is with the client. Two are enough: one that is waited for, and the
/// newest.
#[derive(Default)]
pub(super) struct Marks {
    waited: (u64, Seq),
    newest: (u64, Seq),
    /// Handed to the wire, and not all of it with the kernel yet; 0 is none.
    unmarked: Seq,
}

impl Marks {
    /// A post was handed to the wire.
    pub(super) fn handed(&mut self, seq: Seq) {
        self.unmarked = self.unmarked.max(seq);
    }

    /// All that was handed is with the kernel, `written` bytes in all.
    pub(super) fn written(&mut self, written: u64) {
        if self.unmarked == Seq(0) {
            return;
        }
        let mark = (written, std::mem::take(&mut self.unmarked));
        if self.waited.1 == Seq(0) {
            self.waited = mark;
        } else {
            self.newest = mark;
        }
    }

    /// The last post that all was written of, where it is not acknowledged.
    pub(super) fn last(&self) -> Option<Seq> {
        let last = self.newest.1.max(self.waited.1);
        (self.waits() && self.unmarked == Seq(0)).then_some(last)
    }

    /// Whether something is waited for.
    pub(super) fn waits(&self) -> bool {
        self.waited.1 != Seq(0)
    }

    /// So many bytes are with the client: the last post among them.
    pub(super) fn acknowledged(&mut self, bytes: u64) -> Option<Seq> {
        let mut last = None;
        while self.waits() && self.waited.0 <= bytes {
            last = Some(self.waited.1);
            self.waited = std::mem::take(&mut self.newest);
        }
        last
    }
}

impl Conn {
    /// Which cursor the session moves: the resource it asked for; empty where it asked for none.
    pub(super) fn device(&self) -> &str {
        let jid = self.jid().filter(|_| !self.made);
        jid.map_or("", |jid| jid.resource().as_str())
    }

    /// Whether nothing more is handled for now. What is read is kept, and goes on with the answer that is waited for.
    pub(super) fn waits(&self) -> bool {
        // One who asks and does not read is not asked on: he waits for himself.
        let deaf = self.blocked && self.out.len() > WRITE_TURN;
        self.phase == Phase::Binding || self.in_flight >= IN_FLIGHT || self.reading || self.parked.is_some() || deaf
    }

    /// What its user asks of single subscriptions, if anything.
    pub(super) fn wishes(&self) -> Option<&Arc<Wishes>> {
        self.rare.as_ref()?.wishes.as_ref()
    }

    /// Takes what its user asks of single subscriptions.
    pub(super) fn take_wishes(&mut self, wishes: Option<Arc<Wishes>>) {
        if wishes.is_some() || self.rare.is_some() {
            self.rare.get_or_insert_default().wishes = wishes;
        }
    }

    /// Whether it waits to be bound, and is still there.
    pub(super) fn binds(&self) -> bool {
        self.phase == Phase::Binding && !self.closing
    }
}

/// A question to the client, by its id.
pub(super) type Question = (String, crate::xep::xep0115_caps::CapsRef);

/// What a session's capabilities are known of.
#[derive(Default)]
pub(super) struct Caps {
    /// Its last `<c/>`, `node#ver`, as a number; 0 is none.
    pub(super) seen: u64,
    /// Questions asked of the client: id → what they are about.
    pub(super) asked: Option<Box<Vec<Question>>>,
    /// The node names it wants by presence.
    pub(super) wants: Option<Arc<BTreeSet<Arc<str>>>>,
}
