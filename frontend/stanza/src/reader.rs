//! Bytes to frames: a stream's header, its stanzas, its end, within a budget and without I/O. Judges the form only: which
//! stanza may come when is for the caller. Comes after the socket or TLS; next: the negotiation, later the session.

mod fault;
mod root;
mod tree;

#[cfg(test)]
mod tests;

use minidom::Element;
use rxml::error::EndOrError;
use rxml::parser::{CommentMode, Options, RawEvent, RawParser, WithOptions};
use rxml::{Namespace, Parse};

use self::fault::{bad_format, from_rxml, invalid_namespace, over_budget};
use self::root::Root;
use self::tree::{Ended, Resolved, Tree};
use crate::budget::Budget;
use crate::error::{StreamCondition, StreamFault};
use crate::header::{StreamHeader, StreamNamespace, parse_version};
use crate::ns;
use std::sync::Arc;

/// One thing that a stream says.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// The stream header; first on every stream, and once.
    Header(StreamHeader),
    /// A child of the stream, complete. Its name and namespace are not judged here.
    Element(Element),
    /// White space between stanzas, a keepalive (RFC 6120 §4.6.1). At most one per call of `read`.
    Whitespace,
    /// `</stream:stream>`. What follows it is ignored (RFC 6120 §4.4).
    End,
}

/// Reads one stream. Between stanzas it holds what the header declared (nothing of its own for an ordinary one) and no
/// parser: that is made when a `<` comes and dropped when the input is used up.
pub struct StreamReader {
    budget: Arc<Budget>,
    /// The root's name as written, `stream:stream`, and its declarations.
    root: Root,
    namespace: StreamNamespace,
    phase: Phase,
    parse: Option<Box<Parsing>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Header,
    Stanzas,
    /// The header was written as `<stream:stream …/>`, so that the end comes with no byte of its own.
    Ending,
    Closed,
}

/// What is held only while something is being read.
struct Parsing {
    raw: RawParser,
    tree: Tree,
    /// Consumed since the stanza or the header began; 0 between stanzas.
    bytes: usize,
}

impl StreamReader {
    /// A reader that waits for a stream header. Allocates nothing where the budget is shared.
    pub fn new(namespace: StreamNamespace, budget: impl Into<Arc<Budget>>) -> Self {
        StreamReader {
            budget: budget.into(),
            root: Root::default(),
            namespace,
            phase: Phase::Header,
            parse: None,
        }
    }

    /// Another budget, from the next byte on; for the length of names and attribute values from the next stanza on.
    pub fn set_budget(&mut self, budget: impl Into<Arc<Budget>>) {
        self.budget = budget.into();
        if self.is_between_stanzas() {
            self.parse = None;
        }
    }

    /// A stream restart (RFC 6120 §4.3.3): forgets everything but its budget and waits for a new header.
    pub fn reset(&mut self) {
        *self = StreamReader::new(self.namespace, self.budget.clone());
    }

    /// Takes from `input` as much as makes at most one frame and advances it. `Ok(None)`: all of `input` was taken and
    /// more is needed. Linear in the bytes taken. After a fault or [`Frame::End`] everything is taken and ignored.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, StreamFault> {
        let result = self.step(input);
        if matches!(result, Err(_) | Ok(Some(Frame::End))) {
            self.phase = Phase::Closed;
        }
        if self.phase == Phase::Closed || (input.is_empty() && self.is_between_stanzas()) {
            self.parse = None;
        }
        result
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, StreamFault> {
        match self.phase {
            Phase::Closed => {
                *input = &[];
                return Ok(None);
            }
            Phase::Ending => return Ok(Some(Frame::End)),
            Phase::Header | Phase::Stanzas => {}
        }
        if self.phase == Phase::Header && self.parse.is_none() || self.is_between_stanzas() {
            let skipped = skip_white_space(input);
            let Some(first) = input.first() else {
                return Ok((skipped && self.phase == Phase::Stanzas).then_some(Frame::Whitespace));
            };
            if skipped && self.phase == Phase::Stanzas {
                return Ok(Some(Frame::Whitespace));
            }
            self.check_first(*first)?;
        }
        self.parse(input)
    }

    /// Nothing is being read: the header is complete, and so is all that followed it.
    pub fn is_between_stanzas(&self) -> bool {
        self.phase == Phase::Stanzas && self.parse.as_ref().is_none_or(|parsing| parsing.bytes == 0)
    }

    fn check_first(&self, byte: u8) -> Result<(), StreamFault> {
        match byte {
            b'<' => Ok(()),
            // UTF-16 and UTF-32 begin with one of these.
            0x00 | 0xfe | 0xff if self.phase == Phase::Header => Err(StreamCondition::UnsupportedEncoding.into()),
            _ => Err(bad_format("text between stanzas")),
        }
    }

