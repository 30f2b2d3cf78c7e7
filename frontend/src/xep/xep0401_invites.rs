//! XEP-0401, Ad-hoc Account Invitation Generation: commands of the domain with which an account invites a contact, and an
//! administrator somebody who gets an account.
//!
//! What a token does is the tables' (`tables/invite.rs`); it is brought before login (XEP-0445, `stream/preauth.rs`) or with a
//! request for presence (XEP-0379).

use super::{Answer, Ctx, Module, is_admin};
use crate::config::Config;
use crate::errors;
use crate::invite::{self, Invitation};
use crate::limits::INVITE_DAYS;
use crate::session::stamp;
use crate::tables::Invite;
use jid::{BareJid, NodePart};
use minidom::Element;
use reef_stanza::command::{Action, Command, Status, command_reply};
use reef_stanza::element::{Build, el};
use reef_stanza::form::{Field, FieldKind, Form, FormKind};
use reef_stanza::{Condition, StanzaError, ns};
use std::sync::Arc;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0401",
    version: "0.6.0",
    title: "Ad-hoc Account Invitation Generation",
    note: "contacts by every account, accounts by `c2s.admins`; a page for browsers; `reef user invite`",
    server: &[],
    account: &[],
    service: &[],
    routes: |_| {},
};

const INVITE: &str = "urn:xmpp:invite#invite";
const CREATE: &str = "urn:xmpp:invite#create-account";
const RESULT: &str = "urn:xmpp:invite#invitation";

/// The commands that an account may run here: node and title.
pub(crate) fn invite_commands(config: &Config, by: &BareJid) -> Vec<(&'static str, &'static str)> {
    let here = by.node().is_some() && by.domain().as_str() == config.domain;
    let invites = here && config.limits.invites_per_day > 0;
    let creates = is_admin(config, by) && invite::may_register(config);
    let all = [
        (invites, INVITE, "Invite somebody"),
        (creates, CREATE, "Invite to an account"),
    ];
    all.into_iter()
        .filter(|(may, ..)| *may)
        .map(|(_, node, title)| (node, title))
        .collect()
}

/// The same as items of a list (XEP-0050 §3.2).
pub(crate) fn invite_items(config: &Config, by: &BareJid) -> Vec<Element> {
    let item = |(node, title): (&str, &str)| {
        let item = el("item", ns::DISCO_ITEMS).set("jid", &config.domain);
        item.set("node", node).set("name", title)
    };
    invite_commands(config, by).into_iter().map(item).collect()
}

/// Runs one of them; `None` where it is none.
pub(crate) fn run_invite(ctx: &Ctx<'_>, command: &Command) -> Option<Result<Answer, StanzaError>> {
    let known = [INVITE, CREATE].contains(&command.node.as_str());
    known.then(|| run(ctx, command))
}

fn run(ctx: &Ctx<'_>, command: &Command) -> Result<Answer, StanzaError> {
    let (config, by) = (&ctx.hub.server.config, ctx.from.to_bare());
    let may = invite_commands(config, &by)
        .iter()
        .any(|(node, _)| *node == command.node);
    // Who acts for an account without a session invites nobody.
    if !may || ctx.slot.is_none() {
        return Err(StanzaError::new(Condition::Forbidden));
    }
    let filled = command.form.as_ref().filter(|form| form.kind == FormKind::Submit);
    if command.action == Action::Cancel {
        return Ok(said(command, Status::Canceled, None));
    }
    if command.node == CREATE && filled.is_none() {
        let username = Field::new(FieldKind::TextSingle, "username").label("The name, where it is to be this one");
        let contact = Field::new(FieldKind::Boolean, "roster-subscription").label("Whether you become contacts");
        let form = Form::new(FormKind::Form, CREATE).with(username).with(contact);
        return Ok(said(command, Status::Executing, Some(&form)));
    }
    let name = filled.and_then(|form| form.value("username")).map(str::trim);
    let name = name.filter(|name| !name.is_empty() && command.node == CREATE);
    let name = name.map(|name| named(ctx, name)).transpose()?;
    let contact = filled.and_then(|form| form.value("roster-subscription"));
    let invite = Invite {
        by: Some(by.as_str().into()),
        name,
        contact: command.node == INVITE || matches!(contact, Some("1" | "true")),
        registers: invite::may_register(config),
        expires: invite::expires(ctx.hub.server.engine.clock.now(), INVITE_DAYS),
    };
    make(ctx, command.clone(), invite)
}

/// The account of a name that may be given to somebody.
fn named(ctx: &Ctx<'_>, name: &str) -> Result<Arc<str>, StanzaError> {
    let malformed =
        |error| StanzaError::new(Condition::JidMalformed).with_text(format!("the name cannot be used: {error}"));
    let node = NodePart::new(name).map_err(malformed)?;
    let jid = format!("{node}@{}", ctx.hub.server.domain);
    let jid = BareJid::new(&jid).map_err(malformed)?;
    match ctx.hub.server.is_reserved(&jid) {
        true => Err(StanzaError::new(Condition::NotAcceptable).with_text("this name is reserved")),
        false => Ok(jid.as_str().into()),
    }
}

fn make(ctx: &Ctx<'_>, command: Command, invite: Invite) -> Result<Answer, StanzaError> {
    let server = &ctx.hub.server;
    let most = match command.node.as_str() {
        INVITE => server.config.limits.invites_per_day,
        // An administrator is not counted.
        _ => u32::MAX,
    };
    let made = Invitation::new(invite).map_err(|error| errors::stanza_error(&error))?;
    let (by, change) = (ctx.from.to_bare(), made.change(&server.domain, most));
    let (uri, web) = (made.uri(&server.domain), server.web.clone());
    Ok(Answer::submit(by.as_str(), change, move |_, done| {
        done.map_err(|error| errors::stanza_error(&error))?;
        let field = |var: &str, value: &str| Field::new(FieldKind::TextSingle, var).value(value);
        let mut form = Form::new(FormKind::Result, RESULT).with(field("uri", &uri));
        if let Some(web) = web {
            form = form.with(field("landing-url", &invite::page(&web, &made.token)));
        }
        form = form.with(field("expire", &stamp(made.invite.expires.0)));
        Ok(said(&command, Status::Completed, Some(&form)))
    }))
}

fn said(command: &Command, status: Status, form: Option<&Form>) -> Answer {
    let session = command.session.as_deref().unwrap_or(&command.node);
    Answer::Payload(command_reply(&command.node, session, status, form))
}
