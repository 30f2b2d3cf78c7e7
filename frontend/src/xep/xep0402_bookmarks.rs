//! XEP-0402, PEP Native Bookmarks, and the list of bookmarks (XEP-0048) that old clients keep in private storage: one thing,
//! shown in two ways.
//!
//! The node is plain PEP; here is what turns its items into that list, and a list into items. Next: `tables/bookmarks.rs`,
//! which finds what differs.

use super::{Answer, Module};
use crate::errors;
use crate::limits::{BOOKMARKS_CHANGED, PRIVATE_BYTES, PRIVATE_ELEMENTS};
use crate::tables::{self, Op};
use crate::{atom, limits};
use jid::Jid;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::log::record::Change;
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, ns, self_contained};
use std::sync::Arc;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0402",
    version: "1.2.0",
    title: "PEP Native Bookmarks",
    note: "private from the first; what clients keep by XEP-0049 is the same list, both ways",
    server: &[],
    account: &["urn:xmpp:bookmarks:1#compat"],
    service: &[],
    routes: |_| {},
};

/// What is done once the account's node has all of its bookmarks.
pub(crate) type Then = Box<dyn FnOnce() -> Result<Answer, StanzaError> + Send>;

/// Whether an element of private storage is the list of bookmarks.
pub(crate) fn is_bookmarks(element: &Element) -> bool {
    element.is("storage", ns::STORAGE_BOOKMARKS)
}

/// Brings what lies in private storage from before to the node, some at a time, and goes on. Where that fails it goes on as well:
/// nothing is lost then, and the list shows it.
pub(crate) fn with_bookmarks(user: Arc<str>, then: Then) -> Answer {
    Answer::read(move |engine| {
        let found = tables::has_unconverted(engine.view(), &user).map_err(errors::unreadable)?;
        let Some(storage) = found else { return then() };
        let change = set(&user, storage, false);
        Ok(Answer::submit(&user.clone(), change, move |_, done| match done {
            Ok(_) => Ok(with_bookmarks(user, then)),
            Err(_) => then(),
        }))
    })
}

/// The list, as private storage shows it.
pub(crate) fn read_bookmarks(user: Arc<str>) -> Answer {
    let by = user.clone();
    with_bookmarks(
        by,
        Box::new(move || Ok(Answer::read(move |engine| shown(engine, &user)))),
    )
}

fn shown(engine: &Engine, user: &str) -> Result<Answer, StanzaError> {
    let (view, now) = (engine.view(), engine.clock.now());
    let kept = tables::kept(view, user, &tables::bookmark_list()).map_err(errors::unreadable)?;
    let has = tables::bookmarks(view, user, now, limits::BOOKMARKS_BYTES).map_err(errors::unreadable)?;
    let rest = kept.as_deref().and_then(atom::parse);
    let mut storage = rest.unwrap_or_else(|| el("storage", ns::STORAGE_BOOKMARKS));
    if has.unified {
        // A part of the list would be set as the whole one time.
        if !has.whole {
            return Err(StanzaError::new(Condition::ResourceConstraint).with_text("too many bookmarks for one list"));
        }
        let items = has
            .items
            .iter()
            .filter_map(|item| Some((&*item.id, atom::parse(&item.payload)?)));
        let listed: Vec<Element> = items.map(|(id, item)| conference(id, &item)).collect();
        storage = listed.into_iter().fold(storage, Build::child);
    }
    let bytes = self_contained(&storage, None);
    Ok(Answer::Bytes(
        [b"<query xmlns='jabber:iq:private'>", &bytes[..], b"</query>"].concat(),
    ))
}

/// Sets the list.
pub(crate) fn set_bookmarks(user: &Arc<str>, storage: &Element) -> Answer {
    Answer::commit(user, set(user, self_contained(storage, None), true))
}

fn set(user: &Arc<str>, storage: Vec<u8>, whole: bool) -> Change {
    let op = Op::SetBookmarks {
        user: user.clone(),
        storage,
        whole,
        most: (PRIVATE_ELEMENTS, PRIVATE_BYTES),
        changes: BOOKMARKS_CHANGED,
    };
    Change::Table {
        owner: user.clone(),
        op: op.encode(),
    }
}

