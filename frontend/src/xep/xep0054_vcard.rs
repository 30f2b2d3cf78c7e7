//! XEP-0054, vcard-temp: the card of an account, which its owner sets and everybody may read.
//!
//! Kept as it is set, but for its picture, which is the avatar of the account's nodes (XEP-0084, XEP-0398).

use super::{Answer, Ctx, Module, Routes, Target, To, photo, without_photo};
use crate::atom;
use crate::errors;
use crate::limits::{PRIVATE_BYTES, PRIVATE_ELEMENTS};
use crate::tables::{self, Eyes, Kept, Op, Said};
use minidom::Element;
use reef_engine::Engine;
use reef_engine::error::StoreError;
use reef_engine::log::record::Change;
use reef_stanza::element::el;
use reef_stanza::{Condition, IqPayload, StanzaError, ns, self_contained};
use std::sync::Arc;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0054",
    version: "1.3",
    title: "vcard-temp",
    note: "of accounts: kept as it is set, for everybody to read, its picture as XEP-0398 has it; of the server: its name",
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
    let by = ctx.from.to_bare();
    Ok(Answer::read(move |engine| {
        let card = seen(engine, user.as_str(), by.as_str()).map_err(errors::unreadable)?;
        match card {
            Some(card) => Ok(Answer::Bytes(card)),
            None if own => Ok(Answer::Payload(el("vCard", ns::VCARD))),
            None => Err(StanzaError::new(Condition::ServiceUnavailable)),
        }
    }))
}

/// The card with the picture that its reader may see; where none is said in the nodes, as it was set.
fn seen(engine: &Engine, user: &str, by: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let (view, now, eyes) = (engine.view(), engine.clock.now(), Eyes::Of(&*engine.tables, by));
    let card = tables::kept(view, user, &Kept::Card)?;
    let photo = match tables::avatar(view, user, eyes, now)? {
        Said::Nothing => return Ok(card),
        Said::None => None,
        Said::Avatar(metadata) => {
            let image = tables::image(view, (user, &metadata.id), eyes, now)?;
            image.and_then(|image| photo(&metadata.payload, &image.payload))
        }
    };
    if card.is_none() && photo.is_none() {
        return Ok(None);
    }
    let kept = card.as_deref().and_then(atom::parse);
    let mut card = kept.unwrap_or_else(|| el("vCard", ns::VCARD));
    while card.remove_child("PHOTO", ns::VCARD).is_some() {}
    if let Some(photo) = photo {
        card.append_child(photo);
    }
    Ok(Some(self_contained(&card, None)))
}

/// §3.2.
fn keep(ctx: &mut Ctx<'_>, card: &Element) -> Result<Answer, StanzaError> {
    ctx.own()?;
    let user: Arc<str> = ctx.from.to_bare().as_str().into();
    let (card, picture) = without_photo(card);
    let op = Op::SetCard {
        user: user.clone(),
        card: self_contained(&card, None),
        picture,
        most: (PRIVATE_ELEMENTS, PRIVATE_BYTES),
    };
    let change = Change::Table {
        owner: user.clone(),
        op: op.encode(),
    };
    Ok(Answer::commit(&user, change))
}
