//! Receipts: what became of a message. Their parameters win; else their text is read, in any order and with fields missing.
//!
//! SMSCs write an id differently in the response and in the receipt: `id_key` is under what to file the one from the response,
//! `Receipt::ids` what to look for.

use super::command::{TYPE_BITS, TYPE_INTERMEDIATE, TYPE_RECEIPT};
use super::message::Message;
use super::tlv;
use crate::text::{Convention, decode};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not tried yet (5.0).
    Scheduled,
    /// Under way.
    Enroute,
    /// Arrived.
    Delivered,
    /// Its time ran out.
    Expired,
    /// Deleted.
    Deleted,
    /// It cannot be delivered.
    Undeliverable,
    /// Taken by somebody else, who reports.
    Accepted,
    /// Nobody knows.
    Unknown,
    /// Refused.
    Rejected,
    /// Passed over (5.0).
    Skipped,
}

/// Names in receipts and values of `message_state`.
const STATES: [(State, &str, u8); 10] = [
    (State::Scheduled, "schedul", 0),
    (State::Enroute, "enroute", 1),
    (State::Delivered, "delivrd", 2),
    (State::Expired, "expired", 3),
    (State::Deleted, "deleted", 4),
    (State::Undeliverable, "undeliv", 5),
    (State::Accepted, "acceptd", 6),
    (State::Unknown, "unknown", 7),
    (State::Rejected, "rejectd", 8),
    (State::Skipped, "skipped", 9),
];

impl State {
    /// Whether nothing else is to come.
    pub fn is_final(self) -> bool {
        !matches!(self, State::Scheduled | State::Enroute | State::Accepted)
    }

    /// As it is written in a receipt.
    pub fn name(self) -> String {
        self.entry().1.to_uppercase()
    }

    /// As `message_state`.
    pub fn value(self) -> u8 {
        self.entry().2
    }

    fn entry(self) -> &'static (State, &'static str, u8) {
        STATES.iter().find(|(state, ..)| *state == self).unwrap_or(&STATES[7])
    }

    fn of_value(value: u8) -> Option<State> {
        STATES
            .iter()
            .find(|(.., known)| *known == value)
            .map(|(state, ..)| *state)
    }

    /// By the first seven letters; some write them out.
    fn of_name(name: &str) -> Option<State> {
        let known = STATES
            .iter()
            .find(|(_, known, _)| name.starts_with(known))
            .map(|(state, ..)| *state);
        known.or_else(|| match name {
            name if name.starts_with("deliver") => Some(State::Delivered),
            name if name.starts_with("accepted") => Some(State::Accepted),
            name if name.starts_with("reject") => Some(State::Rejected),
            _ => None,
        })
    }
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Keys under which the message may be filed, the likeliest first; empty where none was told.
    pub ids: Vec<String>,
    /// What became of it.
    pub state: State,
    /// The network's reason, as it was told.
    pub error: Option<String>,
    /// `user_message_reference`, where the SMSC echoes it.
    pub reference: Option<u16>,
    /// A notification on the way, not a receipt.
    pub intermediate: bool,
}

/// The receipt that a message is, if it is one.
pub fn receipt(message: &Message) -> Option<Receipt> {
    let kind = message.esm_class & TYPE_BITS;
    let told = message.tlvs.text(tlv::RECEIPTED_MESSAGE_ID);
    let state = message.tlvs.octet(tlv::MESSAGE_STATE).and_then(State::of_value);
    // Some set no type and send the parameters, which no message from a phone has.
    let by_parameters = kind == 0 && told.is_some() && state.is_some();
    if !by_parameters && kind != TYPE_RECEIPT && kind != TYPE_INTERMEDIATE {
        return None;
    }
    let text = text(message);
    let fields = fields(&text);
    let id = told.or_else(|| field(fields, "id"));
    let named = field(fields, "stat").and_then(|name| State::of_name(&name.to_lowercase()));
    Some(Receipt {
        ids: id.map(|id| id_spellings(&id)).unwrap_or_default(),
        state: state.or(named).unwrap_or(State::Unknown),
        error: network_error(message).or_else(|| field(fields, "err")),
        reference: message.tlvs.number(tlv::USER_MESSAGE_REFERENCE),
        intermediate: kind == TYPE_INTERMEDIATE,
    })
}

/// The key of an id: without case, and without zeros in front.
pub fn id_key(id: &str) -> String {
    let id = id.trim().to_lowercase();
    let stripped = id.trim_start_matches('0');
    if stripped.is_empty() && !id.is_empty() {
        "0".to_owned()
    } else {
        stripped.to_owned()
    }
}

/// The keys of an id as another system may have written it: as it is, from hexadecimal, to hexadecimal.
pub fn id_spellings(id: &str) -> Vec<String> {
    let key = id_key(id);
    let decimal = u128::from_str_radix(&key, 16).ok().map(|number| number.to_string());
    let hexadecimal = key.parse::<u128>().ok().map(|number| format!("{number:x}"));
    let mut spellings = vec![key];
    for other in [decimal, hexadecimal].into_iter().flatten() {
        if !spellings.contains(&other) {
            spellings.push(other);
        }
    }
    spellings
}

/// The text of a receipt: not by the GSM alphabet, in which `_` of an id would be another sign.
fn text(message: &Message) -> String {
    let octets = message
        .unwrapped()
        .map_or(message.octets.as_ref(), |(_, octets)| octets);
    let utf16 = message.data_coding == 8 || octets.first() == Some(&0);
    let coding = if utf16 { 8 } else { 3 };
    decode(coding, octets, Convention::Latin1).unwrap_or_default()
}

/// The fields, without the text of the message that may be among them and is not the SMSC's.
fn fields(text: &str) -> &str {
    match position(text, "text") {
        Some(at) if position(text.get(..at).unwrap_or_default(), "id").is_some() => text.get(..at).unwrap_or_default(),
        _ => text,
    }
}

/// The value behind `name:`.
fn field(text: &str, name: &str) -> Option<String> {
    let after = text.get(position(text, name)? + name.len()..)?.trim_start();
    let value = after.strip_prefix(':')?.trim_start();
    let end = value
        .find(|c: char| c.is_whitespace() || c == ',' || c == ';')
        .unwrap_or(value.len());
    value
        .get(..end)
        .filter(|value| !value.is_empty() && !value.ends_with(':'))
        .map(str::to_owned)
}

/// Where a field begins: its name as a word, with a colon behind it.
fn position(text: &str, name: &str) -> Option<usize> {
    // As long as the text in octets, so that positions are those of the text.
    let lower = text.to_ascii_lowercase();
    let mut all = lower.match_indices(name).map(|(at, _)| at);
    all.find(|at| {
        let before = lower.get(..*at).and_then(|before| before.chars().next_back());
        let after = lower.get(at + name.len()..).unwrap_or_default();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_') && after.trim_start().starts_with(':')
    })
}

/// `network_error_code`: of which network, and which.
fn network_error(message: &Message) -> Option<String> {
    let [_, high, low] = message.tlvs.get(tlv::NETWORK_ERROR_CODE)?.as_ref() else {
        return None;
    };
    Some(format!("{:03}", u16::from_be_bytes([*high, *low])))
}