/// The bookmarks of a list by what their items are called, the last of each, and the list without them. An address that is
/// none stays there.
pub(crate) fn bookmarks_in(storage: &Element) -> (Vec<(String, Element)>, Element) {
    let (mut found, mut rest): (Vec<(String, Element)>, _) = (Vec::new(), el("storage", ns::STORAGE_BOOKMARKS));
    for child in storage.children() {
        let jid = child.attr("jid").filter(|jid| Jid::new(jid).is_ok());
        match jid.filter(|_| child.is("conference", ns::STORAGE_BOOKMARKS)) {
            Some(jid) => {
                found.retain(|(other, _)| other != jid);
                found.push((jid.to_owned(), child.clone()));
            }
            None => {
                rest.append_child(child.clone());
            }
        }
    }
    (found, rest)
}

/// The item for a bookmark of a list; `None` where what is there says the same. What the list cannot say stays as it was.
pub(crate) fn bookmark(listed: &Element, known: Option<&Element>) -> Option<Element> {
    let mut item = el("conference", ns::BOOKMARKS);
    item = item.set_opt("name", listed.attr("name"));
    item = item.set_opt("autojoin", listed.attr("autojoin"));
    for name in ["nick", "password"] {
        let text = listed.get_child(name, ns::STORAGE_BOOKMARKS).map(Element::text);
        item = item.children_from(text.map(|text| el(name, ns::BOOKMARKS).with_text(&text)));
    }
    let own = listed.get_child("extensions", ns::BOOKMARKS);
    let kept = own.or_else(|| known?.get_child("extensions", ns::BOOKMARKS));
    let mut extensions = kept.cloned().unwrap_or_else(|| el("extensions", ns::BOOKMARKS));
    let foreign = |ns: &str| ns != ns::STORAGE_BOOKMARKS && ns != ns::BOOKMARKS;
    for child in listed.children().filter(|child| foreign(&child.ns())) {
        while extensions.remove_child(child.name(), child.ns().as_str()).is_some() {}
        extensions.append_child(child.clone());
    }
    if extensions.children().next().is_some() {
        item.append_child(extensions);
    }
    let same = known.is_some_and(|known| conference("", known) == conference("", &item));
    (!same).then_some(item)
}

/// A bookmark as the list has it: with its address, and with what else belongs to it.
fn conference(jid: &str, item: &Element) -> Element {
    let mut listed = el("conference", ns::STORAGE_BOOKMARKS).set("jid", jid);
    listed = listed.set_opt("name", item.attr("name"));
    listed = listed.set_opt("autojoin", item.attr("autojoin"));
    for name in ["nick", "password"] {
        let text = item.get_child(name, ns::BOOKMARKS).map(Element::text);
        listed = listed.children_from(text.map(|text| el(name, ns::STORAGE_BOOKMARKS).with_text(&text)));
    }
    listed.children_from(item.get_child("extensions", ns::BOOKMARKS).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(xml: &str) -> Element {
        xml.parse().unwrap()
    }

    #[test]
    fn a_list_is_its_bookmarks_and_what_is_none() {
        let storage = parsed(
            "<storage xmlns='storage:bookmarks'><conference jid='a@rooms.lit' name='old'/><url url='http://a.lit'/>\
             <conference jid='a@@'/><conference jid='a@rooms.lit' name='new'/></storage>",
        );
        let (found, rest) = bookmarks_in(&storage);
        assert_eq!(found.len(), 1);
        assert_eq!((&*found[0].0, found[0].1.attr("name")), ("a@rooms.lit", Some("new")));
        assert_eq!(rest.children().count(), 2);
    }

    #[test]
    fn what_a_list_cannot_say_stays_and_the_same_is_no_change() {
        let known = parsed(
            "<conference xmlns='urn:xmpp:bookmarks:1' name='A' autojoin='1' xml:lang='en'><nick>J</nick>\
             <extensions><x xmlns='urn:x'/></extensions></conference>",
        );
        let old = parsed(
            "<conference xmlns='storage:bookmarks' jid='a@rooms.lit' name='A' autojoin='1'><nick>J</nick></conference>",
        );
        assert_eq!(bookmark(&old, Some(&known)), None);
        assert_eq!(bookmark(&conference("a@rooms.lit", &known), Some(&known)), None);
        let renamed =
            parsed("<conference xmlns='storage:bookmarks' jid='a@rooms.lit' name='B'><y xmlns='urn:y'/></conference>");
        let item = bookmark(&renamed, Some(&known)).unwrap();
        let extensions = item.get_child("extensions", ns::BOOKMARKS).unwrap();
        assert_eq!(item.attr("name"), Some("B"));
        assert!(extensions.has_child("x", "urn:x") && extensions.has_child("y", "urn:y"));
    }
}
