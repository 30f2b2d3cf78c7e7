//! Commands about accounts: what `reef user` does, done by the same [`Performer`].

use super::{Answer, Ctx, Run};
use crate::admin::{Performer, Request, Response};
use crate::limits::{ADMIN_LIST, ADMIN_LIST_BYTES};
use crate::server::performer;
use crate::session::everyone;
use crate::{errors, tables};
use jid::{BareJid, Jid};
use reef_engine::Engine;
use reef_engine::error::StoreError;
use reef_engine::store::Range;
use reef_stanza::form::{Field, FieldKind};
use reef_stanza::{Condition, StanzaError};
use std::ops::ControlFlow;

/// The account that a form names, of this server and without a resource.
fn named(run: &Run) -> Result<BareJid, StanzaError> {
    let malformed = |_| StanzaError::new(Condition::JidMalformed);
    Ok(Jid::new(run.text("accountjid")?.trim()).map_err(malformed)?.to_bare())
}

fn exists(engine: &Engine, account: &BareJid) -> Result<bool, StanzaError> {
    let found = tables::account(engine.view(), account.as_str()).map_err(errors::unreadable)?;
    Ok(found.is_some())
}

/// Performs it; a refusal is said as it is.
fn perform(performer: &Performer, request: Request) -> Result<(), StanzaError> {
    match performer.perform(request) {
        Response::Failed(why) => Err(StanzaError::new(Condition::NotAcceptable).with_text(why)),
        Response::Done(_) | Response::Rows { .. } => Ok(()),
    }
}

/// §4.1. E-mail address and names are not kept.
pub(super) fn add(ctx: &mut Ctx<'_>, run: Run) -> Result<Answer, StanzaError> {
    let (jid, password) = (named(&run)?, run.text("password")?);
    if run.form.value("password-verify").is_some_and(|again| again != password) {
        return Err(StanzaError::new(Condition::NotAcceptable).with_text("the passwords are not the same"));
    }
    if ctx.hub.server.is_reserved(&jid) {
        return Err(StanzaError::new(Condition::NotAcceptable).with_text("this name is reserved"));
    }
    let performer = performer(&ctx.hub.server);
    Ok(Answer::hash(move || {
        if exists(&performer.engine, &jid)? {
            return Err(StanzaError::new(Condition::Conflict).with_text(format!("{jid} exists")));
        }
        let jid = jid.to_string();
        perform(&performer, Request::UserAdd { jid, password })?;
        Ok(run.done(None))
    }))
}

/// §4.6.
pub(super) fn password(ctx: &mut Ctx<'_>, run: Run) -> Result<Answer, StanzaError> {
    let (jid, password) = (named(&run)?, run.text("password")?);
    let performer = performer(&ctx.hub.server);
    Ok(Answer::hash(move || {
        if !exists(&performer.engine, &jid)? {
            return Err(StanzaError::new(Condition::ItemNotFound).with_text(format!("{jid} does not exist")));
        }
        let jid = jid.to_string();
        perform(&performer, Request::UserPasswd { jid, password })?;
        Ok(run.done(None))
    }))
}

/// §4.2.
pub(super) fn delete(ctx: &mut Ctx<'_>, run: Run) -> Result<Answer, StanzaError> {
    each(ctx, run, |jid| Request::UserRemove { jid })
}

/// §4.3.
pub(super) fn disable(ctx: &mut Ctx<'_>, run: Run) -> Result<Answer, StanzaError> {
    each(ctx, run, |jid| Request::UserSuspend { jid, suspended: true })
}

/// §4.4.
pub(super) fn enable(ctx: &mut Ctx<'_>, run: Run) -> Result<Answer, StanzaError> {
    each(ctx, run, |jid| Request::UserSuspend { jid, suspended: false })
}

/// Does the same to each account; what is refused of one does not hold up the others, and is said.
fn each(ctx: &mut Ctx<'_>, run: Run, request: fn(String) -> Request) -> Result<Answer, StanzaError> {
    let jids: Vec<BareJid> = run.jids()?.iter().map(Jid::to_bare).collect();
    if jids.contains(&run.by) {
        return Err(StanzaError::new(Condition::NotAllowed).with_text("nobody does that to himself"));
    }
    let performer = performer(&ctx.hub.server);
    Ok(Answer::hash(move || {
        let tried = jids.iter().map(|jid| performer.perform(request(jid.to_string())));
        let refused = tried.filter_map(|response| match response {
            Response::Failed(why) => Some(why),
            Response::Done(_) | Response::Rows { .. } => None,
        });
        let refused: Vec<String> = refused.collect();
        match refused.len() {
            0 => Ok(run.done(None)),
            all if all == jids.len() => Err(StanzaError::new(Condition::ItemNotFound).with_text(refused.join("; "))),
            _ => Ok(run.done(Some(("error", &refused.join("; "))))),
        }
    }))
}

/// §4.9. Addresses of clients are not told: they are kept nowhere.
pub(super) fn statistics(ctx: &mut Ctx<'_>, run: Run) -> Result<Answer, StanzaError> {
    let (jid, server) = (named(&run)?, ctx.hub.server.clone());
    Ok(Answer::read(move |engine| {
        if !exists(engine, &jid)? {
            return Err(StanzaError::new(Condition::ItemNotFound).with_text(format!("{jid} does not exist")));
        }
        let contacts = tables::roster(engine.view(), jid.as_str()).map_err(errors::unreadable)?;
        let contacts = contacts.iter().filter(|(_, row)| row.listed).count();
        let size = Field::new(FieldKind::TextSingle, "rostersize").label("Contacts");
        let online = Field::new(FieldKind::TextMulti, "onlineresources").label("Resources that are online");
        let online = everyone::resources(&server, &jid)
            .into_iter()
            .fold(online, Field::value);
        Ok(run.found([size.value(contacts.to_string()), online]))
    }))
}

fn registered(engine: &Engine, mut each: impl FnMut(&str) -> bool) -> Result<(), StoreError> {
    let all = Range {
        start: Vec::new(),
        end: None,
        reverse: false,
    };
    engine.view().scan(
        tables::ACCOUNT,
        &all,
        &mut |key, _| match each(&String::from_utf8_lossy(key)) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        },
    )
}

/// §4.13: reads a row for each.
pub(super) fn count(_: &mut Ctx<'_>, run: Run) -> Result<Answer, StanzaError> {
    Ok(Answer::read(move |engine| {
        let mut count = 0_u64;
        registered(engine, |_| {
            count += 1;
            true
        })
        .map_err(errors::unreadable)?;
        let field = Field::new(FieldKind::TextSingle, "registeredusersnum").label("Registered users");
        Ok(run.found([field.value(count.to_string())]))
    }))
}

/// §4.19: the first of them, by their names.
pub(super) fn list(_: &mut Ctx<'_>, run: Run) -> Result<Answer, StanzaError> {
    Ok(Answer::read(move |engine| {
        let (most, mut jids, mut bytes) = (run.most(ADMIN_LIST), Vec::new(), 0);
        registered(engine, |jid| {
            bytes += jid.len();
            let fits = jids.len() < most && bytes <= ADMIN_LIST_BYTES;
            if fits {
                jids.push(jid.to_owned());
            }
            fits
        })
        .map_err(errors::unreadable)?;
        let field = Field::new(FieldKind::JidMulti, "registereduserjids").label("Registered users");
        Ok(run.found([jids.into_iter().fold(field, Field::value)]))
    }))
}
