//! XEP-0280, Message Carbons: a session asks for copies of what its account's others say and are told.
//!
//! What is copied, and to whom, is in `session/carbons.rs`.

use super::{Answer, Ctx, Module, Routes, To};
use minidom::Element;
use reef_stanza::{IqPayload, StanzaError, ns};

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0280",
    version: "1.0.1",
    title: "Message Carbons",
    note: "in `session/carbons.rs`; what is archived is copied with its id there",
    server: &[ns::CARBONS, "urn:xmpp:carbons:rules:0"],
    account: &[],
    service: &[],
    routes,
};

struct Enable;
struct Disable;

impl IqPayload for Enable {
    const NAME: &'static str = "enable";
    const NS: &'static str = ns::CARBONS;

    fn parse(_: Element) -> Result<Enable, StanzaError> {
        Ok(Enable)
    }
}

impl IqPayload for Disable {
    const NAME: &'static str = "disable";
    const NS: &'static str = ns::CARBONS;

    fn parse(_: Element) -> Result<Disable, StanzaError> {
        Ok(Disable)
    }
}

fn routes(on: &mut Routes) {
    let at = &[To::Account, To::Server];
    on.set::<Enable>(at, |ctx, _| turn(ctx, true));
    on.set::<Disable>(at, |ctx, _| turn(ctx, false));
}

/// §4, §5: said twice it is the same.
fn turn(ctx: &mut Ctx<'_>, on: bool) -> Result<Answer, StanzaError> {
    if matches!(ctx.target, super::Target::Account(_)) {
        ctx.own()?;
    }
    let slot = ctx.session()?;
    ctx.hub.copies(slot, on);
    Ok(Answer::Empty)
}
