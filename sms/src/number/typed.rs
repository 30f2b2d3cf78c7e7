//! A number as a person types it: read by the rules of its country, and refused where no phone can have it.
//!
//! libphonenumber knows countries, their prefixes and lengths; what it does not know (a simulator's country) is taken as
//! it is written. Knows no operator's prices: which countries are served is the settings' to say.

use super::Phone;
use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, ParseError, Type};

/// What was typed is no number of a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoNumber {
    /// It is none that can be reached from everywhere.
    #[error("this is no phone number: write it with its country code, like +49 170 1234567")]
    Unreadable,
    /// Its country has no such number.
    #[error("there is no such phone number: see to its digits")]
    Unknown,
    /// It is paid by who calls it.
    #[error("this number belongs to a service, not to a phone")]
    Premium,
}

/// Characters of a number at most, with all that people put between digits.
const TYPED_MAX: usize = 40;

impl Phone {
    /// As a person types it, with its country code, wherever it may lead.
    ///
    /// # Errors
    /// It is none.
    pub fn written(text: &str) -> Result<Phone, NoNumber> {
        // The digit that is dialled within a country alone; not so everywhere, but so it is written.
        Phone::of(&digits(&text.replacen("(0)", "", 1))?).ok_or(NoNumber::Unreadable)
    }

    /// The same, of a phone that texts could reach. Reads a table of all countries the first time.
    ///
    /// # Errors
    /// It is none, or its country has no such number, or it is a service's.
    pub fn typed(text: &str) -> Result<Phone, NoNumber> {
        let written = Phone::written(text)?;
        let number = match phonenumber::parse(None, format!("+{}", digits(text)?)) {
            Ok(number) => number,
            Err(ParseError::InvalidCountryCode) => return Ok(written),
            Err(_) => return Err(NoNumber::Unknown),
        };
        match number.number_type(&DATABASE) {
            // The library looks for what follows the zeros with which numbers of some countries begin, and finds nothing.
            Type::Unknown if number.national().zeros() == 0 => Err(NoNumber::Unknown),
            Type::PremiumRate | Type::SharedCost => Err(NoNumber::Premium),
            _ => {
                let e164 = number.format().mode(Mode::E164).to_string();
                Phone::of(&e164).ok_or(NoNumber::Unknown)
            }
        }
    }
}

/// The digits behind `+` or `00`, without what people put between them.
fn digits(text: &str) -> Result<String, NoNumber> {
    let text = text.trim();
    let rest = text.strip_prefix('+').or_else(|| text.strip_prefix("00"));
    let known = |letter: char| letter.is_ascii_digit() || " -/.()\u{a0}".contains(letter);
    let sound = |rest: &&str| rest.len() <= TYPED_MAX && rest.chars().all(known) && !rest.starts_with('0');
    let rest = rest.filter(sound).ok_or(NoNumber::Unreadable)?;
    Ok(rest.chars().filter(char::is_ascii_digit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Result<String, NoNumber> {
        Phone::typed(text).map(|phone| phone.e164().to_owned())
    }

    #[test]
    fn a_number_is_typed_in_many_ways_and_is_one() {
        for text in [
            "+49 170 1234567",
            "0049 170/1234567",
            "+49 (0)170 123-4567",
            "+49 0170 1234567",
            "+491701234567",
        ] {
            assert_eq!(typed(text).as_deref(), Ok("+491701234567"), "{text}");
        }
        for text in [
            "",
            "0170 1234567",
            "+",
            "+49",
            "romeo",
            "911",
            "+49+170",
            "+49170123456789012345",
        ] {
            assert_eq!(typed(text), Err(NoNumber::Unreadable), "{text}");
        }
    }

    #[test]
    fn what_no_phone_of_its_country_can_have_is_refused() {
        for text in ["+1 555 0100", "+1 202 555 01012", "+49 170 1234"] {
            assert_eq!(typed(text), Err(NoNumber::Unknown), "{text}");
        }
        assert_eq!(typed("+49 900 1234567"), Err(NoNumber::Premium));
        assert_eq!(typed("+1 900 555 0100"), Err(NoNumber::Premium));
        // An operator may have to name it all the same.
        assert!(Phone::written("+49 900 1234567").is_ok());
    }

    #[test]
    fn a_country_that_nobody_knows_is_the_operators() {
        assert_eq!(typed("+999 123 4567").as_deref(), Ok("+9991234567"));
        assert_eq!(typed("+999"), Err(NoNumber::Unreadable));
    }

    #[test]
    fn a_zero_that_belongs_to_the_number_stays() {
        assert_eq!(typed("+39 06 1234 5678").as_deref(), Ok("+390612345678"));
        assert_eq!(typed("+225 07 12 34 56 78").as_deref(), Ok("+2250712345678"));
    }
}
