//! `<body/>`: what a request says and what an answer says (XEP-0124 §7 to §17, XEP-0206).
//!
//! Knows no session. Next: `session.rs`.

use super::super::framing;
use minidom::{Element, Node};
use reef_stanza::{Budget, Frame, StreamNamespace, StreamReader, escape_attr, ns, stream_header, write_element};

/// One request, read.
#[derive(Debug)]
pub(super) struct Asked {
    /// Whose; none asks for a session.
    pub(super) sid: Option<String>,
    /// Its number.
    pub(super) rid: u64,
    /// What it says to the stream.
    pub(super) inward: Vec<u8>,
    /// For how many seconds nobody will ask.
    pub(super) pause: Option<u64>,
    /// Up to which number answers arrived.
    pub(super) ack: Option<u64>,
    /// How long an answer may wait, in seconds, and how many requests.
    pub(super) wait: Option<u64>,
    pub(super) hold: Option<usize>,
}

/// Why there is no session (any more): a terminal binding condition (XEP-0124 §17.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended(pub(super) &'static str);

impl Ended {
    /// The request is none.
    pub(super) const BAD_REQUEST: Ended = Ended("bad-request");
    /// There is no such session, or the number is not its.
    pub(super) const NOT_FOUND: Ended = Ended("item-not-found");
    /// It asks for more than it may.
    pub(super) const POLICY: Ended = Ended("policy-violation");
    /// The stream ended with an error, which is within.
    pub(super) const STREAM_ERROR: Ended = Ended("remote-stream-error");
    /// The stream is gone.
    pub(super) const LOST: Ended = Ended("remote-connection-failed");

    /// An answer that says nothing else.
    pub(super) fn to_body(self) -> String {
        body(&format!(" type='terminate' condition='{}'", self.0), "")
    }
}

/// An answer with attributes, each with a blank in front, and children.
pub(super) fn body(attributes: &str, children: &str) -> String {
    let end = if children.is_empty() {
        "/>".to_owned()
    } else {
        format!(">{children}</body>")
    };
    format!("<body xmlns='{}'{attributes}{end}", ns::HTTP_BIND)
}

/// The attributes that a session begins with, beside its numbers: our stream's `from` and `id`.
pub(super) fn opened(header: &[u8]) -> String {
    let said = framing::said(header).unwrap_or_default();
    let mut attributes = format!(
        " xmlns:xmpp='{}' xmpp:version='1.0' xmpp:restartlogic='true' xmlns:stream='{}'",
        ns::XBOSH,
        ns::STREAM
    );
    for (name, value) in [("from", said.from), ("authid", said.id)] {
        let mut escaped = Vec::new();
        escape_attr(&value.unwrap_or_default(), &mut escaped);
        attributes.push_str(&format!(" {name}='{}'", String::from_utf8_lossy(&escaped)));
    }
    attributes
}

impl Asked {
    /// Reads a request.
    ///
    /// # Errors
    /// It is none, or costs more than it may.
    pub(super) fn read(bytes: &[u8], budget: Budget) -> Result<Asked, Ended> {
        let body = element(bytes, budget)?;
        if !body.is("body", ns::HTTP_BIND) {
            return Err(Ended::BAD_REQUEST);
        }
        let number = |name: &str| body.attr(name).and_then(|value| value.trim().parse::<u64>().ok());
        let sid = body.attr("sid").map(str::to_owned);
        // XEP-0124 §14: such numbers stay exact everywhere.
        let rid = number("rid").filter(|rid| *rid < 1 << 53).ok_or(Ended::BAD_REQUEST)?;
        let restart = body
            .attr_ns(ns::XBOSH, "restart")
            .is_some_and(|value| matches!(value, "true" | "1"));
        let mut inward = Vec::new();
        if sid.is_none() || restart {
            // Only the first request says a version, and old clients not even there (XEP-0206 §3, §5).
            let version = body.attr_ns(ns::XBOSH, "version").unwrap_or("1.0");
            inward.extend_from_slice(&framing::header(&body, Some(version)));
        }
        for child in body.children() {
            write_element(&scoped(child), StreamNamespace::Client, &mut inward);
        }
        if body.attr("type") == Some("terminate") {
            inward.extend_from_slice(framing::END.as_bytes());
        }
        Ok(Asked {
            sid,
            rid,
            inward,
            pause: number("pause"),
            ack: number("ack"),
            wait: number("wait"),
            hold: number("hold").and_then(|hold| usize::try_from(hold).ok()),
        })
    }
}

