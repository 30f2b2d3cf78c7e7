//! SMPP 3.4 on the wire: frames, what is in them, and what receipts say. Parameters of 5.0 are read where they come.
//!
//! Pure: no socket, no clock. `frame` cuts the stream, `body` reads and writes what is in a frame, messages are read by rusmpp; a body
//! that cannot be read is a value and ends nothing. `esme` and `smsc` talk in these.

mod address;
mod bind;
mod body;
pub mod command;
mod frame;
mod message;
mod receipt;
#[cfg(test)]
mod tests;
pub mod tlv;
mod validity;

pub use address::Address;
pub use bind::{Bind, Mode};
pub use body::{Body, Malformed, Pdu};
pub use frame::{BadLength, FRAME_MAX, Frame, HEADER, Header, next_frame};
pub use message::{Kind, Message};
pub use receipt::{Receipt, State, id_key, id_spellings, receipt};
pub use tlv::Tlvs;
pub use validity::Validity;
