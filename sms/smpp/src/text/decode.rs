//! What received octets say, by their data coding (SMPP 3.4 §5.2.19, 3GPP TS 23.038 §4).
//!
//! Knows no header: that is taken off before (`header`), and parts are joined before (`reassembly`).

use super::alphabet::{Convention, ESCAPE};

/// Octets that are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("data coding {data_coding:#04x} is no text that is understood")]
pub struct Undecodable {
    /// What they were said to be.
    pub data_coding: u8,
}

enum Kind {
    Default,
    Ascii,
    Latin1,
    Utf16,
}

/// The text of octets. `default` is what the route takes data coding 0 for.
///
/// What a table lacks becomes U+FFFD; so does half of a surrogate pair.
///
/// # Errors
/// They are binary, compressed, or in an alphabet that is not read here.
pub fn decode(data_coding: u8, octets: &[u8], default: Convention) -> Result<String, Undecodable> {
    let kind = kind(data_coding).ok_or(Undecodable { data_coding })?;
    Ok(match kind {
        Kind::Default => default.decode(octets),
        // COMPAT: npm's smpp says ASCII and means the GSM alphabet; an escape, which no ASCII text has, gives that away.
        Kind::Ascii if octets.contains(&ESCAPE) => Convention::Gsm7.decode(octets),
        Kind::Ascii => Convention::Ascii.decode(octets),
        Kind::Latin1 => Convention::Latin1.decode(octets),
        Kind::Utf16 => utf16(octets),
    })
}

/// The alphabet that a data coding names.
fn kind(data_coding: u8) -> Option<Kind> {
    match data_coding {
        0x00 => Some(Kind::Default),
        0x01 => Some(Kind::Ascii),
        0x03 => Some(Kind::Latin1),
        0x08 => Some(Kind::Utf16),
        // Groups of TS 23.038, as GSM gateways hand them on: message classes, messages that wait, automatic deletion.
        0x10..=0x1f | 0x40..=0x5f => by_bits(data_coding),
        0xc0..=0xdf => Some(Kind::Default),
        0xe0..=0xef => Some(Kind::Utf16),
        0xf0..=0xff if data_coding & 0x04 == 0 => Some(Kind::Default),
        _ => None,
    }
}

/// Bits 3 and 2 of the general groups.
fn by_bits(data_coding: u8) -> Option<Kind> {
    match data_coding >> 2 & 3 {
        0 => Some(Kind::Default),
        2 => Some(Kind::Utf16),
        _ => None,
    }
}

fn utf16(octets: &[u8]) -> String {
    let (pairs, odd) = octets.as_chunks::<2>();
    let mut text = String::from_utf16_lossy(&pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect::<Vec<_>>());
    if !odd.is_empty() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(data_coding: u8, octets: &[u8], wanted: &str) {
        let found = decode(data_coding, octets, Convention::Gsm7);
        assert_eq!(found.as_deref(), Ok(wanted), "{data_coding:#x}");
    }

    #[test]
    fn each_data_coding_is_read_by_its_table() {
        check(0x00, &[0x00, 0x1b, 0x65], "@€");
        check(0x01, b"@ok", "@ok");
        check(0x03, &[0xe9], "é");
        check(0x08, &[0xd8, 0x3d, 0xde, 0x00], "😀");
        check(0x18, &[0x04, 0x36], "ж");
        check(0xf0, &[0x00], "@");
        check(0xf1, b"a", "a");
        check(0xe0, &[0, b'a'], "a");
    }

    #[test]
    fn an_escape_in_ascii_shows_that_it_is_the_gsm_alphabet() {
        check(0x01, &[b'5', 0x1b, 0x65, 0x1b, 0x3c, b'x'], "5€[x");
    }

    #[test]
    fn half_characters_are_replaced() {
        check(0x08, &[0xd8, 0x3d], "\u{fffd}");
        check(0x08, &[0, b'a', 0], "a\u{fffd}");
    }

    #[test]
    fn binary_is_no_text() {
        for data_coding in [0x02, 0x04, 0x05, 0x14, 0x24, 0xf5, 0xf6, 0x80] {
            assert_eq!(
                decode(data_coding, b"a", Convention::Gsm7),
                Err(Undecodable { data_coding })
            );
        }
    }

    #[test]
    fn the_default_is_the_routes() {
        assert_eq!(decode(0, &[0xe9], Convention::Latin1).as_deref(), Ok("é"));
        assert_eq!(decode(0, &[0x40], Convention::Ascii).as_deref(), Ok("@"));
    }
}