/// A body as an element, within a budget.
fn element(bytes: &[u8], budget: Budget) -> Result<Element, Ended> {
    let mut reader = StreamReader::new(StreamNamespace::Client, budget);
    let header = stream_header(StreamNamespace::Client, "", None, "", None);
    let opened = reader.read(&mut header.as_slice());
    if !matches!(opened, Ok(Some(Frame::Header(_)))) {
        return Err(Ended::BAD_REQUEST);
    }
    let mut rest = without_declaration(bytes);
    loop {
        match reader.read(&mut rest) {
            Ok(Some(Frame::Element(element))) => return Ok(element),
            Ok(Some(Frame::Whitespace)) => {}
            Ok(_) => return Err(Ended::BAD_REQUEST),
            Err(fault) if fault.condition == reef_stanza::StreamCondition::PolicyViolation => {
                return Err(Ended::POLICY);
            }
            Err(_) => return Err(Ended::BAD_REQUEST),
        }
    }
}

/// A body may begin as a document does.
fn without_declaration(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.trim_ascii_start();
    if !bytes.starts_with(b"<?xml") {
        return bytes;
    }
    let end = bytes.windows(2).position(|two| two == b"?>").map_or(0, |at| at + 2);
    bytes.get(end..).unwrap_or_default()
}

/// A child that names no namespace means the client's (XEP-0124 §6: most clients of old).
fn scoped(child: &Element) -> Element {
    if !child.has_ns(ns::HTTP_BIND) {
        return child.clone();
    }
    let mut scoped = Element::bare(child.name(), ns::CLIENT);
    for ((namespace, name), value) in child.attrs() {
        scoped
            .attrs_mut()
            .insert(namespace.clone(), name.clone(), value.clone());
    }
    for node in child.nodes() {
        match node {
            Node::Element(inner) => drop(scoped.append_child(self::scoped(inner))),
            Node::Text(text) => scoped.append_text(text.as_str()),
        }
    }
    scoped
}

/// The `sid` that a body names in its first tag.
pub(super) fn sid(bytes: &[u8]) -> Option<&str> {
    let bytes = without_declaration(bytes);
    let tag = bytes.get(..bytes.iter().position(|byte| *byte == b'>')?)?;
    let tag = std::str::from_utf8(tag).ok()?;
    let value = tag.split_once(" sid=")?.1;
    let quote = value.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    value.get(1..)?.split_once(quote).map(|(sid, _)| sid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Asked, Ended> {
        Asked::read(body.as_bytes(), Budget::AFTER_AUTH)
    }

    #[test]
    fn a_request_says_what_its_stream_hears() {
        let first = "<?xml version='1.0'?><body xmlns='http://jabber.org/protocol/httpbind' rid='7' to='im.example' \
             wait='60' hold='1' xml:lang='de' xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0'/>";
        let asked = read(first).expect("it is a request");
        assert_eq!(
            (asked.rid, asked.wait, asked.hold, asked.sid),
            (7, Some(60), Some(1), None)
        );
        assert_eq!(
            String::from_utf8(asked.inward).expect("UTF-8"),
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
             to='im.example' version='1.0' xml:lang='de'>"
        );
        let last = "<body xmlns='http://jabber.org/protocol/httpbind' rid='8' sid='s' type='terminate'>\
             <presence type='unavailable'/><message xmlns='jabber:client'><body>x</body></message></body>";
        let asked = read(last).expect("it is a request");
        assert_eq!(
            String::from_utf8(asked.inward).expect("UTF-8"),
            "<presence type='unavailable'/><message><body>x</body></message></stream:stream>"
        );
        assert_eq!(asked.sid.as_deref(), Some("s"));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for bad in [
            "",
            "text",
            "<body/>",
            "<body xmlns='http://jabber.org/protocol/httpbind'/>",
            "<body xmlns='http://jabber.org/protocol/httpbind' rid='9007199254740992'/>",
            "<body xmlns='http://jabber.org/protocol/httpbind' rid='1'>",
            "</stream:stream>",
        ] {
            assert_eq!(read(bad).err(), Some(Ended::BAD_REQUEST), "{bad}");
        }
    }

    #[test]
    fn the_session_is_named_in_the_first_tag() {
        assert_eq!(
            sid(b"<body rid='1' sid=\"ab\" xmlns='x'><x sid='c'/></body>"),
            Some("ab")
        );
        assert_eq!(sid(b"<body rid='1'><x sid='c'/></body>"), None);
        assert_eq!(sid(b"<body sid='c"), None);
    }
}
