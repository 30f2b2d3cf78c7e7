//! What can go wrong, sorted by what the caller does about it.
//!
//! Knows no protocol: the front end has the one table from these to stanza errors.

/// Why a record was not applied: an answer to the one who asked, and nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// Fix the request: there is no such node.
    #[error("no such node")]
    NodeNotFound,
    /// Fix the request: there is no such item.
    #[error("no such item")]
    ItemNotFound,
    /// The node exists already.
    #[error("the node exists")]
    NodeExists,
    /// The name is taken (an account).
    #[error("the name is taken")]
    Conflict,
    /// He may not.
    #[error("forbidden")]
    Forbidden,
    /// The service keeps the node itself: nobody makes, changes or removes it.
    #[error("the service keeps this node")]
    Kept,
    /// The node's owner blocks him: to him the account is not there.
    #[error("blocked")]
    Blocked,
    /// The node is for whom the owner shares his presence with.
    #[error("a presence subscription is required")]
    PresenceRequired,
    /// The node is for some of the owner's roster groups.
    #[error("not in an allowed roster group")]
    NotInRosterGroup,
    /// The node is for its members.
    #[error("the node is closed")]
    ClosedNode,
    /// The node's configuration is not what the publisher demanded.
    #[error("precondition not met")]
    PreconditionNotMet,
    /// The payload is not what the node's type asks for.
    #[error("the payload does not fit the node's type")]
    Unfit,
    /// The node keeps no more items, and lets none go.
    #[error("the node is full")]
    NodeFull,
    /// The node keeps no items: there is nothing to retract or to purge.
    #[error("the node keeps no items")]
    Transient,
    /// The node's notifications hold neither items nor payloads: what is published there has none.
    #[error("items are published elsewhere")]
    ItemForbidden,
    /// The payload is larger than the node takes.
    #[error("payload too big")]
    PayloadTooBig,
    /// He is not subscribed.
    #[error("not subscribed")]
    NotSubscribed,
    /// A quota is used up; which one.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// What he published and is kept leaves no room for more; which: items or bytes.
    #[error("the account has no room for more {0}")]
    NoRoom(&'static str),
    /// A value cannot be accepted; why.
    #[error("not acceptable: {0}")]
    NotAcceptable(&'static str),
    /// Try again later: a rate is exceeded; whose.
    #[error("{0}")]
    TooFast(&'static str),
    /// Try again later: what was asked before is still being done.
    #[error("what was asked before is still being done")]
    NotYet,
    /// A fault of the server itself: applying it panicked, and nothing of it is kept.
    #[error("the server failed to do this")]
    Fault,
    /// A table of another part refused: its own code.
    #[error("refused with code {0}")]
    Table(u16),
}

/// What a call of the engine answers when it fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Fix the request.
    #[error(transparent)]
    Rejected(#[from] Reject),
    /// Try again later: the commit queue is full or old.
    #[error("the server is busy")]
    Busy,
    /// Stop: the engine is closed or its store failed.
    #[error("the engine is closed")]
    Closed,
    /// Stop: the store failed.
    #[error("the store failed: {0}")]
    Store(String),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        Error::Store(error.to_string())
    }
}

/// The store's failures; all but the refusals at opening are fatal.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or RocksDB.
    #[error("{0}")]
    Io(String),
    /// A row that cannot be read: name of the table.
    #[error("a row of {0} cannot be read")]
    Corrupt(&'static str),
    /// Made by a newer Reef.
    #[error(
        "the store has format {found}, this reef reads up to {known}: start a newer reef, or restore an older backup"
    )]
    Newer {
        /// What the store says.
        found: u32,
        /// What this binary knows.
        known: u32,
    },
    /// Another process has it open.
    #[error("the store at {0} is in use by another reef")]
    InUse(String),
}
