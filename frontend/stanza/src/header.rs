//! The stream header (RFC 6120 §4.7): the one that was received, and the bytes of our own.
//! Judges nothing but its form; whether host and version are right is for the negotiation, which comes next.

use crate::ns;
use crate::write::escape_attr;

/// Which content namespace a stream speaks (RFC 6120 §4.8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamNamespace {
    /// `jabber:client`.
    Client,
    /// `jabber:server`.
    Server,
    /// `jabber:component:accept` (XEP-0114), whose headers have no version.
    Component,
}

impl StreamNamespace {
    /// The namespace's name.
    pub fn as_str(self) -> &'static str {
        match self {
            StreamNamespace::Client => ns::CLIENT,
            StreamNamespace::Server => ns::SERVER,
            StreamNamespace::Component => ns::COMPONENT,
        }
    }
}

/// A stream header as received: `{http://etherx.jabber.org/streams}stream` with the right content namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamHeader {
    /// The domain that the sender wants, unchecked.
    pub to: Option<String>,
    /// Who the sender says he is, unchecked.
    pub from: Option<String>,
    /// The stream's id; only the receiving side sets it (RFC 6120 §4.7.3).
    pub id: Option<String>,
    /// Major and minor; `None` if absent or no version number, which means 0.9 (RFC 6120 §4.7.5).
    pub version: Option<(u8, u8)>,
    /// `xml:lang` of the stream, which stanzas without one inherit.
    pub lang: Option<String>,
    /// Whether a prefix is declared for `jabber:server:dialback` (XEP-0220 §2.1).
    pub dialback: bool,
}

/// `"1.0"` → `(1, 0)`. The parts are numbers, not decimals, and leading zeros do not count (RFC 6120 §4.7.5).
pub(crate) fn parse_version(version: &str) -> Option<(u8, u8)> {
    let (major, minor) = version.split_once('.')?;
    let number = |part: &str| {
        part.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| part.parse().ok())
            .flatten()
    };
    Some((number(major)?, number(minor)?))
}

/// Our own header, XML declaration included: `<?xml version='1.0'?><stream:stream … version='1.0'>`. A server stream
/// declares dialback. An empty `id` is left out, as the initiating side must (RFC 6120 §4.7.3).
pub fn stream_header(ns: StreamNamespace, from: &str, to: Option<&str>, id: &str, lang: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"<?xml version='1.0'?><stream:stream");
    let mut attribute = |name: &str, value: &str| {
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"='");
        escape_attr(value, &mut out);
        out.push(b'\'');
    };
    attribute("xmlns", ns.as_str());
    attribute("xmlns:stream", ns::STREAM);
    if ns == StreamNamespace::Server {
        attribute("xmlns:db", ns::DIALBACK);
    }
    attribute("from", from);
    if let Some(to) = to {
        attribute("to", to);
    }
    if !id.is_empty() {
        attribute("id", id);
    }
    // Whoever reads one waits for features.
    if ns != StreamNamespace::Component {
        attribute("version", "1.0");
    }
    if let Some(lang) = lang {
        attribute("xml:lang", lang);
    }
    out.push(b'>');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_header_has_every_attribute_it_was_given() {
        let header = stream_header(
            StreamNamespace::Client,
            "im.example",
            Some("juliet@im.example"),
            "a'b",
            Some("en"),
        );
        assert_eq!(
            String::from_utf8_lossy(&header),
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
             from='im.example' to='juliet@im.example' id='a&apos;b' version='1.0' xml:lang='en'>"
        );
    }

    #[test]
    fn an_initiating_server_declares_dialback_and_sends_no_id() {
        let header = stream_header(StreamNamespace::Server, "a.example", Some("b.example"), "", None);
        assert_eq!(
            String::from_utf8_lossy(&header),
            "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' \
             xmlns:db='jabber:server:dialback' from='a.example' to='b.example' version='1.0'>"
        );
    }

    #[test]
    fn versions_are_pairs_of_numbers() {
        let cases = [
            ("1.0", Some((1, 0))),
            ("01.00", Some((1, 0))),
            ("2.11", Some((2, 11))),
            ("1", None),
            ("1.x", None),
            ("+1.0", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_version(text), expected, "{text:?}");
        }
    }
}
