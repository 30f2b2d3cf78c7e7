//! Compares what came with what a script says: the order of attributes is free, everything else counts.
//!
//! `{{any}}` in an attribute or as the only text of an element stands for anything there; `{{name}}` as well, and for the
//! same from then on. `{{more}}` behind an element's children: there may be more of them, anywhere. The `stanza-id` of a headline
//! is left out unless the script names one.

use minidom::{Element, Node};
use std::collections::BTreeMap;

/// What placeholders stand for.
#[derive(Default)]
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    /// Puts what is known into a text that is sent.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{{{name}}}}}"), value)
        })
    }

    fn matches(&mut self, wanted: &str, came: &str) -> bool {
        let Some((before, name, after)) = placeholder(wanted) else {
            return wanted == came;
        };
        let value = came.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        match value {
            None => false,
            Some(_) if name == "any" => true,
            Some(value) => self.0.entry(name.to_owned()).or_insert_with(|| value.to_owned()) == value,
        }
    }

    /// Where the two differ, if they do.
    pub(crate) fn difference(&mut self, wanted: &Element, came: &Element) -> Option<String> {
        if (wanted.name(), wanted.ns()) != (came.name(), came.ns()) {
            return Some(format!("<{} xmlns='{}'>", came.name(), came.ns()));
        }
        let attributes = |element: &Element| -> BTreeMap<(String, String), String> {
            let all = element.attrs().iter();
            all.map(|((ns, name), value)| ((ns.to_string(), name.to_string()), value.clone()))
                .collect()
        };
        let (left, right) = (attributes(wanted), attributes(came));
        if !left.keys().eq(right.keys()) {
            return Some(format!("<{}> has {:?}", came.name(), right));
        }
        for (name, value) in &left {
            if !self.matches(value, &right[name]) {
                return Some(format!("<{}> has {}='{}'", came.name(), name.1, right[name]));
            }
        }
        self.content(wanted, came)
    }

    fn content(&mut self, wanted: &Element, came: &Element) -> Option<String> {
        let (left, mut right) = (nodes(wanted), nodes(came));
        // Where a script is not about the id of a pushed post it does not name it.
        let id = |node: &Node| matches!(node, Node::Element(el) if el.name() == "stanza-id");
        if came.attr("type") == Some("headline") && !left.iter().any(id) {
            right.retain(|node| !id(node));
        }
        if let [Node::Text(text)] = left.as_slice()
            && text.trim() == "{{any}}"
        {
            return None;
        }
        if let Some((Node::Text(text), named)) = left.split_last()
            && text.trim() == "{{more}}"
        {
            return self.some(named, &right);
        }
        if left.len() != right.len() {
            return Some(format!("<{}> has {} children", came.name(), right.len()));
        }
        left.iter().zip(&right).find_map(|pair| match pair {
            (Node::Element(left), Node::Element(right)) => self.difference(left, right),
            (Node::Text(left), Node::Text(right)) if self.matches(left.trim(), right.trim()) => None,
            (_, right) => Some(format!("<{}> has {right:?}", came.name())),
        })
    }

    /// The first of the named that is not among those that came, in their order.
    fn some(&mut self, named: &[Node], came: &[Node]) -> Option<String> {
        let mut came = came.iter().filter_map(Node::as_element);
        let mut named = named.iter().filter_map(Node::as_element);
        let missing = named.find(|named| !came.any(|came| self.difference(named, came).is_none()))?;
        Some(format!("there is no {}", String::from(missing)))
    }
}

/// Before a placeholder, its name, and behind it.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name, after))
}

/// The content without white space between elements.
fn nodes(element: &Element) -> Vec<Node> {
    let blank = |node: &&Node| matches!(node, Node::Text(text) if text.trim().is_empty());
    element.nodes().filter(|node| !blank(node)).cloned().collect()
}
