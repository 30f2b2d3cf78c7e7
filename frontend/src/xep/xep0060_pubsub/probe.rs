//! COMPAT: Movim's question whether one may publish to a node: an empty entry as item `test_post`, retracted at once.
//!
//! Answered by a reader from what the store has: nothing is committed, and no follower hears of it, of whom there may be
//! many. The retraction finds no item, which is what Movim wants. Knows no payload but this one. Else: `publish.rs`.

use super::super::Answer;
use super::asked::{self, Asked};
use crate::errors;
use reef_engine::config::Setting;
use reef_engine::log::apply::may_publish;
use reef_stanza::ns;
use reef_stanza::pubsub::{PublishItem, publish_reply};

/// The item's id.
const ITEM: &str = "test_post";

/// Whether that is all that is asked.
pub(super) fn is_probe(item: &PublishItem) -> bool {
    let empty = |payload: &minidom::Element| payload.is("entry", ns::ATOM) && payload.nodes().next().is_none();
    item.id.as_deref() == Some(ITEM) && item.payload.as_ref().is_some_and(empty)
}

/// What publishing would be answered with such options; a node that publishing would make is not made.
pub(super) fn probe(asked: &Asked, node: &str, options: Vec<Setting>) -> Answer {
    let (name, by) = (asked.name(node), asked.by.clone());
    Answer::read(move |engine| {
        let node = asked::find(engine, &name)?;
        may_publish(engine.view(), &*engine.tables, node.id, &node.row, &by).map_err(errors::applied)?;
        node.row
            .config
            .meets(&options)
            .map_err(|reject| errors::refused(&reject))?;
        Ok(Answer::Payload(publish_reply(&name.node, &[ITEM])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, payload: &str, expected: bool) {
        let item = PublishItem {
            id: Some(id.into()),
            payload: Some(payload.parse().unwrap()),
        };
        assert_eq!(is_probe(&item), expected, "{id} {payload}");
    }

    #[test]
    fn only_an_empty_entry_of_that_name_is_a_question() {
        check(ITEM, "<entry xmlns='http://www.w3.org/2005/Atom'/>", true);
        check("other", "<entry xmlns='http://www.w3.org/2005/Atom'/>", false);
        check(ITEM, "<entry xmlns='urn:x'/>", false);
        check(
            ITEM,
            "<entry xmlns='http://www.w3.org/2005/Atom'><title/></entry>",
            false,
        );
        check(ITEM, "<entry xmlns='http://www.w3.org/2005/Atom'>text</entry>", false);
    }
}
