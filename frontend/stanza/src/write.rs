//! Elements to bytes, in one pass and exact about namespaces; minidom's own writer allocates per item and invents
//! prefixes. Knows no stanza; next: the session's writer, or the store that keeps a post's payload.

use minidom::{Element, Node};

use crate::header::StreamNamespace;
use crate::ns;

/// Serialises a stanza for a stream whose default namespace is `stream`: no `xmlns` where the namespace is inherited, and
/// `stream:` for what is in the streams namespace, since our header declares that prefix. A stanza in the other content
/// namespace is re-scoped (RFC 6120 §4.8.3): what came as `jabber:client` leaves a server stream as `jabber:server`, while
/// a stanza forwarded inside it stays what it is. Appends to `out`; one allocation per change of namespace.
pub fn write_element(el: &Element, stream: StreamNamespace, out: &mut Vec<u8>) {
    let content = [ns::CLIENT, ns::SERVER].into_iter().find(|content| el.has_ns(*content));
    Writer {
        out,
        stream_prefix: true,
    }
    .element(el, Some(content.unwrap_or(stream.as_str())), None);
}

/// A payload that means the same wherever it is put: its namespace on its root, and `lang` as its `xml:lang` if it has
/// none of its own (RFC 6120 §8.1.5). So an item may be kept as bytes and spliced into any notification.
pub fn self_contained(el: &Element, lang: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    Writer {
        out: &mut out,
        stream_prefix: false,
    }
    .element(el, None, lang);
    out
}

/// Appends `s` as the value of an attribute in either kind of quotes. White space survives attribute normalisation
/// (XML 1.0 §3.3.3); what XML cannot carry becomes U+FFFD.
pub fn escape_attr(s: &str, out: &mut Vec<u8>) {
    escape(s, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\'' => Some("&apos;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#x9;"),
        b'\n' => Some("&#xA;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

/// Appends `s` as character data. What XML cannot carry becomes U+FFFD.
pub fn escape_text(s: &str, out: &mut Vec<u8>) {
    escape(s, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

/// Copies runs between the bytes that need another form.
fn escape(s: &str, out: &mut Vec<u8>, form: impl Fn(u8) -> Option<&'static str>) {
    let mut rest = s;
    while let Some((at, len, replacement)) = next_escape(rest, &form) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        out.extend_from_slice(replacement.as_bytes());
        rest = tail.split_at(len).1;
    }
    out.extend_from_slice(rest.as_bytes());
}

/// The first byte or character of `s` that may not stand as it is: position, length and what stands for it.
fn next_escape(s: &str, form: &impl Fn(u8) -> Option<&'static str>) -> Option<(usize, usize, &'static str)> {
    for (at, byte) in s.bytes().enumerate() {
        if let Some(replacement) = form(byte) {
            return Some((at, 1, replacement));
        }
        match byte {
            b'\t' | b'\n' | b'\r' => {}
            0..=0x1f => return Some((at, 1, REPLACEMENT)),
            // U+FFFE and U+FFFF are EF BF BE and EF BF BF, and are no characters of XML (XML 1.0 §2.2).
            0xef if s
                .as_bytes()
                .get(at..at + 3)
                .is_some_and(|c| matches!(c, [_, 0xbf, 0xbe | 0xbf])) =>
            {
                return Some((at, 3, REPLACEMENT));
            }
            _ => {}
        }
    }
    None
}

const REPLACEMENT: &str = "\u{fffd}";

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// Whether the prefix `stream` is declared around what is written.
    stream_prefix: bool,
}

impl Writer<'_> {
    /// `default` is the namespace that an element without `xmlns` gets here; `None` when the surroundings are unknown.
    /// Recurses as deep as the element, which the reader's budget bounds.
    fn element(&mut self, el: &Element, default: Option<&str>, lang: Option<&str>) {
        let prefix = if self.stream_prefix && el.has_ns(ns::STREAM) {
            "stream:"
        } else {
            ""
        };
        let inherits = !prefix.is_empty() || default.is_some_and(|default| el.has_ns(default));
        let own = (!inherits).then(|| el.ns());
        self.out.push(b'<');
        self.raw(prefix);
        self.raw(el.name());
        if let Some(own) = &own {
            self.attribute("", "xmlns", own);
        }
        self.attributes(el);
        if let Some(lang) = lang.filter(|_| el.attr_ns(ns::XML, "lang").is_none()) {
            self.attribute("xml:", "lang", lang);
        }
        let inner = own.as_deref().or(default);
        let mut empty = true;
        for node in el.nodes() {
            if matches!(node, Node::Text(text) if text.is_empty()) {
                continue;
            }
            if std::mem::take(&mut empty) {
                self.out.push(b'>');
            }
            match node {
                Node::Element(child) => self.element(child, inner, None),
                Node::Text(text) => escape_text(text, self.out),
            }
        }
        if empty {
            return self.raw("/>");
        }
        self.raw("</");
        self.raw(prefix);
        self.raw(el.name());
        self.out.push(b'>');
    }

    /// Attributes in a namespace get the prefixes `ns0`, `ns1`, … declared on their element: the map gives them sorted by
    /// namespace, so each is declared once.
    fn attributes(&mut self, el: &Element) {
        let mut declared: Option<(String, String)> = None;
        let mut count = 0;
        for ((namespace, name), value) in el.attrs() {
            match namespace.as_str() {
                "" => self.attribute("", name.as_str(), value),
                ns::XML => self.attribute("xml:", name.as_str(), value),
                uri => {
                    if declared.as_ref().is_none_or(|(known, _)| known != uri) {
                        let prefix = format!("ns{count}");
                        self.attribute("xmlns:", &prefix, uri);
                        declared = Some((uri.to_owned(), prefix + ":"));
                        count += 1;
                    }
                    let prefix = declared.as_ref().map_or("", |(_, prefix)| prefix);
                    self.out.push(b' ');
                    self.out.extend_from_slice(prefix.as_bytes());
                    self.value(name.as_str(), value);
                }
            }
        }
    }

    fn attribute(&mut self, prefix: &str, name: &str, value: &str) {
        self.out.push(b' ');
        self.raw(prefix);
        self.value(name, value);
    }

    fn value(&mut self, name: &str, value: &str) {
        self.raw(name);
        self.raw("='");
        escape_attr(value, self.out);
        self.out.push(b'\'');
    }

    fn raw(&mut self, s: &str) {
        self.out.extend_from_slice(s.as_bytes());
    }
}

#[cfg(test)]
mod tests;
