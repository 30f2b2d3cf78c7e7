//! Phone numbers: read, shown to people only masked, and kept sealed.
//!
//! Must not know what a number is for. Next: `tables/`, which finds a number by its keyed hash.

mod seal;
mod typed;

pub use seal::{Hash, KeyError, Keys};
pub use typed::NoNumber;

use crate::limits::{NUMBER_DIGITS_MAX, NUMBER_DIGITS_MIN};
use std::fmt;

/// A number in E.164: `+` and digits. Whoever prints it sees it masked.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phone(Box<str>);

impl Phone {
    /// As a route names a sender: digits, with or without `+`. `None` for what is no subscriber: names, and short codes,
    /// which may be gateways that answer each other for ever (`sms.md` §5.2).
    pub fn of(address: &str) -> Option<Phone> {
        let digits = address.strip_prefix('+').unwrap_or(address);
        let all = digits.bytes().all(|byte| byte.is_ascii_digit());
        let sound = (NUMBER_DIGITS_MIN..=NUMBER_DIGITS_MAX).contains(&digits.len());
        (all && sound).then(|| Phone(format!("+{digits}").into()))
    }

    /// `+` and digits: for a route, and nobody else.
    pub fn e164(&self) -> &str {
        &self.0
    }

    /// The digits alone, as SMPP has them.
    pub fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }

    /// What people are shown: its beginning and its end.
    pub fn masked(&self) -> String {
        let length = self.0.len();
        let (head, tail) = (self.0.get(..5.min(length)), self.0.get(length.saturating_sub(2)..));
        let dots = "•".repeat(length.saturating_sub(7));
        format!("{}{dots}{}", head.unwrap_or_default(), tail.unwrap_or_default())
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_that_are_no_subscribers_are_none() {
        assert_eq!(Phone::of("40404"), None);
        assert_eq!(Phone::of("Bank"), None);
        assert_eq!(Phone::of("123456"), None);
        assert_eq!(
            Phone::of("4917012345").map(|phone| phone.e164().to_owned()).as_deref(),
            Some("+4917012345")
        );
    }

    #[test]
    fn a_number_is_never_printed_whole() {
        let phone = Phone::of("491701234567").unwrap();
        assert_eq!(format!("{phone:?}"), "+4917••••••67");
        assert_eq!(phone.masked(), "+4917••••••67");
    }
}
