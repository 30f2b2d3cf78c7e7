//! XEP-0054, vcard-temp: the card of an account, which its owner sets and everybody may read.
//!
//! Kept as it is set. What else of an account is shown are nodes (XEP-0084, XEP-0292).

use super::{Answer, Ctx, Module, Routes, Target, To};
use crate::errors;
use crate::limits::{PRIVATE_BYTES, PRIVATE_ELEMENTS};
use crate::tables::{self, Kept, Op};
use minidom::Element;
use reef_engine::log::record::Change;
use reef_stanza::element::el;
use reef_stanza::{Condition, IqPayload, StanzaError, ns, self_contained};
use std::sync::Arc;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0054",
    version: "1.3",
    title: "vcard-temp",
    note: "of accounts: kept as it is set, for everybody to read; of the server: its name",
    server: &[ns::VCARD],
    account: &[ns::VCARD],
    service: &[],
    routes,
};

struct Card(Element);

impl IqPayload for Card {
    const NAME: &'static str = "vCard";
    const NS: &'static str = ns::VCARD;

    fn parse(el: Element) -> Result<Card, StanzaError> {
        Ok(Card(el))
    }
}

fn routes(on: &mut Routes) {
    on.get::<Card>(&[To::Account], |ctx, _| read(ctx));
    on.set::<Card>(&[To::Account], |ctx, Card(card)| keep(ctx, &card));
    on.get::<Card>(&[To::Server], |ctx, _| {
        let mut card = el("vCard", ns::VCARD);
        for (name, text) in [("FN", "Reef"), ("JABBERID", ctx.hub.server.domain.as_str())] {
            let mut field = el(name, ns::VCARD);
            field.append_text_node(text);
            card.append_child(field);
        }
        Ok(Answer::Payload(card))
    });
}

/// §3.1, §3.3: an empty card is no error for its owner; to others it is as no account.
fn read(ctx: &mut Ctx<'_>) -> Result<Answer, StanzaError> {
    let (own, target) = (ctx.is_own(), ctx.target.clone());
    let Target::Account(user) = target else {
        return Err(StanzaError::new(Condition::ServiceUnavailable));
    };
    Ok(Answer::read(move |engine| {
        match tables::kept(engine.view(), user.as_str(), &Kept::Card).map_err(errors::unreadable)? {
            Some(card) => Ok(Answer::Bytes(card)),
            None if own => Ok(Answer::Payload(el("vCard", ns::VCARD))),
            None => Err(StanzaError::new(Condition::ServiceUnavailable)),
        }
    }))
}

/// §3.2.
fn keep(ctx: &mut Ctx<'_>, card: &Element) -> Result<Answer, StanzaError> {
    ctx.own()?;
    let user: Arc<str> = ctx.from.to_bare().as_str().into();
    let op = Op::Keep {
        user: user.clone(),
        what: Kept::Card,
        element: self_contained(card, None),
        most: (PRIVATE_ELEMENTS, PRIVATE_BYTES),
    };
    let change = Change::Table {
        owner: user.clone(),
        op: op.encode(),
    };
    Ok(Answer::commit(&user, change))
}
