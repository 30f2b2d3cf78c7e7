//! Commands about sessions, asked of all shards.

use super::{Answer, Ctx, Run};
use crate::limits::{ADMIN_LIST, ADMIN_LIST_BYTES, ANNOUNCEMENT_BYTES};
use crate::session::everyone;
use reef_stanza::element::{Build, el};
use reef_stanza::form::{Field, FieldKind};
use reef_stanza::{Condition, StanzaError, ns};

/// §4.5: of accounts all sessions, or single ones; whom it concerns may come back.
pub(super) fn end(ctx: &mut Ctx<'_>, run: Run) -> Result<Answer, StanzaError> {
    let (jids, server) = (run.jids()?, ctx.hub.server.clone());
    if jids.iter().any(|jid| jid.to_bare() == run.by) {
        return Err(StanzaError::new(Condition::NotAllowed).with_text("nobody does that to himself"));
    }
    Ok(Answer::hash(move || {
        let ended: usize = jids.iter().map(|jid| everyone::end_sessions(&server, jid)).sum();
        match ended {
            0 => Err(StanzaError::new(Condition::ItemNotFound).with_text("they have no session")),
            _ => Ok(run.done(None)),
        }
    }))
}

/// §4.15.
pub(super) fn count(ctx: &mut Ctx<'_>, run: Run) -> Result<Answer, StanzaError> {
    let server = ctx.hub.server.clone();
    Ok(Answer::read(move |_| {
        let online = everyone::online(&server, 0).accounts;
        let field = Field::new(FieldKind::TextSingle, "onlineusersnum").label("Users online");
        Ok(run.found([field.value(online.to_string())]))
    }))
}

/// §4.21: some of them, by their names.
pub(super) fn list(ctx: &mut Ctx<'_>, run: Run) -> Result<Answer, StanzaError> {
    let server = ctx.hub.server.clone();
    Ok(Answer::read(move |_| {
        let mut bytes = 0;
        let online = everyone::online(&server, run.most(ADMIN_LIST)).some.into_iter();
        let online = online.take_while(|jid| {
            bytes += jid.len();
            bytes <= ADMIN_LIST_BYTES
        });
        let field = Field::new(FieldKind::JidMulti, "onlineuserjids").label("Users online");
        Ok(run.found([online.fold(field, Field::value)]))
    }))
}

/// §4.23: to each session that is available, by the server itself; kept for nobody.
pub(super) fn announce(ctx: &mut Ctx<'_>, run: Run) -> Result<Answer, StanzaError> {
    let words = run.lines("announcement").join("\n");
    if words.trim().is_empty() {
        return Err(StanzaError::new(Condition::BadRequest).with_text("announcement is missing"));
    }
    if words.len() > ANNOUNCEMENT_BYTES {
        return Err(StanzaError::new(Condition::NotAcceptable).with_text("an announcement is shorter"));
    }
    let server = ctx.hub.server.clone();
    let message = el("message", ns::CLIENT)
        .set("type", "headline")
        .set("from", &server.domain)
        .child(el("body", ns::CLIENT).with_text(&words));
    Ok(Answer::hash(move || {
        everyone::announce(&server, &message);
        Ok(run.done(None))
    }))
}
