//! A file of accounts, read as it comes: pieces of them that each stand for themselves, however long lists are.
//!
//! What holds a list is given entry by entry, each within as much of its surroundings as it needs. An element beyond
//! [`EXPORT_ELEMENT_BYTES`] is passed over, and told. Knows no account.

use crate::admin::{element, reference};
use crate::limits::{ATOM_DEPTH, EXPORT_ELEMENT_BYTES};
use minidom::{Element, Node};
use quick_xml::NsReader;
use quick_xml::events::Event;
use std::io::BufRead;

/// What is found in a file, in its order.
#[derive(Debug)]
pub(crate) enum Piece {
    /// What follows is of this account: name, host, and its password where that is written.
    User(String, String, Option<String>),
    /// A piece of it.
    Of(Element),
    /// What is no piece, or too large: its name.
    Passed(String),
}

/// How deep what holds a list is, behind the account: 0 where the element is a piece as it is.
fn holds(path: &[Element]) -> usize {
    let Some(first) = path.first() else { return 0 };
    match (first.name(), first.ns().as_str()) {
        ("pubsub", "http://jabber.org/protocol/pubsub") => match path.get(1) {
            Some(list) if list.name() == "items" => 2,
            _ => 1,
        },
        ("pubsub", "http://jabber.org/protocol/pubsub#owner") => match path.get(1) {
            Some(list) if matches!(list.name(), "subscriptions" | "affiliations") => 2,
            _ => 1,
        },
        ("query", "jabber:iq:roster" | "jabber:iq:private")
        | ("offline-messages", super::PIE)
        | ("archive", super::PIE_MAM)
        | ("follows", super::FOLLOWS) => 1,
        _ => 0,
    }
}

/// Where a file is.
#[derive(Default)]
struct Place {
    /// Elements around what holds accounts: `server-data`, `host`.
    outside: Vec<Element>,
    /// Whether an account is open.
    within: bool,
    /// Elements that hold lists, empty, and then those that are being read.
    open: Vec<Element>,
    /// How many of those hold lists.
    holding: usize,
    /// Bytes of what is being read.
    bytes: usize,
    /// How many elements deep something is being passed over.
    passing: usize,
}

/// Reads a file, and gives its pieces until `each` fails.
///
/// # Errors
/// Where it is no XML, or what `each` says.
pub(crate) fn pieces(source: impl BufRead, each: &mut dyn FnMut(Piece) -> Result<(), String>) -> Result<(), String> {
    let mut reader = NsReader::from_reader(source);
    let (mut place, mut buffer) = (Place::default(), Vec::new());
    loop {
        buffer.clear();
        let at = reader.buffer_position();
        let fail = |why: String| format!("behind byte {at}: {why}");
        let event = reader.read_event_into(&mut buffer).map_err(|e| fail(e.to_string()))?;
        let text = match event {
            Event::Start(start) => {
                let element = element(&reader, &start).map_err(fail)?;
                place.begins(element, start.len(), each)?;
                continue;
            }
            Event::Empty(start) => {
                let element = element(&reader, &start).map_err(fail)?;
                place.begins(element, start.len(), each)?;
                place.ends(each)?;
                continue;
            }
            Event::End(_) => {
                place.ends(each)?;
                continue;
            }
            Event::Text(text) => text.decode().map_err(|e| fail(e.to_string()))?.into_owned(),
            Event::CData(text) => text.decode().map_err(|e| fail(e.to_string()))?.into_owned(),
            Event::GeneralRef(name) => reference(&name).map_err(fail)?,
            Event::Eof if place.outside.is_empty() && !place.within => return Ok(()),
            Event::Eof => return Err(fail("it ends before it is complete".into())),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::DocType(_) => continue,
        };
        place.says(text);
    }
}

