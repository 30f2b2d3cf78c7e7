//! `xmpp:` URIs (RFC 5122, XEP-0060 §12.22): an address, and the item that one may name. Knows nothing of what they name.

/// The address in a URI, and node and item, where it names both.
pub fn parse(uri: &str) -> Option<(String, Option<(String, String)>)> {
    let rest = uri.trim().strip_prefix("xmpp:")?;
    let (jid, query) = rest.split_once('?').unwrap_or((rest, ""));
    let part = |name: &str| {
        let mut parts = query.split([';', '&']);
        let value = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        value.and_then(decode)
    };
    Some((decode(jid)?, part("node").zip(part("item"))))
}

/// Percent-decodes; `None` for what is no UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..)?;
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_an_address_and_perhaps_an_item() {
        let item = |node: &str, item: &str| Some((node.to_owned(), item.to_owned()));
        let of = |uri| parse(uri).unwrap();
        assert_eq!(of("xmpp:a@x"), ("a@x".into(), None));
        assert_eq!(
            of("xmpp:a%26b@x?;node=n%3A0;item=i%2F%C3%A4"),
            ("a&b@x".into(), item("n:0", "i/ä"))
        );
        assert_eq!(of("xmpp:x?node=n&item=i"), ("x".into(), item("n", "i")));
        assert_eq!(of("xmpp:x?;node=n"), ("x".into(), None));
        assert_eq!(parse("http://x/"), None);
        assert_eq!(of("xmpp:x?;node=%zz;item=100%"), ("x".into(), item("%zz", "100%")));
    }
}
