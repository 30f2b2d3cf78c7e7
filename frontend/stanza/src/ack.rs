//! `<a xmlns='urn:xmpp:sm:3' h='…'/>` (XEP-0198 §4), read without a parser where it is written as everyone writes it.
//!
//! A server that pushes gets one of these for every few stanzas: a parser takes five microseconds for it, this a hundredth
//! of that. What is written otherwise is left to `reader.rs`.

/// How such an element begins, up to the number.
const BEGINNINGS: [(&[u8], u8); 2] = [
    (b"<a xmlns='urn:xmpp:sm:3' h='", b'\''),
    (b"<a xmlns=\"urn:xmpp:sm:3\" h=\"", b'"'),
];
/// And with the attributes the other way round: before and after the number.
const REVERSED: [(&[u8], &[u8]); 2] = [
    (b"<a h='", b"' xmlns='urn:xmpp:sm:3'/>"),
    (b"<a h=\"", b"\" xmlns=\"urn:xmpp:sm:3\"/>"),
];

/// The number of an ack at the front of `input`, and how many bytes it took; `None` where there is something else, or not
/// all of it.
pub fn ack(input: &[u8]) -> Option<(u32, usize)> {
    for (beginning, quote) in BEGINNINGS {
        if let Some(rest) = input.strip_prefix(beginning) {
            let (number, digits) = number(rest)?;
            let end = rest.get(digits..)?;
            let end = end.strip_prefix(&[quote])?;
            let taken = if end.starts_with(b"/>") {
                2
            } else if end.starts_with(b" />") {
                3
            } else {
                return None;
            };
            return Some((number, beginning.len() + digits + 1 + taken));
        }
    }
    for (beginning, end) in REVERSED {
        if let Some(rest) = input.strip_prefix(beginning) {
            let (number, digits) = number(rest)?;
            rest.get(digits..)?.strip_prefix(end)?;
            return Some((number, beginning.len() + digits + end.len()));
        }
    }
    None
}

/// A number in decimal digits, and how many they are.
fn number(input: &[u8]) -> Option<(u32, usize)> {
    let digits = input.iter().take(11).take_while(|byte| byte.is_ascii_digit()).count();
    let text = std::str::from_utf8(input.get(..digits)?).ok()?;
    Some((text.parse().ok()?, digits))
}

#[cfg(test)]
mod tests {
    use super::ack;

    #[test]
    fn an_ack_is_read_in_the_ways_that_clients_write_it() {
        for text in [
            "<a xmlns='urn:xmpp:sm:3' h='17'/>",
            "<a xmlns=\"urn:xmpp:sm:3\" h=\"17\"/>",
            "<a xmlns='urn:xmpp:sm:3' h='17' />",
            "<a h='17' xmlns='urn:xmpp:sm:3'/>",
            "<a h=\"17\" xmlns=\"urn:xmpp:sm:3\"/>",
        ] {
            let behind = format!("{text}<presence/>");
            assert_eq!(ack(behind.as_bytes()), Some((17, text.len())), "{text}");
            for end in 0..text.len() {
                assert_eq!(ack(&text.as_bytes()[..end]), None, "{text} cut at {end}");
            }
        }
    }

    #[test]
    fn everything_else_is_left_to_the_parser() {
        for text in [
            "<a xmlns='urn:xmpp:sm:3' h=''/>",
            "<a xmlns='urn:xmpp:sm:3' h='-1'/>",
            "<a xmlns='urn:xmpp:sm:3' h='4294967296'/>",
            "<a xmlns='urn:xmpp:sm:2' h='1'/>",
            "<a xmlns='urn:xmpp:sm:3' h='1' x='2'/>",
            "<a xmlns='urn:xmpp:sm:3' h='1'></a>",
            "<r xmlns='urn:xmpp:sm:3'/>",
            " <a xmlns='urn:xmpp:sm:3' h='1'/>",
        ] {
            assert_eq!(ack(text.as_bytes()), None, "{text}");
        }
    }
}
