//! XEP-0077, In-Band Registration, after login: changing one's password and removing one's account.
//!
//! New accounts are made before login, in `stream/register.rs`. Keys are derived on a reader thread, since that takes
//! milliseconds; passwords go no further than there.

use super::{Answer, Ctx, Module, Routes, Target, To};
use crate::errors;
use crate::sasl::Credentials;
use crate::session::Over;
use crate::tables::Op;
use jid::{BareJid, Jid};
use reef_engine::clock::random;
use reef_engine::log::record::Change;
use reef_stanza::register::{Get, Query, Set, Submit, registered};
use reef_stanza::{Condition, StanzaError, ns};
use std::sync::Arc;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0077",
    version: "2.4",
    title: "In-Band Registration",
    note: "registration before login as the operator allows it; password and removal after it; phones at `sms.<domain>`",
    server: &[ns::REGISTER],
    account: &[],
    service: &[],
    routes,
};

const AT: &[To] = &[To::Server, To::Account];

fn routes(on: &mut Routes) {
    on.get::<Get>(AT, |ctx, _| {
        let user = user(ctx)?;
        Ok(Answer::Payload(registered(
            user.node().map(|node| node.as_str()).unwrap_or_default(),
        )))
    });
    on.set::<Set>(AT, |ctx, Set(query)| {
        let user = user(ctx)?;
        match query {
            Query::Submit(submit) => change_password(ctx, user, submit),
            Query::Remove => Ok(remove(user)),
            Query::Form => Err(StanzaError::new(Condition::BadRequest)),
        }
    });
}

/// Only the server and one's own account are asked; another's account says nothing.
fn user(ctx: &Ctx<'_>) -> Result<BareJid, StanzaError> {
    match &ctx.target {
        Target::Account(_) if !ctx.is_own() => Err(StanzaError::new(Condition::ServiceUnavailable)),
        _ => Ok(ctx.from.to_bare()),
    }
}

/// §3.3. Sessions that logged in with the old password end; that which asks stays.
fn change_password(ctx: &Ctx<'_>, user: BareJid, submit: Submit) -> Result<Answer, StanzaError> {
    let incomplete = |text: &'static str| StanzaError::new(Condition::BadRequest).with_text(text);
    let username = submit.username.ok_or_else(|| incomplete("a username is needed"))?;
    let password = submit.password.ok_or_else(|| incomplete("a password is needed"))?;
    if !names(&username, &user) {
        return Err(StanzaError::new(Condition::NotAcceptable).with_text("the username is another's"));
    }
    let (iterations, asks) = (ctx.hub.server.config.c2s.scram_iterations, ctx.from.clone());
    Ok(Answer::hash(move || {
        let salt = random::<{ Credentials::SALT_BYTES }>().map_err(|error| errors::stanza_error(&error))?;
        let credentials = Credentials::derive(&password, iterations, salt.to_vec())
            .map_err(|error| StanzaError::new(Condition::NotAcceptable).with_text(error.to_string()))?;
        let name: Arc<str> = user.as_str().into();
        let op = Op::SetCredentials {
            user: name.clone(),
            credentials: credentials.to_bytes(),
        };
        let change = Change::Table {
            owner: name.clone(),
            op: op.encode(),
        };
        Ok(Answer::submit(&name, change, move |hub, done| {
            done.map_err(|error| errors::stanza_error(&error))?;
            hub.end_user_after_answer(&user, Over::Password, Some(asks));
            Ok(Answer::Empty)
        }))
    }))
}

/// Whether a user name, or a whole address as some clients write it, is the user's own.
fn names(username: &str, user: &BareJid) -> bool {
    let node = user.node().map(|node| node.as_str());
    let normalised = jid::NodePart::new(username).is_ok_and(|name| Some(name.as_str()) == node);
    normalised || Jid::new(username).is_ok_and(|address| address.to_bare() == *user)
}

/// §3.2: the account and all that belongs to it, then its sessions, the answer first.
fn remove(user: BareJid) -> Answer {
    let name: Arc<str> = user.as_str().into();
    let op = Op::RemoveAccount { user: name.clone() };
    let change = Change::Table {
        owner: name.clone(),
        op: op.encode(),
    };
    Answer::submit(&name, change, move |hub, done| {
        done.map_err(|error| errors::stanza_error(&error))?;
        tracing::info!(%user, "account removed by its user");
        hub.end_user_after_answer(&user, Over::Account, None);
        Ok(Answer::Empty)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changes_ones_own_password_alone() {
        let user = BareJid::new("bill@shakespeare.lit").unwrap();
        for own in ["bill", "Bill", "bill@shakespeare.lit"] {
            assert!(names(own, &user), "{own}");
        }
        for other in ["will", "", "bill@other.lit", "bill/x"] {
            assert!(!names(other, &user), "{other}");
        }
    }
}
