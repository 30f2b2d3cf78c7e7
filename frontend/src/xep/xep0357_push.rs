//! XEP-0357, Push Notifications: a client says which service is to hear of what it misses, and how.
//!
//! Knows no message. Next: `session/push.rs`, which tells the service.

use super::{Answer, Ctx, Module, Routes, To};
use crate::limits::{PUSH_BYTES, PUSH_SERVICES};
use crate::tables::{Op, PushService};
use jid::Jid;
use minidom::Element;
use reef_engine::log::record::Change;
use reef_stanza::element::attr;
use reef_stanza::{Condition, IqPayload, StanzaError, ns, self_contained};
use std::sync::Arc;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0357",
    version: "0.4.1",
    title: "Push Notifications",
    note: "of messages for a client that is away or waits to be resumed, in `session/push.rs`; no words of them unless `c2s.push_body` says so",
    server: &[],
    account: &[ns::PUSH],
    service: &[],
    routes,
};

fn routes(on: &mut Routes) {
    on.set::<Enable>(&[To::Account], enable);
    on.set::<Disable>(&[To::Account], disable);
}

struct Enable(Jid, String, Vec<u8>);
struct Disable(Jid, Option<String>);

fn bad(text: &'static str) -> StanzaError {
    StanzaError::new(Condition::BadRequest).with_text(text)
}

/// §5: the service must be named.
fn named(el: &Element) -> Result<Jid, StanzaError> {
    let jid = attr(el, "jid").ok_or_else(|| bad("which service?"))?;
    Jid::new(&jid).map_err(|_| StanzaError::new(Condition::JidMalformed))
}

impl IqPayload for Enable {
    const NAME: &'static str = "enable";
    const NS: &'static str = ns::PUSH;

    fn parse(el: Element) -> Result<Enable, StanzaError> {
        let (jid, node) = (named(&el)?, attr(&el, "node").unwrap_or_default());
        let options = el.get_child("x", ns::XDATA);
        let options = options.map(|form| self_contained(form, None)).unwrap_or_default();
        match jid.as_str().len() + node.len() + options.len() <= PUSH_BYTES {
            true => Ok(Enable(jid, node, options)),
            false => Err(StanzaError::new(Condition::NotAcceptable).with_text("that is too long")),
        }
    }
}

impl IqPayload for Disable {
    const NAME: &'static str = "disable";
    const NS: &'static str = ns::PUSH;

    fn parse(el: Element) -> Result<Disable, StanzaError> {
        Ok(Disable(named(&el)?, attr(&el, "node")))
    }
}

/// §5.
fn enable(ctx: &mut Ctx<'_>, Enable(jid, node, options): Enable) -> Result<Answer, StanzaError> {
    ctx.own()?;
    ctx.session()?;
    if jid.to_bare() == ctx.from.to_bare() {
        return Err(StanzaError::new(Condition::NotAllowed).with_text("an account is no service of its own"));
    }
    let client = ctx.from.resource().map_or("", |resource| resource.as_str());
    let service = PushService {
        jid: jid.as_str().into(),
        node: node.into(),
        client: client.into(),
        options,
    };
    Ok(committed(ctx, |user| Op::EnablePush {
        user,
        service,
        most: PUSH_SERVICES,
    }))
}

/// §6.
fn disable(ctx: &mut Ctx<'_>, Disable(jid, node): Disable) -> Result<Answer, StanzaError> {
    ctx.own()?;
    let (jid, node) = (jid.as_str().into(), node.map(Arc::from));
    Ok(committed(ctx, |user| Op::DisablePush { user, jid, node }))
}

fn committed(ctx: &Ctx<'_>, op: impl FnOnce(Arc<str>) -> Op) -> Answer {
    let user: Arc<str> = ctx.from.to_bare().as_str().into();
    let op = op(user.clone()).encode();
    let owner = user.clone();
    Answer::commit(&user, Change::Table { owner, op })
}
