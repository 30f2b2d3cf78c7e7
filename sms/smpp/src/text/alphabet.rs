//! The GSM 7-bit default alphabet (3GPP TS 23.038 §6.2.1), and what stands for it on a route: one octet a character.
//!
//! Knows characters and octets only. `size` counts by it, `parts` encodes by it, `decode` reads by it.

/// The basic table by septet; 0x1B is the escape.
#[rustfmt::skip]
const BASIC: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å',
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1b}', 'Æ', 'æ', 'ß', 'É',
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/',
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?',
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O',
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§',
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];
/// The extension table (§6.2.1.1): what follows an escape.
const EXTENSION: [(char, u8); 10] = [
    ('\u{c}', 0x0a),
    ('^', 0x14),
    ('{', 0x28),
    ('}', 0x29),
    ('\\', 0x2f),
    ('[', 0x3c),
    ('~', 0x3d),
    (']', 0x3e),
    ('|', 0x40),
    ('€', 0x65),
];
/// The septet that takes the next one from the extension table.
pub const ESCAPE: u8 = 0x1b;
/// No septet of the basic table.
const NONE: u8 = 0xff;

/// Septets of the characters of ASCII, so that most text is not searched for.
const ASCII: [u8; 128] = ascii();

const fn ascii() -> [u8; 128] {
    let mut table = [NONE; 128];
    let mut septet = 0;
    while septet < 128 {
        let character = BASIC[septet] as usize;
        if character < 128 && septet != ESCAPE as usize {
            table[character] = septet as u8;
        }
        septet += 1;
    }
    table
}

/// What an SMSC takes octets with data coding 0 for: the specification leaves that to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Convention {
    /// A septet in each octet, as most do.
    #[default]
    Gsm7,
    /// ISO 8859-1, which the SMSC makes septets of.
    Latin1,
    /// ASCII, likewise.
    Ascii,
}

impl Convention {
    /// The octets of a character, appended; `false`, and nothing, where it cannot be sent so.
    pub fn encode(self, character: char, octets: &mut Vec<u8>) -> bool {
        match (self, septet(character)) {
            (_, None) => return false,
            (Convention::Gsm7, Some(Septet::Basic(septet))) => octets.push(septet),
            (Convention::Gsm7, Some(Septet::Extension(septet))) => octets.extend([ESCAPE, septet]),
            (convention, Some(_)) => match convention.octet(character) {
                Some(octet) => octets.push(octet),
                None => return false,
            },
        }
        true
    }

    /// The septets that a character takes on the air; `None` where it cannot be sent so.
    pub fn septets(self, character: char) -> Option<usize> {
        let found = septet(character)?;
        if self != Convention::Gsm7 {
            self.octet(character)?;
        }
        Some(match found {
            Septet::Basic(_) => 1,
            Septet::Extension(_) => 2,
        })
    }

    /// The one octet of a character where the SMSC takes octets for characters.
    fn octet(self, character: char) -> Option<u8> {
        let octet = u8::try_from(u32::from(character)).ok()?;
        (octet < 0x80 || self == Convention::Latin1).then_some(octet)
    }

    /// What octets say. What no table has is U+FFFD, so that one wrong octet does not hide a STOP.
    pub fn decode(self, octets: &[u8]) -> String {
        match self {
            Convention::Gsm7 => from_septets(octets),
            Convention::Latin1 => octets.iter().copied().map(char::from).collect(),
            Convention::Ascii => octets.iter().map(|octet| ascii_or_replaced(*octet)).collect(),
        }
    }
}

enum Septet {
    Basic(u8),
    Extension(u8),
}

/// Where a character is in the GSM alphabet.
fn septet(character: char) -> Option<Septet> {
    if let Some(septet) = ASCII.get(character as usize).filter(|septet| **septet != NONE) {
        return Some(Septet::Basic(*septet));
    }
    if let Some((_, septet)) = EXTENSION.iter().find(|(extended, _)| *extended == character) {
        return Some(Septet::Extension(*septet));
    }
    // The escape is no character, and ASCII has been looked at.
    let found = BASIC
        .iter()
        .position(|basic| *basic == character && !basic.is_ascii())?;
    u8::try_from(found).ok().map(Septet::Basic)
}

/// §6.2.1.1: a symbol that the extension table lacks is the basic table's; an escape before nothing is a space.
fn from_septets(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    let mut rest = octets.iter().copied();
    while let Some(septet) = rest.next() {
        if septet != ESCAPE {
            text.push(basic(septet));
            continue;
        }
        match rest.next() {
            None | Some(ESCAPE) => text.push(' '),
            Some(septet) => {
                let extended = EXTENSION.iter().find(|(_, extended)| *extended == septet);
                text.push(extended.map_or_else(|| basic(septet), |(character, _)| *character));
            }
        }
    }
    text
}

fn basic(septet: u8) -> char {
    BASIC
        .get(usize::from(septet))
        .copied()
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn ascii_or_replaced(octet: u8) -> char {
    if octet.is_ascii() {
        char::from(octet)
    } else {
        char::REPLACEMENT_CHARACTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_septet_but_the_escape_comes_back() {
        for septet in (0..128).filter(|septet| *septet != ESCAPE) {
            let mut octets = Vec::new();
            assert!(Convention::Gsm7.encode(basic(septet), &mut octets), "{septet:#x}");
            assert_eq!(octets, [septet]);
        }
        for (character, septet) in EXTENSION {
            assert_eq!(Convention::Gsm7.decode(&[ESCAPE, septet]), character.to_string());
            assert_eq!(Convention::Gsm7.septets(character), Some(2));
        }
    }

    #[test]
    fn what_looks_as_if_it_were_in_the_alphabet_is_not() {
        for character in ['`', '\t', 'ç', '\u{1b}', '…', '’', '\u{a0}', '\0'] {
            assert_eq!(Convention::Gsm7.septets(character), None, "{character:?}");
        }
        assert_eq!(Convention::Gsm7.septets('Ç'), Some(1));
        assert_eq!(Convention::Latin1.septets('€'), None, "no octet of Latin-1");
        assert_eq!(Convention::Latin1.septets('ç'), None, "a phone could not show it");
        assert_eq!(Convention::Ascii.septets('é'), None);
        assert_eq!(
            Convention::Ascii.septets('['),
            Some(2),
            "the SMSC makes two septets of it"
        );
    }

    #[test]
    fn wrong_octets_are_replaced_and_unknown_escapes_shown_as_the_standard_says() {
        assert_eq!(Convention::Gsm7.decode(&[b'S', 0x80, b'T']), "S\u{fffd}T");
        assert_eq!(Convention::Gsm7.decode(&[ESCAPE, b'a', ESCAPE]), "a ");
        assert_eq!(Convention::Gsm7.decode(&[ESCAPE, ESCAPE]), " ");
        assert_eq!(Convention::Ascii.decode(&[b'a', 0xe9]), "a\u{fffd}");
        assert_eq!(Convention::Latin1.decode(&[b'a', 0xe9]), "aé");
    }
}
