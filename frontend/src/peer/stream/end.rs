//! Why a stream between servers ends.
//!
//! Must not know what follows from it. What comes next: a negotiation becomes an [`Unreachable`], a link tells its owner.

use std::io;

use minidom::Element;
use reef_stanza::{StreamCondition, StreamFault, ns};

use super::Unreachable;

/// Why a stream ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum End {
    /// The peer has closed it in good order.
    #[error("the peer has closed the stream")]
    Closed,
    /// We have: nobody needs it any more.
    #[error("the stream was closed")]
    Done,
    /// We have: nothing passed for long.
    #[error("the stream was idle")]
    Idle,
    /// The peer says what is wrong: the condition (RFC 6120 §4.9.3), and a text for people.
    #[error("the peer says {condition}: {text}")]
    Peer {
        /// The condition's name.
        condition: String,
        /// May be empty.
        text: String,
    },
    /// We say what is wrong.
    #[error("stream error: {0}")]
    Fault(#[from] StreamFault),
    /// The connection is gone, or TLS has failed.
    #[error("connection lost: {0}")]
    Lost(String),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl From<StreamCondition> for End {
    fn from(condition: StreamCondition) -> Self {
        Self::Fault(condition.into())
    }
}

/// A fault with a text.
pub(super) fn fault(condition: StreamCondition, text: &'static str) -> End {
    End::Fault(StreamFault::new(condition).with_text(text))
}

impl End {
    /// Whether we have refused something, and not merely ended.
    pub(super) fn is_refusal(&self) -> bool {
        let passing = [StreamCondition::SystemShutdown, StreamCondition::ConnectionTimeout];
        matches!(self, Self::Fault(fault) if !passing.contains(&fault.condition))
    }

    /// What a `<stream:error/>` says.
    pub(super) fn from_peer(error: &Element) -> Self {
        let said = |text: bool| {
            error
                .children()
                .find(|child| child.has_ns(ns::STREAMS) && (child.name() == "text") == text)
        };
        Self::Peer {
            condition: said(false).map_or("undefined-condition", Element::name).to_owned(),
            text: said(true).map(Element::text).unwrap_or_default(),
        }
    }
}

/// Conditions that may pass by themselves.
const PASSING: [&str; 6] = [
    "connection-timeout",
    "internal-server-error",
    "remote-connection-failed",
    "reset",
    "resource-constraint",
    "system-shutdown",
];

impl From<End> for Unreachable {
    fn from(end: End) -> Self {
        match &end {
            End::Peer { condition, .. } if !PASSING.contains(&condition.as_str()) => Self::Refused(end.to_string()),
            End::Fault(_) => Self::Refused(end.to_string()),
            _ => Self::Down(end.to_string()),
        }
    }
}
