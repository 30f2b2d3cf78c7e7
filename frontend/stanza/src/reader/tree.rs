//! Raw XML events to elements: resolves prefixes, counts what the budget counts. rxml's own resolver keeps maps that cost
//! a kilobyte per idle stream and reports attributes only when all are in memory. Must not know what a stream is; next:
//! `reader.rs`, which takes each finished element.

use minidom::Element;
use rxml::{AttrMap, Error, Namespace, NcName, parser::RawQName};

use super::fault::{from_rxml, over_budget, violation};
use crate::budget::Budget;
use crate::error::StreamFault;
use crate::ns;

/// Every element keeps its own copy of its namespace's name, so a long one would multiply: 8,192 elements of 256 bytes
/// are 2 MiB. Real ones are below 100 bytes.
const NAMESPACE_BYTES_MAX: usize = 256;
/// Declarations in scope at one place; bounds the search for a prefix.
const NAMESPACES_MAX: usize = 128;

/// One `xmlns` or `xmlns:prefix` attribute.
#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) prefix: Option<NcName>,
    pub(super) namespace: Namespace<'static>,
}

/// A start tag with its prefixes resolved.
pub(super) struct Resolved {
    pub(super) namespace: Namespace<'static>,
    pub(super) name: NcName,
    pub(super) attributes: AttrMap,
}

/// The elements that are open, and the start tag that is being read.
#[derive(Default)]
pub(super) struct Tree {
    open: Vec<Open>,
    name: Option<RawQName>,
    attributes: Vec<(RawQName, String)>,
    declared: usize,
    scope: Vec<Declaration>,
    elements: usize,
}

struct Open {
    element: Element,
    /// How much of the scope was there before its start tag.
    scope: usize,
}

impl Tree {
    /// `<name`: a start tag begins.
    pub(super) fn start(&mut self, name: RawQName, budget: &Budget) -> Result<(), StreamFault> {
        if self.open.len() >= budget.depth {
            return Err(over_budget("depth", budget.depth));
        }
        self.count_element(budget)?;
        self.name = Some(name);
        self.attributes.clear();
        self.declared = 0;
        Ok(())
    }

    /// `name='value'` within the start tag. `inherited` is what the stream header declared.
    pub(super) fn attribute(
        &mut self,
        name: RawQName,
        value: String,
        inherited: &[Declaration],
        budget: &Budget,
    ) -> Result<(), StreamFault> {
        if self.attributes.len() + self.declared >= budget.attributes {
            return Err(over_budget("attributes", budget.attributes));
        }
        let prefix = match name {
            (None, local) if local == "xmlns" => None,
            (Some(prefix), local) if prefix == "xmlns" => Some(local),
            (Some(prefix), local) if prefix != "xml" => {
                self.count_element(budget)?;
                self.attributes.push(((Some(prefix), local), value));
                return Ok(());
            }
            plain => {
                self.attributes.push((plain, value));
                return Ok(());
            }
        };
        self.declare(prefix, value, inherited.len())
    }

    /// `>`: the start tag is complete. Leaves what it declared in scope.
    pub(super) fn resolve(&mut self, inherited: &[Declaration]) -> Result<Resolved, StreamFault> {
        let undeclared = || from_rxml(Error::UndeclaredNamespacePrefix(None), false);
        let (prefix, name) = self
            .name
            .take()
            .ok_or_else(|| from_rxml(Error::InvalidEof(None), false))?;
        let mut attributes = AttrMap::new();
        for ((prefix, local), value) in self.attributes.drain(..) {
            let namespace = match prefix {
                None => Namespace::NONE,
                Some(prefix) => lookup(&self.scope, inherited, Some(&prefix)).ok_or_else(undeclared)?,
            };
            if attributes.insert(namespace, local, value).is_some() {
                return Err(from_rxml(Error::DuplicateAttribute, false));
            }
        }
        let namespace = lookup(&self.scope, inherited, prefix.as_ref()).ok_or_else(undeclared)?;
        Ok(Resolved {
            namespace,
            name,
            attributes,
        })
    }

    /// Opens the element whose start tag was just resolved.
    pub(super) fn push(&mut self, resolved: Resolved) {
        let Resolved {
            namespace,
            name,
            attributes,
        } = resolved;
        let mut element = Element::bare(String::from(name), namespace.as_str());
        *element.attrs_mut() = attributes;
        let scope = self.scope.len() - self.declared;
        self.open.push(Open { element, scope });
    }

    /// Character data. False if no element is open to take it.
    pub(super) fn text(&mut self, text: String) -> bool {
        match self.open.last_mut() {
            Some(open) => {
                open.element.append_text(text);
                true
            }
            None => false,
        }
    }

    /// `</name>`: gives the element if it was the outermost.
    pub(super) fn end(&mut self) -> Ended {
        let Some(Open { element, scope }) = self.open.pop() else {
            return Ended::Stream;
        };
        self.scope.truncate(scope);
        match self.open.last_mut() {
            Some(parent) => {
                parent.element.append_child(element);
                Ended::Child
            }
            None => {
                self.elements = 0;
                Ended::Stanza(element)
            }
        }
    }

    /// What the start tag just resolved has declared; for the stream header, whose declarations all stanzas inherit.
    pub(super) fn take_scope(&mut self) -> Vec<Declaration> {
        self.elements = 0;
        std::mem::take(&mut self.scope)
    }

    fn declare(&mut self, prefix: Option<NcName>, value: String, inherited: usize) -> Result<(), StreamFault> {
        if value.len() > NAMESPACE_BYTES_MAX {
            return Err(violation("namespace name too long"));
        }
        if self.scope.len() + inherited >= NAMESPACES_MAX {
            return Err(violation("too many namespace declarations"));
        }
        if value == rxml::XMLNS_XMLNS {
            return Err(from_rxml(Error::ReservedNamespaceName, false));
        }
        let own = self.scope.len() - self.declared;
        if self.scope.iter().skip(own).any(|known| known.prefix == prefix) {
            return Err(from_rxml(Error::DuplicateAttribute, false));
        }
        self.scope.push(Declaration {
            prefix,
            namespace: intern(value),
        });
        self.declared += 1;
        Ok(())
    }

    fn count_element(&mut self, budget: &Budget) -> Result<(), StreamFault> {
        self.elements += 1;
        if self.elements > budget.elements {
            Err(over_budget("elements", budget.elements))
        } else {
            Ok(())
        }
    }
}

/// What an end tag ended.
pub(super) enum Ended {
    Child,
    Stanza(Element),
    Stream,
}

/// The namespace of a prefix, or the default namespace; the innermost declaration counts.
fn lookup(scope: &[Declaration], inherited: &[Declaration], prefix: Option<&NcName>) -> Option<Namespace<'static>> {
    if prefix.is_some_and(|prefix| prefix == "xml") {
        return Some(Namespace::XML);
    }
    let declared = scope
        .iter()
        .rev()
        .chain(inherited.iter().rev())
        .find(|known| known.prefix.as_ref() == prefix);
    match declared {
        Some(known) => Some(known.namespace.clone()),
        None => prefix.is_none().then_some(Namespace::NONE),
    }
}

/// The names that every stream header declares need no memory of their own.
fn intern(value: String) -> Namespace<'static> {
    for known in [ns::CLIENT, ns::STREAM, ns::SERVER, ns::DIALBACK] {
        if value == known {
            return Namespace::from_str(known);
        }
    }
    Namespace::try_share_static(&value).unwrap_or_else(|| Namespace::from(value))
}