impl Place {
    fn begins(
        &mut self,
        element: Element,
        bytes: usize,
        each: &mut dyn FnMut(Piece) -> Result<(), String>,
    ) -> Result<(), String> {
        self.bytes += bytes;
        if self.passing > 0 {
            self.passing += 1;
            return Ok(());
        }
        if !self.within {
            let inner = self.outside.last().map_or("", |outer| outer.name()).to_owned();
            return match (inner.as_str(), element.name(), element.ns() == super::PIE) {
                ("host", "user", true) => {
                    self.within = true;
                    let host = self
                        .outside
                        .last()
                        .and_then(|host| host.attr("jid"))
                        .unwrap_or_default();
                    let name = element.attr("name").unwrap_or_default().to_owned();
                    let password = element.attr("password").map(str::to_owned);
                    each(Piece::User(name, host.to_owned(), password))
                }
                ("", "server-data", true) | ("server-data", "host", true) => {
                    self.outside.push(element);
                    Ok(())
                }
                _ if self.outside.is_empty() => Err("it is no file of accounts (XEP-0227)".to_owned()),
                (_, name, _) => {
                    self.passing = 1;
                    each(Piece::Passed(format!("<{name}/> outside of accounts")))
                }
            };
        }
        if self.open.len() == self.holding {
            self.bytes = bytes;
        }
        self.open.push(element);
        if self.open.len() > ATOM_DEPTH {
            return Err("elements are nested too deeply".to_owned());
        }
        if self.open.len() == self.holding + 1 && holds(&self.open) == self.open.len() {
            self.holding += 1;
        }
        Ok(())
    }

    fn says(&mut self, text: String) {
        self.bytes += text.len();
        // What is too large is no longer gathered; it ends as any other.
        let within = self.open.len() > self.holding && self.bytes <= EXPORT_ELEMENT_BYTES;
        if let Some(element) = self.open.last_mut().filter(|_| within && self.passing == 0) {
            element.append_text(text);
        }
    }

    fn ends(&mut self, each: &mut dyn FnMut(Piece) -> Result<(), String>) -> Result<(), String> {
        if self.passing > 0 {
            self.passing -= 1;
            return Ok(());
        }
        let Some(done) = self.open.pop() else {
            // The account, or what is around it.
            if !std::mem::take(&mut self.within) {
                self.outside.pop();
            }
            return Ok(());
        };
        if self.open.len() < self.holding {
            self.holding -= 1;
            return Ok(());
        }
        if self.open.len() > self.holding {
            if self.bytes <= EXPORT_ELEMENT_BYTES
                && let Some(parent) = self.open.last_mut()
            {
                parent.append_node(Node::Element(done));
            }
            return Ok(());
        }
        if self.bytes > EXPORT_ELEMENT_BYTES {
            return each(Piece::Passed(format!(
                "an element that is too large: <{}/>",
                done.name()
            )));
        }
        let around = self.open.iter().rev();
        let piece = around.fold(done, |inner, outer| {
            let mut outer = outer.clone();
            outer.append_child(inner);
            outer
        });
        each(Piece::Of(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_entry_by_entry_and_all_else_as_it_is() {
        let file = "<?xml version='1.0'?><server-data xmlns='urn:xmpp:pie:0'><x xmlns='urn:x'><y/></x><host jid='a.lit'>\
            <user name='juliet' password='p'>\n<query xmlns='jabber:iq:roster'><item jid='r@a.lit'><group>G</group></item><item \
            jid='n@a.lit'/></query><vCard xmlns='vcard-temp'><FN>J &amp; R</FN></vCard><pubsub \
            xmlns='http://jabber.org/protocol/pubsub'><items node='n'><item id='1'><a xmlns='urn:a'/></item><item id='2'/></items>\
            </pubsub></user></host></server-data>";
        let mut found = Vec::new();
        let mut each = |piece: Piece| {
            found.push(match piece {
                Piece::User(name, host, password) => format!("{name}@{host} {password:?}"),
                Piece::Of(element) => String::from_utf8(reef_stanza::self_contained(&element, None)).unwrap(),
                Piece::Passed(what) => what,
            });
            Ok(())
        };
        pieces(file.as_bytes(), &mut each).unwrap();
        assert_eq!(
            found,
            [
                "<x/> outside of accounts",
                "juliet@a.lit Some(\"p\")",
                "<query xmlns='jabber:iq:roster'><item jid='r@a.lit'><group>G</group></item></query>",
                "<query xmlns='jabber:iq:roster'><item jid='n@a.lit'/></query>",
                "<vCard xmlns='vcard-temp'><FN>J &amp; R</FN></vCard>",
                "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'><item id='1'><a xmlns='urn:a'/></item></items></pubsub>",
                "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'><item id='2'/></items></pubsub>",
            ]
        );
    }

    #[test]
    fn what_is_no_such_file_or_is_cut_off_is_refused() {
        for file in [
            "<feed/>",
            "<server-data xmlns='urn:xmpp:pie:0'><host jid='a'>",
            "<server-data",
        ] {
            let read = pieces(file.as_bytes(), &mut |_| Ok(()));
            assert!(read.is_err(), "{file}");
        }
    }
}
