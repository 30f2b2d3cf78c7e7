//! XEP-0050, Ad-Hoc Commands: what a place offers to be run, as forms.
//!
//! The table of commands is here; what one does is told by the module that it belongs to. A command keeps no state between
//! its stages: what was filled in says where it is, and its session's id only ties the stages together.

use super::{Answer, Ctx, Module, Routes, Target, To, ask_again, nodes_with_pending};
use minidom::Element;
use reef_stanza::command::{Action, Command, Status, command_reply};
use reef_stanza::element::{Build, el};
use reef_stanza::form::{Field, FieldKind, Form, FormKind};
use reef_stanza::{Condition, StanzaError, ns};

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0050",
    version: "1.3.0",
    title: "Ad-Hoc Commands",
    note: "of pubsub: get-pending; of `sms.<domain>`: linking a phone, its settings",
    server: &[],
    account: &[ns::COMMANDS],
    service: &[ns::COMMANDS],
    routes,
};

const AT: &[To] = &[To::Account, To::Service];

/// A command.
struct Offer {
    node: &'static str,
    name: &'static str,
    run: fn(&mut Ctx<'_>, &Command) -> Result<Answer, StanzaError>,
}

const OFFERS: &[Offer] = &[Offer {
    node: GET_PENDING,
    name: "Pending Subscriptions",
    run: get_pending,
}];

fn routes(on: &mut Routes) {
    on.set::<Command>(AT, |ctx, command| run(ctx, &command));
}

fn run(ctx: &mut Ctx<'_>, command: &Command) -> Result<Answer, StanzaError> {
    let Some(offer) = OFFERS.iter().find(|offer| offer.node == command.node) else {
        return Err(StanzaError::new(Condition::ItemNotFound).with_text("there is no such command"));
    };
    if command.action == Action::Cancel {
        return Ok(said(command, Status::Canceled, None));
    }
    (offer.run)(ctx, command)
}

/// §3.2: the commands as items of the node that bears the protocol's name.
pub(crate) fn commands(place: &str) -> Vec<Element> {
    let item = |offer: &Offer| {
        el("item", ns::DISCO_ITEMS)
            .set("jid", place)
            .set("node", offer.node)
            .set("name", offer.name)
    };
    OFFERS.iter().map(item).collect()
}

fn said(command: &Command, status: Status, form: Option<&Form>) -> Answer {
    let session = command.session.as_deref().unwrap_or(&command.node);
    Answer::Payload(command_reply(&command.node, session, status, form))
}

const GET_PENDING: &str = "http://jabber.org/protocol/pubsub#get-pending";

/// XEP-0060 §8.7.
fn get_pending(ctx: &mut Ctx<'_>, command: &Command) -> Result<Answer, StanzaError> {
    let (Target::Account(place) | Target::Service(place)) = &ctx.target else {
        return Err(StanzaError::new(Condition::ServiceUnavailable));
    };
    let chosen = command.form.as_ref().and_then(|form| form.value("pubsub#node"));
    if let Some(node) = chosen {
        return ask_again(ctx, node, said(command, Status::Completed, None));
    }
    let (place, by, command) = (place.clone(), ctx.from.to_bare(), command.clone());
    Ok(Answer::read(move |engine| {
        let nodes = nodes_with_pending(engine, place.as_str(), by.as_str())?;
        let field = Field::new(FieldKind::ListSingle, "pubsub#node").label("Node");
        let field = nodes.iter().fold(field, |field, node| field.option(None, node));
        let form = Form::new(FormKind::Form, ns::PUBSUB_SUBSCRIBE_AUTHORIZATION).with(field);
        Ok(said(&command, Status::Executing, Some(&form)))
    }))
}
