//! XEP-0049, Private XML Storage: elements that a client keeps with its account, by name and namespace.
//!
//! Newer clients keep such things in nodes of their own (XEP-0223); old ones keep bookmarks here, which are those of the newer (XEP-0402).

use super::{Answer, Ctx, Module, Routes, To, is_bookmarks, read_bookmarks, set_bookmarks};
use crate::errors;
use crate::limits::{PRIVATE_BYTES, PRIVATE_ELEMENTS};
use crate::tables::{self, Kept, Op};
use minidom::Element;
use reef_engine::log::record::Change;
use reef_stanza::{Condition, IqPayload, StanzaError, ns, self_contained};
use std::sync::Arc;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0049",
    version: "1.2",
    title: "Private XML Storage",
    note: "one element for each name and namespace; bookmarks are those of XEP-0402",
    server: &[],
    account: &[ns::PRIVATE],
    service: &[],
    routes,
};

struct Query(Element);

impl IqPayload for Query {
    const NAME: &'static str = "query";
    const NS: &'static str = ns::PRIVATE;

    fn parse(el: Element) -> Result<Query, StanzaError> {
        let mut children = el.children();
        let first = children.next();
        if children.next().is_some() {
            return Err(StanzaError::new(Condition::NotAcceptable).with_text("one element at a time"));
        }
        let Some(first) = first else {
            return Err(StanzaError::new(Condition::BadRequest).with_text("which element?"));
        };
        // §2.3: of the core's own namespaces nothing is kept.
        let reserved = first.ns().is_empty() || [ns::PRIVATE, ns::CLIENT, ns::SERVER].contains(&first.ns().as_str());
        if reserved {
            return Err(StanzaError::new(Condition::NotAcceptable).with_text("of this namespace nothing is kept"));
        }
        Ok(Query(first.clone()))
    }
}

fn kept(element: &Element) -> Kept {
    Kept::Element(element.ns().as_str().into(), element.name().into())
}

fn routes(on: &mut Routes) {
    on.get::<Query>(&[To::Account], |ctx, Query(asked)| read(ctx, asked));
    on.set::<Query>(&[To::Account], |ctx, Query(element)| keep(ctx, &element));
}

/// §2.2: what is not there comes back as it was asked for.
fn read(ctx: &mut Ctx<'_>, asked: Element) -> Result<Answer, StanzaError> {
    ctx.own()?;
    let user = ctx.from.to_bare();
    if is_bookmarks(&asked) {
        return Ok(read_bookmarks(user.as_str().into()));
    }
    Ok(Answer::read(move |engine| {
        let found = tables::kept(engine.view(), user.as_str(), &kept(&asked)).map_err(errors::unreadable)?;
        let bytes = found.unwrap_or_else(|| self_contained(&asked, None));
        Ok(Answer::Bytes(
            [b"<query xmlns='jabber:iq:private'>", &bytes[..], b"</query>"].concat(),
        ))
    }))
}

/// §2.3.
fn keep(ctx: &mut Ctx<'_>, element: &Element) -> Result<Answer, StanzaError> {
    ctx.own()?;
    let user: Arc<str> = ctx.from.to_bare().as_str().into();
    if is_bookmarks(element) {
        return Ok(set_bookmarks(&user, element));
    }
    let op = Op::Keep {
        user: user.clone(),
        what: kept(element),
        // One that says nothing is as none.
        element: match element.nodes().next().is_none() && element.attrs().iter().next().is_none() {
            true => Vec::new(),
            false => self_contained(element, None),
        },
        most: (PRIVATE_ELEMENTS, PRIVATE_BYTES),
    };
    let change = Change::Table {
        owner: user.clone(),
        op: op.encode(),
    };
    Ok(Answer::commit(&user, change))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reef_stanza::element::{Build, el};

    #[test]
    fn one_element_of_a_namespace_of_its_own_is_asked_for() {
        let parse = |content: &str| {
            let query = format!("<query xmlns='jabber:iq:private'>{content}</query>");
            Query::parse(query.parse().unwrap())
                .map(|_| ())
                .map_err(|error| error.condition)
        };
        assert_eq!(parse("<a xmlns='urn:a'/>"), Ok(()));
        assert_eq!(parse(""), Err(Condition::BadRequest));
        assert_eq!(parse("<a/>"), Err(Condition::NotAcceptable));
        assert_eq!(
            parse("<a xmlns='urn:a'/><b xmlns='urn:b'/>"),
            Err(Condition::NotAcceptable)
        );
        let storage = el("query", ns::PRIVATE).child(el("storage", "storage:bookmarks"));
        let Query(storage) = Query::parse(storage).unwrap();
        assert_eq!(
            kept(&storage),
            Kept::Element("storage:bookmarks".into(), "storage".into())
        );
    }
}
