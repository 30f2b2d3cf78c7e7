//! RFC 6121 §2: the roster. A client asks for it, adds, changes and removes contacts; changes are pushed to all sessions.
//!
//! Presence subscriptions are in `session/subscription.rs`.

use super::{Answer, Ctx, Module, Routes, To};
use crate::tables::{Op, RosterRow};
use jid::BareJid;
use minidom::Element;
use reef_engine::log::record::Change;
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, ns};
use std::sync::Arc;
use xmpp_parsers::roster::{Roster, Subscription};

pub(crate) const MODULE: Module = Module {
    spec: "RFC 6121",
    version: "",
    title: "XMPP Instant Messaging and Presence",
    note: "roster with versioning, presence, subscriptions, message routing; no pre-approval",
    server: &[],
    account: &[],
    service: &[],
    routes,
};

/// Bytes of a contact's name and of one group's, and how many groups he may be in.
const NAME_MAX: usize = 1023;
const GROUPS_MAX: usize = 32;

fn routes(on: &mut Routes) {
    on.get(&[To::Account], get);
    on.set(&[To::Account], set);
}

/// §2.1.3, and §2.6 where the client has the version that is: then nothing is sent.
fn get(ctx: &mut Ctx<'_>, asked: Roster) -> Result<Answer, StanzaError> {
    ctx.own()?;
    let slot = ctx.session()?;
    ctx.hub.interested(slot);
    let Some(user) = ctx.hub.user(slot) else {
        return Err(StanzaError::new(Condition::InternalServerError));
    };
    let (contacts, version) = user.contacts();
    let version = version.to_string();
    if asked.ver.as_deref() == Some(version.as_str()) {
        return Ok(Answer::Empty);
    }
    let mut query = el("query", ns::ROSTER).set("ver", &version);
    for (jid, row) in contacts {
        query.append_child(roster_item(jid.as_str(), Some(row)));
    }
    Ok(Answer::Payload(query))
}

/// §2.3 to §2.5.
fn set(ctx: &mut Ctx<'_>, mut asked: Roster) -> Result<Answer, StanzaError> {
    ctx.own()?;
    let (Some(item), None) = (asked.items.pop(), asked.items.pop()) else {
        return Err(StanzaError::new(Condition::BadRequest).with_text("one contact at a time"));
    };
    let user: Arc<str> = ctx.from.to_bare().as_str().into();
    let contact: BareJid = item.jid;
    if contact.as_str() == &*user {
        return Err(StanzaError::new(Condition::NotAllowed));
    }
    let contact: Arc<str> = contact.as_str().into();
    let op = if item.subscription == Subscription::Remove {
        Op::RemoveContact {
            user: user.clone(),
            contact,
        }
    } else {
        let name = item.name.unwrap_or_default();
        let groups: Vec<Arc<str>> = item.groups.into_iter().map(|group| group.0.into()).collect();
        let long = name.len() > NAME_MAX || groups.len() > GROUPS_MAX || groups.iter().any(|g| g.len() > NAME_MAX);
        if long || groups.iter().any(|group| group.is_empty()) {
            return Err(StanzaError::new(Condition::NotAcceptable));
        }
        let most = ctx.hub.server.config.limits.roster_items;
        Op::SetContact {
            user: user.clone(),
            contact,
            name: name.into(),
            groups,
            most,
        }
    };
    let change = Change::Table {
        owner: user.clone(),
        op: op.encode(),
    };
    // The pushes are on their way when this is answered.
    Ok(Answer::commit(&user, change))
}

/// An item as it is sent; without a row it says that the contact is gone.
pub(crate) fn roster_item(contact: &str, row: Option<&RosterRow>) -> Element {
    let mut item = el("item", ns::ROSTER).set("jid", contact);
    let Some(row) = row else {
        return item.set("subscription", "remove");
    };
    item = item.set("subscription", row.subscription());
    item = item.set_opt("name", (!row.name.is_empty()).then_some(&*row.name));
    item = item.set_opt("ask", row.ask.then_some("subscribe"));
    for group in &row.groups {
        item.append_child(el("group", ns::ROSTER).with_text(group));
    }
    item
}