    fn parse(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, StreamFault> {
        let mut parsing = match self.parse.take() {
            Some(parsing) => parsing,
            None => Parsing::new(self.root.name(), &self.budget)?,
        };
        let result = self.parse_with(&mut parsing, input);
        self.parse = Some(parsing);
        result
    }

    fn parse_with(&mut self, parsing: &mut Parsing, input: &mut &[u8]) -> Result<Option<Frame>, StreamFault> {
        let in_header = self.phase == Phase::Header;
        loop {
            let left = self.budget.stanza_bytes.saturating_sub(parsing.bytes);
            let (mut window, _) = input.split_at(left.min(input.len()));
            let before = window.len();
            let event = parsing.raw.parse(&mut window, false);
            let used = before - window.len();
            *input = input.get(used..).unwrap_or_default();
            parsing.bytes += used;
            match event {
                Ok(Some(event)) => {
                    if let Some(frame) = self.event(&mut parsing.tree, event)? {
                        parsing.bytes = 0;
                        if in_header && parsing.raw.parse(&mut [].as_slice(), false).is_ok() {
                            self.phase = Phase::Ending;
                        }
                        return Ok(Some(frame));
                    }
                }
                Err(EndOrError::NeedMoreData) if input.is_empty() => return Ok(None),
                Err(EndOrError::NeedMoreData) => return Err(over_budget("stanza_bytes", self.budget.stanza_bytes)),
                Err(EndOrError::Error(error)) => return Err(from_rxml(error, in_header)),
                // Comes only when the parser is told that the input ends, which it never is.
                Ok(None) => return Ok(Some(Frame::End)),
            }
        }
    }

    fn event(&mut self, tree: &mut Tree, event: RawEvent) -> Result<Option<Frame>, StreamFault> {
        match event {
            RawEvent::XmlDeclaration(..) => {}
            RawEvent::ElementHeadOpen(_, name) => {
                if self.phase == Phase::Header {
                    self.root = Root::named(written(&name));
                }
                tree.start(name, &self.budget)?;
            }
            RawEvent::Attribute(_, name, value) => tree.attribute(name, value, self.root.inherited(), &self.budget)?,
            RawEvent::ElementHeadClose(_) => {
                let resolved = tree.resolve(self.root.inherited())?;
                if self.phase == Phase::Header {
                    return self.header(tree, resolved).map(Some);
                }
                tree.push(resolved);
            }
            RawEvent::Text(_, text) => {
                if !tree.text(text) {
                    return Err(bad_format("text between stanzas"));
                }
            }
            RawEvent::ElementFoot(_) => match tree.end() {
                Ended::Child => {}
                Ended::Stanza(element) => return Ok(Some(Frame::Element(element))),
                Ended::Stream => return Ok(Some(Frame::End)),
            },
        }
        Ok(None)
    }

    /// Checks the root and keeps what it declares (RFC 6120 §4.7, §4.8).
    fn header(&mut self, tree: &mut Tree, resolved: Resolved) -> Result<Frame, StreamFault> {
        if resolved.namespace != ns::STREAM {
            return Err(invalid_namespace("the root element is not in the streams namespace"));
        }
        if resolved.name != "stream" {
            return Err(bad_format("the root element is not a stream"));
        }
        let inherited = tree.take_scope();
        let default = inherited.iter().find(|known| known.prefix.is_none());
        if default.is_none_or(|known| known.namespace != self.namespace.as_str()) {
            return Err(invalid_namespace(
                "the default namespace is not that of the stream's content",
            ));
        }
        let attributes = resolved.attributes;
        let plain = |name: &str| attributes.get(&Namespace::NONE, name).cloned();
        let header = StreamHeader {
            to: plain("to"),
            from: plain("from"),
            id: plain("id"),
            version: plain("version").and_then(|version| parse_version(&version)),
            lang: attributes.get(&Namespace::XML, "lang").cloned(),
            dialback: inherited
                .iter()
                .any(|known| known.prefix.is_some() && known.namespace == ns::DIALBACK),
        };
        self.root.declare(inherited);
        self.phase = Phase::Stanzas;
        Ok(Frame::Header(header))
    }
}

impl Parsing {
    /// Within a stream, the parser is first shown the root's start tag, so that it accepts the end tag.
    fn new(root: &str, budget: &Budget) -> Result<Box<Self>, StreamFault> {
        let options = Options {
            max_token_length: budget.token_bytes(),
            comments: CommentMode::Reject,
            context: None,
        };
        let mut raw = <RawParser as WithOptions>::with_options(options);
        if !root.is_empty() {
            let tag = [b"<", root.as_bytes(), b">"].concat();
            let mut rest = tag.as_slice();
            loop {
                match raw.parse(&mut rest, false) {
                    Ok(Some(_)) => {}
                    Err(EndOrError::Error(error)) => return Err(from_rxml(error, false)),
                    Ok(None) | Err(EndOrError::NeedMoreData) => break,
                }
            }
        }
        Ok(Box::new(Parsing {
            raw,
            tree: Tree::default(),
            bytes: 0,
        }))
    }
}

fn written((prefix, name): &rxml::parser::RawQName) -> String {
    match prefix {
        Some(prefix) => format!("{prefix}:{name}"),
        None => name.to_string(),
    }
}

/// Whether there was any.
fn skip_white_space(input: &mut &[u8]) -> bool {
    let count = input
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        .count();
    *input = input.get(count..).unwrap_or_default();
    count > 0
}
