//! Administration: what an operator asks, performed the same way in a running server and on a store that no server has.
//!
//! Knows no command line: `cli/` makes requests and prints answers. The socket is `socket.rs`, what is done `perform.rs`.

mod atom;
mod import;
mod invite;
mod listing;
mod node;
mod peer;
mod perform;
mod portable;
mod report;
mod socket;
mod user;

pub use crate::session::Over;
pub use atom::{AtomError, entries, text_entry};
pub(crate) use atom::{element, reference};
pub(crate) use perform::copy;
pub use perform::{Live, Performer, Unserved};
pub use socket::{Connection, ask, socket_path};
pub(crate) use socket::{listen, serve};

use serde::{Deserialize, Serialize};

/// What an operator asks. JIDs are bare; a node is named by service and node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each is the command of its name")]
pub enum Request {
    UserAdd {
        jid: String,
        password: String,
    },
    UserPasswd {
        jid: String,
        password: String,
    },
    UserRemove {
        jid: String,
    },
    UserList {
        after: Option<String>,
    },
    UserShow {
        jid: String,
    },
    UserSuspend {
        jid: String,
        suspended: bool,
    },
    UserInvite {
        jid: Option<String>,
        contact: Option<String>,
        days: u32,
    },
    /// A page of an account's text (XEP-0227).
    UserExport {
        jid: String,
        from: Option<String>,
    },
    UserImportBegin {
        jid: String,
        password: Option<String>,
        scram: Vec<String>,
        force: bool,
    },
    /// Pieces of such a text.
    UserImport {
        jid: String,
        pieces: Vec<String>,
    },
    UserReports {
        after: Option<String>,
    },
    UserForgetReports {
        jid: String,
    },
    NodeList {
        service: Option<String>,
        after: Option<String>,
    },
    NodeShow {
        service: String,
        node: String,
    },
    NodeFollow {
        service: String,
        node: String,
        follower: String,
    },
    NodeFollowers {
        service: String,
        node: String,
        after: Option<String>,
    },
    NodeImportFollowers {
        service: String,
        node: String,
        followers: Vec<String>,
    },
    NodeCreate {
        service: String,
        node: String,
        settings: Vec<(String, String)>,
    },
    NodeConfigure {
        service: String,
        node: String,
        settings: Vec<(String, String)>,
    },
    NodePause {
        service: String,
        node: String,
        paused: bool,
    },
    NodePurge {
        service: String,
        node: String,
    },
    NodeDelete {
        service: String,
        node: String,
    },
    NodeRetract {
        service: String,
        node: String,
        item: String,
    },
    Post {
        jid: String,
        node: String,
        item: Option<String>,
        entry: String,
    },
    PeerList,
    PeerShow {
        peer: String,
    },
    PeerRetry {
        peer: String,
    },
    PeerPause {
        peer: String,
        paused: bool,
    },
    PeerDrop {
        peer: String,
    },
    /// What the other part of the server is asked.
    Part {
        words: serde_json::Value,
    },
    Backup {
        dir: String,
    },
    Verify,
    Compact,
}

/// What it answers: a JSON value for `--json` and for the tables that people read, or one line that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// Done.
    Done(serde_json::Value),
    /// A page of rows; ask again behind `next`.
    Rows {
        /// The rows.
        rows: Vec<serde_json::Value>,
        /// Where the next page begins.
        next: Option<String>,
    },
    /// Refused, or failed.
    Failed(String),
}

/// The request for what comes behind a page, if there is more.
pub fn next(request: &Request, response: &Response) -> Option<Request> {
    let Response::Rows { next: Some(next), .. } = response else {
        return None;
    };
    let behind = Some(next.clone());
    Some(match request.clone() {
        Request::UserList { .. } => Request::UserList { after: behind },
        Request::UserReports { .. } => Request::UserReports { after: behind },
        Request::UserExport { jid, .. } => Request::UserExport { jid, from: behind },
        Request::NodeList { service, .. } => Request::NodeList { service, after: behind },
        Request::NodeFollowers { service, node, .. } => Request::NodeFollowers {
            service,
            node,
            after: behind,
        },
        _ => return None,
    })
}

/// Why an operator's request is not done: one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Refused {
    pub(crate) fn new(why: impl std::fmt::Display) -> Refused {
        Refused(why.to_string())
    }
}

impl From<reef_engine::error::Error> for Refused {
    fn from(error: reef_engine::error::Error) -> Refused {
        Refused::new(error)
    }
}

impl From<reef_engine::error::StoreError> for Refused {
    fn from(error: reef_engine::error::StoreError) -> Refused {
        Refused::new(error)
    }
}
