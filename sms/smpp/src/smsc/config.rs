//! How the simulated SMSC behaves, well or not.

use crate::pdu::State;
use crate::pdu::command::THROTTLED;
use crate::text::Form;
use std::time::Duration;

/// How it behaves.
#[derive(Clone, Debug)]
pub struct SmscConfig {
    /// As which system it answers binds.
    pub system_id: String,
    /// Who may bind: name and password; everybody if nothing is said.
    pub account: Option<(String, String)>,
    /// How long an answer to a submit takes.
    pub delay: Duration,
    /// Submits a second over all connections, above which they are throttled.
    pub rate: Option<u32>,
    /// Submits of a connection under way at once, above which they are refused, and with what.
    pub window: Option<(usize, u32)>,
    /// Receipts.
    pub receipts: Receipts,
    /// How ids are written.
    pub ids: Ids,
    /// Only the last part of a text gets an id and a receipt.
    pub last_id_only: bool,
    /// How its own messages are put into parts, and what it takes data coding 0 for.
    pub form: Form,
    /// Its messages come as `data_sm`.
    pub data_sm: bool,
    /// Whether texts that begin with `!` and a word are orders (`verdict`).
    pub words: bool,
    /// Faults.
    pub faults: Faults,
    /// When it is silent, it asks whether who is bound is there.
    pub enquire: Duration,
    /// How long until it sends again what shall come again.
    pub retry: Duration,
    /// Texts that it keeps.
    pub keep: usize,
}

/// What it tells of submits that ask for a receipt.
#[derive(Clone, Copy, Debug)]
pub struct Receipts {
    /// How long after the answer.
    pub delay: Duration,
    /// Before the answer, instead.
    pub early: bool,
    /// As parameters, as text, or both.
    pub form: ReceiptForm,
    /// The text in UTF-16.
    pub utf16: bool,
    /// What becomes of messages.
    pub state: State,
}

/// How a receipt says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptForm {
    /// Text only.
    Text,
    /// Parameters only.
    Tlv,
    /// Both.
    Both,
}

/// How ids are written in the answer, and in the receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// Both in hexadecimal.
    Hexadecimal,
    /// Both in decimal.
    Decimal,
    /// In hexadecimal, then in decimal of ten digits.
    HexThenDecimal,
    /// In decimal, then in hexadecimal of eight, in capitals.
    DecimalThenHex,
}

/// Faults; rates are of a thousand submits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// No answer.
    pub silent: u32,
    /// A nack with `ESME_RSYSERR`.
    pub nack: u32,
    /// An error that is a header only: `ESME_RSUBMITFAIL`.
    pub error: u32,
    /// Throttled, whatever the rate.
    pub throttle: u32,
    /// A connection is cut at its so-manieth submit, which is not answered.
    pub cut_after: Option<u64>,
    /// Enquiries are not answered.
    pub enquire_silence: bool,
}

impl Default for SmscConfig {
    fn default() -> SmscConfig {
        SmscConfig {
            system_id: "reef-smsc".to_owned(),
            account: None,
            delay: Duration::ZERO,
            rate: None,
            window: None,
            receipts: Receipts {
                delay: Duration::ZERO,
                early: false,
                form: ReceiptForm::Both,
                utf16: false,
                state: State::Delivered,
            },
            ids: Ids::Hexadecimal,
            last_id_only: false,
            form: Form::default(),
            data_sm: false,
            words: true,
            faults: Faults::default(),
            enquire: Duration::from_secs(30),
            retry: Duration::from_secs(1),
            keep: 10_000,
        }
    }
}

impl SmscConfig {
    /// Refuses a window with the status that most do.
    pub fn with_window(mut self, window: usize) -> SmscConfig {
        self.window = Some((window, THROTTLED));
        self
    }
}

impl Ids {
    /// In the answer, and in the receipt.
    pub(super) fn written(self, number: u64) -> (String, String) {
        match self {
            Ids::Hexadecimal => (format!("{number:x}"), format!("{number:x}")),
            Ids::Decimal => (number.to_string(), number.to_string()),
            Ids::HexThenDecimal => (format!("{number:x}"), format!("{number:010}")),
            Ids::DecimalThenHex => (number.to_string(), format!("{number:08X}")),
        }
    }
}
