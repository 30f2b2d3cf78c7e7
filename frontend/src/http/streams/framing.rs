//! `<open/>` and `<close/>`: what stands for a stream's header and end where every frame is a document (RFC 7395 §3.4, §3.6).
//!
//! Knows no socket. Next: `wire.rs`.

use minidom::Element;
use reef_stanza::element::{Build, el};
use reef_stanza::{Budget, Frame, Piece, StreamNamespace, StreamReader, escape_attr, ns, self_contained};

/// The end of a stream.
pub(super) const END: &str = "</stream:stream>";

/// What a client's frame is to its stream; `None` where it says nothing (RFC 7395 §3.3.3: no white space outside).
pub(super) fn inward(frame: &str) -> Option<Vec<u8>> {
    let frame = frame.trim();
    // They have no children: what has some is not made a tree of here, where nothing bounds its depth.
    let single = frame.bytes().filter(|byte| *byte == b'<').take(3).count() <= 2;
    let named = |name: &str| {
        if !single {
            return None;
        }
        let rest = frame.strip_prefix('<')?.strip_prefix(name)?;
        rest.starts_with([' ', '\t', '\r', '\n', '/', '>']).then_some(())
    };
    if named("open").is_some()
        && let Ok(open) = frame.parse::<Element>()
        && open.is("open", ns::FRAMING)
    {
        return Some(header(&open, open.attr("version")));
    }
    if named("close").is_some()
        && let Ok(close) = frame.parse::<Element>()
        && close.is("close", ns::FRAMING)
    {
        return Some(END.into());
    }
    (!frame.is_empty()).then(|| frame.as_bytes().to_vec())
}

/// A stream header that says what an `<open/>` or a `<body/>` says: `to`, `from`, `xml:lang`, and that version.
pub(super) fn header(open: &Element, version: Option<&str>) -> Vec<u8> {
    let mut header = format!(
        "<?xml version='1.0'?><stream:stream xmlns='{}' xmlns:stream='{}'",
        ns::CLIENT,
        ns::STREAM
    );
    let said = [
        ("to", open.attr("to")),
        ("from", open.attr("from")),
        ("version", version),
        ("xml:lang", open.attr_ns(ns::XML, "lang")),
    ];
    for (name, value) in said {
        if let Some(value) = value {
            let mut escaped = Vec::new();
            escape_attr(value, &mut escaped);
            header.push_str(&format!(" {name}='{}'", String::from_utf8_lossy(&escaped)));
        }
    }
    header.push('>');
    header.into_bytes()
}

/// The frame that says what a piece of our stream says.
pub(super) fn outward(piece: Piece) -> String {
    let bytes = match piece {
        Piece::Element(bytes) => bytes,
        Piece::End => self_contained(&el("close", ns::FRAMING), None),
        Piece::Header(bytes) => self_contained(&opened(&bytes), None),
    };
    // What we write is UTF-8.
    String::from_utf8_lossy(&bytes).into_owned()
}

fn opened(header: &[u8]) -> Element {
    let open = el("open", ns::FRAMING);
    match said(header) {
        Some(header) => {
            let open = open
                .set_opt("from", header.from.as_deref())
                .set_opt("to", header.to.as_deref())
                .set_opt("id", header.id.as_deref())
                .set("version", "1.0");
            match header.lang {
                Some(lang) => open.lang(&lang),
                None => open,
            }
        }
        None => open,
    }
}

/// What a header of ours says.
pub(super) fn said(header: &[u8]) -> Option<reef_stanza::StreamHeader> {
    let mut reader = StreamReader::new(StreamNamespace::Client, Budget::BEFORE_AUTH);
    match reader.read(&mut &*header) {
        Ok(Some(Frame::Header(header))) => Some(header),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reef_stanza::stream_header;

    fn text(frame: &str) -> String {
        String::from_utf8(inward(frame).expect("it says something")).expect("UTF-8")
    }

    #[test]
    fn an_open_is_a_header_and_a_close_its_end() {
        assert_eq!(
            text("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a&apos;b' version='1.0' xml:lang='de'/>"),
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
             to='a&apos;b' version='1.0' xml:lang='de'>"
        );
        assert_eq!(text(" <close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" />"), END);
        let deep = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'>".to_owned()
            + &"<a>".repeat(80_000)
            + &"</a>".repeat(80_000)
            + "</open>";
        for other in [
            "<opened/>",
            "<open xmlns='jabber:client'/>",
            "<open",
            "<presence/>",
            &deep,
        ] {
            assert_eq!(text(other), other);
        }
        assert_eq!(inward(" \n"), None);
    }

    #[test]
    fn our_header_is_an_open() {
        let header = stream_header(StreamNamespace::Client, "im.example", None, "42", Some("en"));
        assert_eq!(
            outward(Piece::Header(header)),
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='im.example' id='42' version='1.0' xml:lang='en'/>"
        );
        assert_eq!(
            outward(Piece::End),
            "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"
        );
    }
}
