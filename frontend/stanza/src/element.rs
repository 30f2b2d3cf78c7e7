//! Elements from literals and back: the few shorthands with which the payloads are written. Knows no payload.

use minidom::Element;
use rxml::{Namespace, NcName};

/// An element's builder in this crate: `el("item", ns::PUBSUB).attr("id", id).child(payload)`. Attribute names are
/// literals.
pub trait Build: Sized {
    /// Sets an attribute in no namespace.
    fn set(self, name: &'static str, value: &str) -> Self;
    /// Sets it if there is a value.
    fn set_opt(self, name: &'static str, value: Option<&str>) -> Self;
    /// Sets `xml:lang`.
    fn lang(self, lang: &str) -> Self;
    /// Appends a child.
    fn child(self, child: Element) -> Self;
    /// Appends children.
    fn children_from(self, children: impl IntoIterator<Item = Element>) -> Self;
    /// Appends character data.
    fn with_text(self, text: &str) -> Self;
}

/// An empty element.
pub fn el(name: &str, ns: &str) -> Element {
    Element::bare(name, ns)
}

fn name(literal: &'static str) -> NcName {
    NcName::try_from(literal).expect("attribute names are literals without a colon")
}

impl Build for Element {
    fn set(mut self, key: &'static str, value: &str) -> Self {
        self.attrs_mut().insert(Namespace::NONE, name(key), value.to_owned());
        self
    }

    fn set_opt(self, key: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.set(key, value),
            None => self,
        }
    }

    fn lang(mut self, lang: &str) -> Self {
        self.attrs_mut().insert(Namespace::XML, name("lang"), lang.to_owned());
        self
    }

    fn child(mut self, child: Element) -> Self {
        self.append_child(child);
        self
    }

    fn children_from(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        for child in children {
            self.append_child(child);
        }
        self
    }

    fn with_text(mut self, text: &str) -> Self {
        if !text.is_empty() {
            self.append_text(text);
        }
        self
    }
}

/// An attribute's value if it is there and not empty, owned.
pub fn attr(el: &Element, name: &str) -> Option<String> {
    el.attr(name).filter(|value| !value.is_empty()).map(str::to_owned)
}

/// The text of the first child of that name in the same namespace as its parent.
pub fn child_text(el: &Element, name: &str) -> Option<String> {
    el.children()
        .find(|child| child.name() == name && same_ns(child, el))
        .map(Element::text)
}

/// Whether two elements share a namespace.
pub fn same_ns(a: &Element, b: &Element) -> bool {
    b.has_ns(a.ns().as_str())
}

/// A boolean as XML Schema writes it: `true`, `1`, `false`, `0`.
pub fn parse_bool(value: &str) -> Option<bool> {
    match value {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}
