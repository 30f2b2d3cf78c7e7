//! XEP-0199, XMPP Ping: a client asks whether the stream is alive; the server says so, for itself and for his account.

use super::{Answer, Ctx, Module, Routes, Target, To};
use reef_stanza::{Condition, StanzaError, ns};
use xmpp_parsers::ping::Ping;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0199",
    version: "2.0.1",
    title: "XMPP Ping",
    note: "answered; the server itself asks by stream management",
    server: &[ns::PING],
    account: &[ns::PING],
    service: &[ns::PING],
    routes,
};

fn routes(on: &mut Routes) {
    on.get(&[To::Server, To::Account, To::Service, To::Files], answer);
}

/// Of another's account nothing is said, not even whether it exists (RFC 6121 §8.5.1).
fn answer(ctx: &mut Ctx<'_>, _: Ping) -> Result<Answer, StanzaError> {
    match &ctx.target {
        Target::Account(_) if !ctx.is_own() => Err(StanzaError::new(Condition::ServiceUnavailable)),
        _ => Ok(Answer::Empty),
    }
}
