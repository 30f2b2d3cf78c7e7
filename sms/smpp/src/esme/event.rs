//! What goes in and out of a session.

use crate::pdu::command::TEMPORARY;
use crate::pdu::{Address, Header, Kind, Message, Mode, Receipt, Validity, receipt};
use crate::text::Part;
use bytes::Bytes;
use std::fmt;
use std::time::Duration;
use tokio::sync::mpsc;

/// What is to be submitted.
pub struct Submit {
    /// Names it in events.
    pub token: u64,
    /// From whom.
    pub source: Address,
    /// To whom.
    pub destination: Address,
    /// What.
    pub part: Part,
    /// How long the SMSC may try; its own default if nothing is said.
    pub validity: Option<Validity>,
    /// Whether a receipt is wanted.
    pub receipt: bool,
    /// What some SMSCs echo in receipts.
    pub user_message_reference: Option<u16>,
    /// Asked right before it is put into the write buffer: `false` voids it. Must not block.
    pub may: Box<dyn FnOnce() -> bool + Send>,
}

impl fmt::Debug for Submit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Submit({} to {:?})", self.token, self.destination)
    }
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// Bound; submits are taken, if it is bound for that.
    Bound {
        /// What for.
        mode: Mode,
    },
    /// Not bound any more, or dialling did not lead to it.
    Lost {
        /// Which connection.
        mode: Mode,
        /// Why.
        why: Why,
        /// When it is dialled again; never after a stop.
        again: Option<Duration>,
    },
    /// It is in the write buffer, and is written in this wake.
    Written {
        /// Which.
        token: u64,
    },
    /// The SMSC answered, perhaps after `InDoubt`.
    Answered {
        /// Which.
        token: u64,
        /// `ESME_ROK`, or why not; of a nack, too.
        status: u32,
        /// Under which id the SMSC has it.
        message_id: Option<String>,
    },
    /// It was certainly never on the wire.
    Unwritten {
        /// Which.
        token: u64,
    },
    /// It was written, and no answer came in time or before the session ended.
    InDoubt {
        /// Which.
        token: u64,
    },
    /// `may` said no.
    Voided {
        /// Which.
        token: u64,
    },
    /// A message came. It is answered by `Respond`, with 0x64 when that is dropped.
    Deliver(Deliver, Respond),
    /// A message came whose body cannot be read; it was answered with 0x65.
    Malformed {
        /// Its header.
        header: Header,
        /// Its body.
        body: Bytes,
    },
}

/// Why a session ended, or did not come to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// No connection.
    Unreachable(String),
    /// The SMSC refused the bind with this status: for a wrong name or password nothing helps but the operator.
    Refused(u32),
    /// No answer to the bind, or to whether it is there.
    Silent,
    /// The connection broke.
    Broken(String),
    /// The SMSC unbound.
    Unbound,
    /// More than half of the window has no answer.
    Stalled,
    /// The SMSC says that we are not bound.
    NotBound,
    /// It sent a length that cannot be.
    BadLength,
    /// It was stopped.
    Stopped,
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deliver {
    /// Addresses, octets, coding, header and parameters.
    pub message: Message,
    /// As `deliver_sm` or as `data_sm`.
    pub kind: Kind,
}

impl Deliver {
    /// The receipt that it is, if it is one.
    pub fn receipt(&self) -> Option<Receipt> {
        receipt(&self.message)
    }
}

/// The answer that a message waits for: once what it says is kept.
#[derive(Debug)]
pub struct Respond {
    pub(super) kind: Kind,
    pub(super) sequence: u32,
    /// Of the connection that it came by; has room for each message that waits.
    pub(super) answers: Option<mpsc::Sender<(Kind, u32, u32)>>,
}

impl Respond {
    /// Answers with a status. Without effect where the connection is gone: the SMSC sends the message again.
    pub fn with(mut self, status: u32) {
        self.send(status);
    }

    fn send(&mut self, status: u32) {
        if let Some(answers) = self.answers.take() {
            // Full it cannot be; closed it is where the connection is gone.
            let _ = answers.try_send((self.kind, self.sequence, status));
        }
    }
}

impl Drop for Respond {
    fn drop(&mut self) {
        self.send(TEMPORARY);
    }
}
