//! A stream of our own, cut into what can travel alone: WebSocket frames (RFC 7395 §3.3), the body of an answer (XEP-0206).
//!
//! Takes what this server has written, which is well-formed, has no comments, no CDATA and no processing instruction but the
//! first; so looking for the ends of tags is enough. Must not be given what others wrote: `reader.rs` is for that. Next: the
//! transports in `http/streams`.

use crate::ns;

/// One piece of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The stream's header, also when it begins anew: `<stream:stream …>`.
    Header(Vec<u8>),
    /// A child of the stream, which declares all that it needs.
    Element(Vec<u8>),
    /// `</stream:stream>`.
    End,
}

/// Cuts one stream.
#[derive(Debug, Default)]
pub struct Cutter {
    held: Vec<u8>,
    /// How far `held` was looked at.
    seen: usize,
    /// Elements that are open within the stream.
    depth: usize,
    /// Bytes of all pieces that were given, and of what lay between them.
    given: u64,
}

impl Cutter {
    /// More of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// Bytes of the stream up to the end of the last piece.
    pub fn given(&self) -> u64 {
        self.given
    }

    fn drop_seen(&mut self) {
        self.given += self.seen as u64;
        self.held.drain(..self.seen);
        self.seen = 0;
        if self.held.is_empty() {
            self.held = Vec::new();
        }
    }
}

/// The pieces that are whole. Linear in what was pushed.
impl Iterator for Cutter {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        loop {
            let rest = self.held.get(self.seen..)?;
            let open = self.seen + rest.iter().position(|byte| *byte == b'<')?;
            let close = open + tag_end(self.held.get(open..)?)?;
            let tag = self.held.get(open..close)?;
            self.seen = close;
            let closes = tag.starts_with(b"</");
            if self.depth == 0 {
                if tag.starts_with(b"<?") {
                    self.drop_seen();
                    continue;
                }
                if tag.starts_with(b"<stream:stream") || closes {
                    let piece = if closes {
                        Piece::End
                    } else {
                        Piece::Header(tag.to_vec())
                    };
                    self.drop_seen();
                    return Some(piece);
                }
                // White space in front of it.
                self.seen = close - open;
                self.given += open as u64;
                self.held.drain(..open);
            }
            let empty = self.held.get(..self.seen).is_some_and(|tag| tag.ends_with(b"/>"));
            if closes {
                self.depth -= 1;
            } else if !empty {
                self.depth += 1;
            }
            if self.depth == 0 {
                let element = declared(self.held.get(..self.seen)?);
                self.drop_seen();
                return Some(Piece::Element(element));
            }
        }
    }
}

/// How long the tag is that `bytes` begin with.
fn tag_end(bytes: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'\'' | b'"') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    None
}

/// An element with the namespaces that it had from the stream's header.
fn declared(element: &[u8]) -> Vec<u8> {
    let tag = element
        .get(..tag_end(element).unwrap_or(element.len()))
        .unwrap_or(element);
    let name = tag
        .iter()
        .position(|byte| matches!(byte, b' ' | b'/' | b'>'))
        .unwrap_or(tag.len());
    let (name, rest) = element.split_at(name);
    let declaration = if name.starts_with(b"<stream:") {
        format!(" xmlns:stream='{}'", ns::STREAM)
    } else if tag.windows(7).any(|bytes| bytes == b" xmlns=") {
        String::new()
    } else {
        format!(" xmlns='{}'", ns::CLIENT)
    };
    [name, declaration.as_bytes(), rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StreamNamespace, stream_header};

    fn pieces(stream: &[u8], chunk: usize) -> (Vec<Piece>, u64) {
        let mut cutter = Cutter::default();
        let mut found = Vec::new();
        for bytes in stream.chunks(chunk) {
            cutter.push(bytes);
            found.extend(&mut cutter);
        }
        (found, cutter.given())
    }

    fn element(text: &str) -> Piece {
        Piece::Element(text.as_bytes().to_vec())
    }

    #[test]
    fn a_stream_is_cut_into_its_pieces_however_it_comes() {
        let header = stream_header(StreamNamespace::Client, "im.example", None, "a>b", Some("en"));
        let mut stream = header.clone();
        stream
            .extend_from_slice(b"<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>");
        stream.extend_from_slice(b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
        stream.extend_from_slice(&header);
        stream.extend_from_slice(b"<message to=\"a>b'\"><body>x &lt; y</body><x/></message>\n <presence/> ");
        stream.extend_from_slice(b"<r xmlns='urn:xmpp:sm:3'/></stream:stream>");
        let tag = header.splitn(2, |byte| *byte == b'?').nth(1).expect("a declaration");
        let start = tag.windows(2).position(|two| two == b"?>").expect("its end") + 2;
        let head = || Piece::Header(tag[start..].to_vec());
        let expected = [
            head(),
            element(
                "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>\
                 <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
            ),
            element("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
            head(),
            element("<message xmlns='jabber:client' to=\"a>b'\"><body>x &lt; y</body><x/></message>"),
            element("<presence xmlns='jabber:client'/>"),
            element("<r xmlns='urn:xmpp:sm:3'/>"),
            Piece::End,
        ];
        for chunk in [1, 2, 7, 64, stream.len()] {
            let (found, given) = pieces(&stream, chunk);
            assert_eq!(found, expected, "{chunk}");
            assert_eq!(given, stream.len() as u64);
        }
    }

    #[test]
    fn half_an_element_is_held() {
        let (found, given) = pieces(b"<presence><show>away</show>", 4);
        assert_eq!((found, given), (vec![], 0));
    }
}
