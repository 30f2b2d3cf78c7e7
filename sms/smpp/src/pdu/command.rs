//! Numbers of SMPP 3.4: commands (§5.1.2.1), statuses (§5.1.3) and the message types of `esm_class` (§5.2.12).
//!
//! Numbers only; which status leads to what is the gateway's to say.

/// `generic_nack`.
pub const GENERIC_NACK: u32 = 0x8000_0000;
/// `bind_receiver`.
pub const BIND_RECEIVER: u32 = 0x01;
/// `bind_transmitter`.
pub const BIND_TRANSMITTER: u32 = 0x02;
/// `submit_sm`.
pub const SUBMIT_SM: u32 = 0x04;
/// `deliver_sm`.
pub const DELIVER_SM: u32 = 0x05;
/// `unbind`.
pub const UNBIND: u32 = 0x06;
/// `bind_transceiver`.
pub const BIND_TRANSCEIVER: u32 = 0x09;
/// `enquire_link`.
pub const ENQUIRE_LINK: u32 = 0x15;
/// `alert_notification`, which has no response.
pub const ALERT_NOTIFICATION: u32 = 0x102;
/// `data_sm`.
pub const DATA_SM: u32 = 0x103;
/// The bit that makes a response of a request.
pub const RESPONSE: u32 = 0x8000_0000;

/// `ESME_ROK`.
pub const OK: u32 = 0x00;
/// `ESME_RINVCMDLEN`: a length that no command has.
pub const BAD_LENGTH: u32 = 0x02;
/// `ESME_RINVCMDID`: a command that is not known.
pub const BAD_COMMAND: u32 = 0x03;
/// `ESME_RINVBNDSTS`: not bound, or not so.
pub const BAD_BIND_STATE: u32 = 0x04;
/// `ESME_RALYBND`: bound already.
pub const ALREADY_BOUND: u32 = 0x05;
/// `ESME_RSYSERR`.
pub const SYSTEM_ERROR: u32 = 0x08;
/// `ESME_RBINDFAIL`.
pub const BIND_FAILED: u32 = 0x0d;
/// `ESME_RINVPASWD`.
pub const BAD_PASSWORD: u32 = 0x0e;
/// `ESME_RINVSYSID`.
pub const BAD_SYSTEM_ID: u32 = 0x0f;
/// `ESME_RMSGQFUL`.
pub const QUEUE_FULL: u32 = 0x14;
/// `ESME_RTHROTTLED`.
pub const THROTTLED: u32 = 0x58;
/// `ESME_RX_T_APPN`: try again.
pub const TEMPORARY: u32 = 0x64;
/// `ESME_RX_P_APPN`: do not try again.
pub const PERMANENT: u32 = 0x65;

/// Bits of `esm_class` that say of what type a message is.
pub const TYPE_BITS: u8 = 0x3c;
/// A receipt.
pub const TYPE_RECEIPT: u8 = 0x04;
/// An intermediate notification.
pub const TYPE_INTERMEDIATE: u8 = 0x20;
/// The bit of `esm_class` that tells of a header in front of the text.
pub const HEADER_BIT: u8 = 0x40;

/// Whether a command answers another.
pub fn is_response(command: u32) -> bool {
    command & RESPONSE != 0
}
