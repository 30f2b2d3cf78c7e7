//! XML framing with budgets, the error vocabulary of XMPP, and the payloads that Reef reads and writes. Knows no tokio, no
//! engine, no sockets and no clock. Used by the negotiation and by the shards; what they do with a stanza comes next.
#![forbid(unsafe_code)]

pub mod ns; //           namespaces
// From bytes to elements and back.
pub mod ack; //          XEP-0198's <a/>, without a parser
pub mod budget; //       what a stanza may cost
pub mod cut; //          our own bytes → pieces that travel alone
pub mod header; //       the stream header
pub mod reader; //       bytes → frames
pub mod write; //        elements → bytes
// What is said when something is wrong.
pub mod error; //        stream errors
pub mod stanza_error; // stanza errors
// What stanzas carry.
pub mod attachments; //  XEP-0470 names, marks, counts
pub mod blocking; //     XEP-0191 lists
pub mod caps; //         XEP-0115 hashes
pub mod command; //      XEP-0050 commands
pub mod disco; //        XEP-0030 lists, XEP-0462 filters
pub mod element; //          shorthands for building
pub mod form; //         XEP-0004 data forms
pub mod mam; //          XEP-0313 queries, XEP-0441 preferences
pub mod order; //        XEP-0413 orders
pub mod pam; //          XEP-0376 subscriptions through one's account
pub mod payload; //      an iq's payload by its type
pub mod pubsub; //       XEP-0060 requests, replies, events
pub mod register; //     XEP-0077 registration
pub mod report; //       XEP-0377 reports
pub mod rsm; //          XEP-0059 pages
pub mod uri; //          RFC 5122 addresses

pub use ack::ack;
pub use budget::Budget;
pub use cut::{Cutter, Piece};
pub use error::{StreamCondition, StreamFault};
pub use header::{StreamHeader, StreamNamespace, stream_header};
pub use payload::IqPayload;
pub use reader::{Frame, StreamReader};
pub use stanza_error::{Condition, ErrorType, PubsubCondition, StanzaError, error_reply};
pub use write::{escape_attr, escape_text, self_contained, write_element};
