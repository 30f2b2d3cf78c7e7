//! In which alphabet a text goes out, and how many short messages it takes (3GPP TS 23.038, 23.040).
//!
//! The GSM 7-bit alphabet if every character is in it, else UTF-16. The count is that of `parts`, which cuts where this does.

use super::parts::Form;
use super::parts::cuts;

/// The alphabet of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// GSM 7-bit: data coding 0.
    Gsm7,
    /// UTF-16: data coding 8.
    Ucs2,
}

/// What a text takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Its alphabet.
    pub alphabet: Alphabet,
    /// Short messages; 1 for an empty text.
    pub segments: usize,
}

/// The size of a text on a route with nothing special. Cost: one pass; a second by grapheme if it takes several.
pub fn size(text: &str) -> Size {
    size_in(text, Form::default())
}

/// The size of a text in the form that a route wants.
pub fn size_in(text: &str, form: Form) -> Size {
    let alphabet = Alphabet::of(text, form);
    Size {
        alphabet,
        segments: cuts(text, alphabet, form).len(),
    }
}

impl Alphabet {
    /// The alphabet that a text takes in this form.
    pub(super) fn of(text: &str, form: Form) -> Alphabet {
        let short = |character| form.convention.septets(character).is_some();
        if text.chars().all(short) {
            Alphabet::Gsm7
        } else {
            Alphabet::Ucs2
        }
    }

    /// What a character takes of a segment.
    pub(super) fn width(self, character: char) -> usize {
        match self {
            // Which octets it takes differs by convention, which septets does not.
            Alphabet::Gsm7 => super::Convention::Gsm7.septets(character).unwrap_or(1),
            Alphabet::Ucs2 => character.len_utf16(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, alphabet: Alphabet, segments: usize) {
        assert_eq!(
            size(text),
            Size { alphabet, segments },
            "{} characters",
            text.chars().count()
        );
    }

    #[test]
    fn the_bounds_of_both_alphabets_are_those_of_the_standard() {
        check("", Alphabet::Gsm7, 1);
        check(&"a".repeat(160), Alphabet::Gsm7, 1);
        check(&"a".repeat(161), Alphabet::Gsm7, 2);
        check(&"a".repeat(306), Alphabet::Gsm7, 2);
        check(&"a".repeat(307), Alphabet::Gsm7, 3);
        check(&"ж".repeat(70), Alphabet::Ucs2, 1);
        check(&"ж".repeat(71), Alphabet::Ucs2, 2);
        check(&"ж".repeat(135), Alphabet::Ucs2, 3);
    }

    #[test]
    fn characters_of_two_units_are_never_split() {
        check(&"€".repeat(80), Alphabet::Gsm7, 1);
        check(&"€".repeat(152), Alphabet::Gsm7, 2);
        check(&"€".repeat(153), Alphabet::Gsm7, 3);
        check(&"🪸".repeat(35), Alphabet::Ucs2, 1);
        check(&"🪸".repeat(66), Alphabet::Ucs2, 2);
        check(&"🪸".repeat(67), Alphabet::Ucs2, 3);
    }
}
