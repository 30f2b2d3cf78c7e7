//! The operations on the tables, as they lie in records: what is wished, with every limit that it is judged by.
//!
//! Postcard numbers them by their order: a new one goes behind the last. Knows no row. Next: `mod.rs` applies them.

use super::{
    ArchiveId, ArchivePreferences, Contact, Invite, Kept, Kind, OutgoingLimits, Picture, PushService, Report, Upload,
    UploadId,
};
use crate::sasl::{Basis, Tokens};
use bytes::Bytes;
use reef_engine::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An operation on the tables, as it lies in a record. JIDs are bare and normalised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Op {
    /// Makes an account; refused with `Conflict` where there is one.
    CreateAccount {
        /// The account.
        user: Arc<str>,
        /// `Stored::to_bytes`.
        credentials: Vec<u8>,
    },
    /// Changes the credentials; refused with `Conflict` where a password that lasts would be followed by one that passes.
    SetCredentials {
        /// The account.
        user: Arc<str>,
        /// `Stored::to_bytes`.
        credentials: Vec<u8>,
    },
    /// Suspends or resumes.
    Suspend {
        /// The account.
        user: Arc<str>,
        /// Whether it may no longer log in.
        suspended: bool,
    },
    /// Removes an account with all that belongs to it.
    RemoveAccount {
        /// The account.
        user: Arc<str>,
    },
    /// Adds or changes a contact (RFC 6121 §2.3, §2.4).
    SetContact {
        /// The account.
        user: Arc<str>,
        /// The contact.
        contact: Arc<str>,
        /// His name for it.
        name: Arc<str>,
        /// The groups.
        groups: Vec<Arc<str>>,
        /// How many contacts the account may have.
        most: u32,
    },
    /// Removes a contact and both subscriptions (§2.5).
    RemoveContact {
        /// The account.
        user: Arc<str>,
        /// The contact.
        contact: Arc<str>,
    },
    /// A presence stanza that manages a subscription (§3), on both sides where both are here.
    Subscription {
        /// Who sends it.
        from: Arc<str>,
        /// Who gets it.
        to: Arc<str>,
        /// What it asks or grants.
        kind: Kind,
        /// The stanza, as it is delivered.
        stanza: Vec<u8>,
        /// How many contacts an account may have.
        most: u32,
        /// How much may wait for other servers.
        waiting: OutgoingLimits,
    },
    /// Keeps a message for an account without a session (XEP-0160).
    PutOffline {
        /// The account.
        user: Arc<str>,
        /// Bare JID of who sent it.
        from: Arc<str>,
        /// The message with its delay, as it is delivered.
        stanza: Vec<u8>,
        /// How many are kept.
        most: u32,
        /// How many bytes are kept.
        most_bytes: u64,
    },
    /// Blocks addresses (XEP-0191), in any of their forms.
    Block {
        /// The account.
        user: Arc<str>,
        /// Whom.
        jids: Vec<Arc<str>>,
        /// How many an account may block.
        most: u32,
    },
    /// Unblocks them, or all where none is named.
    Unblock {
        /// The account.
        user: Arc<str>,
        /// Whom.
        jids: Vec<Arc<str>>,
    },
    /// Forgets the messages up to a number, since they were delivered.
    TakeOffline {
        /// The account.
        user: Arc<str>,
        /// The last number.
        upto: u64,
    },
    /// Keeps a message in the archives of both sides (XEP-0313).
    Archive {
        /// Its name there.
        id: ArchiveId,
        /// Full JID of the sender.
        from: Arc<str>,
        /// Whom it is for.
        to: Arc<str>,
        /// The stanza, self-contained.
        stanza: Vec<u8>,
        /// How many an archive has; 0: any number.
        most: u32,
        /// For how many days; 0: for ever.
        days: u32,
        /// How much may wait for other servers.
        waiting: OutgoingLimits,
    },
    /// Forgets stanzas for another server, which has them, or to which they could not be brought.
    TakeOutgoing {
        /// Its name.
        peer: Arc<str>,
        /// The numbers.
        numbers: Vec<u64>,
    },
    /// Another server cannot be reached since then, or was.
    PeerDown {
        /// Its name.
        peer: Arc<str>,
        /// Since when, and when that was last seen.
        down: Option<(Timestamp, Timestamp)>,
    },
    /// Has another server wait, or no longer.
    PausePeer {
        /// Its name.
        peer: Arc<str>,
        /// Whether it is to.
        paused: bool,
    },
    /// The senders of stanzas were told that they still wait.
    WarnedOutgoing {
        /// Name of the other server.
        peer: Arc<str>,
        /// The numbers.
        numbers: Vec<u64>,
    },
    /// Sets whose messages an account keeps (XEP-0441).
    SetArchivePreferences {
        /// The account.
        user: Arc<str>,
        /// All of them.
        preferences: ArchivePreferences,
    },
    /// Keeps an element for an account (XEP-0049, XEP-0054).
    Keep {
        /// The account.
        user: Arc<str>,
        /// Which.
        what: Kept,
        /// It; empty: nothing any more.
        element: Vec<u8>,
        /// How many there may be, and how many bytes in all.
        most: (u32, u64),
    },
    /// Sets the tokens of one of an account's clients (XEP-0484).
    SetTokens {
        /// The account.
        user: Arc<str>,
        /// The client.
        agent: Arc<str>,
        /// All of them.
        tokens: Tokens,
        /// What its client has proven, which must hold still.
        basis: Basis,
        /// How many clients have some.
        most: u32,
    },
    /// Blocks addresses, and keeps what is reported of some of them (XEP-0377).
    Report {
        /// The account.
        user: Arc<str>,
        /// Whom it blocks.
        jids: Vec<Arc<str>>,
        /// How many addresses may be blocked.
        most: u32,
        /// What it reports.
        reports: Vec<Report>,
    },
    /// Forgets what was reported of an address.
    ForgetReports {
        /// The address.
        jid: Arc<str>,
    },
    /// Brings a list of bookmarks (XEP-0048) to the account's node of them (XEP-0402).
    SetBookmarks {
        /// The account.
        user: Arc<str>,
        /// The list, self-contained.
        storage: Vec<u8>,
        /// Whether other bookmarks go.
        whole: bool,
        /// How many elements of private storage there may be, and how many bytes in all.
        most: (u32, u64),
        /// How many bookmarks may change at once.
        changes: u32,
    },
    /// Keeps a card (XEP-0054) whose picture is the account's avatar (XEP-0398).
    SetCard {
        /// The account.
        user: Arc<str>,
        /// It, without that picture.
        card: Vec<u8>,
        /// The picture, where it says something of one.
        picture: Option<Picture>,
        /// How many elements there may be, and how many bytes in all.
        most: (u32, u64),
    },
    /// Makes an invitation (XEP-0401).
    MakeInvite {
        /// Its token.
        token: Arc<str>,
        /// It.
        invite: Invite,
        /// How many an account may make a day.
        most: u32,
    },
    /// Makes an account that was invited (XEP-0445).
    RegisterInvited {
        /// The account.
        user: Arc<str>,
        /// `Stored::to_bytes`.
        credentials: Vec<u8>,
        /// The token, which is gone then.
        token: Arc<str>,
    },
    /// Promises an account room for a file (XEP-0363); where there is none, the outcome says so.
    PromiseUpload {
        /// What the file is called.
        id: UploadId,
        /// The slot.
        upload: Upload,
        /// Bytes that the account may have in all; 0 is no limit.
        most: u64,
        /// Days for which files are kept; 0 is no limit.
        days: u32,
    },
    /// A file has come.
    KeepUpload {
        /// Which.
        id: UploadId,
    },
    /// Drops slots that have lapsed, and files that are too old.
    DropUploads {
        /// Which may be.
        ids: Vec<UploadId>,
        /// Days for which files are kept; 0 is no limit.
        days: u32,
    },
    /// Has a service hear of what a client misses (XEP-0357).
    EnablePush {
        /// The account.
        user: Arc<str>,
        /// The service.
        service: PushService,
        /// How many an account may have.
        most: usize,
    },
    /// It does no longer.
    DisablePush {
        /// The account.
        user: Arc<str>,
        /// The service.
        jid: Arc<str>,
        /// One node of it, or all.
        node: Option<Arc<str>>,
    },
    /// Puts a contact into a roster as it was, and tells nobody else (XEP-0227).
    ImportContact {
        /// The account.
        user: Arc<str>,
        /// The contact.
        contact: Arc<str>,
        /// It.
        as_is: Contact,
        /// How many contacts the account may have.
        most: u32,
    },
    /// Puts a message into an account's archive as it was.
    ImportArchived {
        /// The account.
        user: Arc<str>,
        /// Its name there.
        id: ArchiveId,
        /// When it was kept.
        at: Timestamp,
        /// Its sender.
        from: Arc<str>,
        /// Whom it is for.
        to: Arc<str>,
        /// The stanza, self-contained.
        stanza: Vec<u8>,
        /// How many an archive has; 0: any number.
        most: u32,
        /// For how many days; 0: for ever.
        days: u32,
    },
}

impl Op {
    /// The record's bytes.
    pub(crate) fn encode(&self) -> Bytes {
        postcard::to_stdvec(self)
            .expect("operations are plain data, which always encodes")
            .into()
    }
}
