//! Text to segments: in which alphabet a text goes out, and how many short messages it takes (3GPP TS 23.038, 23.040).
//!
//! Pure: knows no route and no price. A text goes in the GSM 7-bit alphabet if every character is in it or in its
//! extension table, else in UTF-16.

/// The GSM 7-bit default alphabet (TS 23.038 §6.2.1), without the escape.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Its extension table (§6.2.1.1): two septets each.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// Septets of one message, and of one part of several (six octets go to the concatenation header).
const SEPTETS: (usize, usize) = (160, 153);
/// The same in UTF-16 code units.
const UNITS: (usize, usize) = (70, 67);

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

/// The size of a text. Cost: one pass.
pub fn size(text: &str) -> Size {
    match text.chars().map(septets).collect::<Option<Vec<usize>>>() {
        Some(widths) => Size {
            alphabet: Alphabet::Gsm7,
            segments: segments(&widths, SEPTETS),
        },
        None => {
            let widths: Vec<usize> = text.chars().map(char::len_utf16).collect();
            Size {
                alphabet: Alphabet::Ucs2,
                segments: segments(&widths, UNITS),
            }
        }
    }
}

/// The septets of a character; `None` where the GSM alphabet does not have it.
fn septets(character: char) -> Option<usize> {
    if BASIC.contains(character) {
        return Some(1);
    }
    EXTENSION.contains(character).then_some(2)
}

/// How many parts hold characters of these widths, none of them split.
fn segments(widths: &[usize], (single, part): (usize, usize)) -> usize {
    if widths.iter().sum::<usize>() <= single {
        return 1;
    }
    let (mut parts, mut used) = (1, 0);
    for width in widths {
        if used + width > part {
            parts += 1;
            used = 0;
        }
        used += width;
    }
    parts
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

    #[test]
    fn the_alphabet_has_its_127_characters() {
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(EXTENSION.chars().count(), 10);
    }
}
