//! An address: type, plan and number. Its number is never shown whole: `Debug` and `Display` hide the middle.
//!
//! Knows no country; the gateway has checked the number before.

use std::fmt;

/// Characters of an address in a message (SMPP 3.4 §4.4.1).
const NUMBER_MAX: usize = 20;

/// A source or destination.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// Type of number.
    pub ton: u8,
    /// Numbering plan.
    pub npi: u8,
    /// Digits, or the letters of a sender.
    pub number: String,
}

impl Address {
    /// Type and plan by what the number looks like: `+` and digits are international, digits as they are, letters a name.
    ///
    /// `None` for what no address is: empty, more than 20 characters, or other signs than ASCII's.
    pub fn new(number: &str) -> Option<Address> {
        let digits = number.strip_prefix('+').unwrap_or(number);
        let all_digits = digits.bytes().all(|octet| octet.is_ascii_digit());
        let (ton, npi) = match (all_digits, digits.len() < number.len()) {
            (true, true) => (1, 1),
            (true, false) => (0, 1),
            (false, _) => (5, 0),
        };
        let number = if all_digits { digits } else { number };
        let fits = !digits.is_empty()
            && number.len() <= NUMBER_MAX
            && number.bytes().all(|octet| octet.is_ascii_graphic() || octet == b' ');
        fits.then(|| Address {
            ton,
            npi,
            number: number.to_owned(),
        })
    }

    /// The number as people write it: with `+` where it is international.
    pub fn dialled(&self) -> String {
        let plus = self.ton == 1 && !self.number.starts_with('+');
        [if plus { "+" } else { "" }, &self.number].concat()
    }

    /// Whether it is letters, which nobody can answer.
    pub fn is_name(&self) -> bool {
        self.ton == 5
            || !self
                .number
                .trim_start_matches('+')
                .bytes()
                .all(|octet| octet.is_ascii_digit())
    }
}

impl fmt::Display for Address {
    /// `4917•••••67`: no one is told from another by it, a country is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number.as_str();
        if number.len() <= 6 || !number.is_ascii() {
            return f.write_str(if self.is_name() || number.len() > 6 {
                "•••"
            } else {
                number
            });
        }
        let (begin, rest) = number.split_at(4);
        let (hidden, end) = rest.split_at(rest.len() - 2);
        write!(f, "{begin}{}{end}", "•".repeat(hidden.len()))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} {self}", self.ton, self.npi)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_what_the_number_looks_like() {
        let of = |number: &str| Address::new(number).map(|address| (address.ton, address.npi, address.number));
        assert_eq!(of("+491700000001"), Some((1, 1, "491700000001".into())));
        assert_eq!(of("40404"), Some((0, 1, "40404".into())));
        assert_eq!(of("Reef"), Some((5, 0, "Reef".into())));
        for wrong in ["", "+", "123456789012345678901", "Rééf"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(
            Address::new("+491700000001").map(|address| address.dialled()),
            Some("+491700000001".into())
        );
    }

    #[test]
    fn no_number_is_shown_whole() {
        let shown = format!("{:?}", Address::new("+491700000167").unwrap());
        assert_eq!(shown, "1/1 4917••••••67");
        assert_eq!(Address::new("40404").unwrap().to_string(), "40404");
    }
}
