//! A post on its way from a client to a node, and the bytes that it becomes.
//!
//! Knows no rule: those are in the files of the XEPs. Next: `prepare` in `mod.rs`.

use bytes::Bytes;
use reef_stanza::ns;

/// A post on its way to a node, before it is bytes.
pub(crate) struct Draft<'d> {
    /// Bare JID of the account or service.
    pub(crate) service: &'d str,
    /// The node.
    pub(crate) node: &'d str,
    /// The item's id.
    pub(crate) item: &'d str,
    /// The node's type (`pubsub#type`), where it is known before the record is applied.
    pub(crate) kind: Option<&'d str>,
    /// The language that the payload inherits.
    pub(crate) lang: Option<&'d str>,
    /// What web addresses begin with.
    pub(crate) web: Option<&'d str>,
}

impl Draft<'_> {
    /// Whether the node is an account's microblog (XEP-0277 §2.1).
    pub(crate) fn is_microblog(&self) -> bool {
        self.node == ns::MICROBLOG && self.service.contains('@')
    }

    /// Whether its name says that it is for the comments on a post (XEP-0277 §3).
    pub(crate) fn is_for_comments(&self) -> bool {
        self.node.starts_with(ns::COMMENTS_PREFIX)
    }
}

/// A payload as bytes, and which of them are for a node that everybody may read.
pub(crate) struct Prepared {
    pub(crate) payload: Bytes,
    pub(crate) open_only: Option<(u32, u32)>,
}

impl Prepared {
    /// All of it is for any node.
    pub(crate) fn whole(payload: Vec<u8>) -> Prepared {
        let (payload, open_only) = (payload.into(), None);
        Prepared { payload, open_only }
    }
}
