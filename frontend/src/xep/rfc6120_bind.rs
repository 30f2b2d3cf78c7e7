//! RFC 6120: streams, and RFC 3921's session, which old clients still ask for.
//!
//! Bind itself comes before there is a session, in `session/open.rs`.

use super::{Answer, Ctx, Module, Routes, To};
use minidom::Element;
use reef_stanza::{IqPayload, StanzaError, ns};

pub(crate) const MODULE: Module = Module {
    spec: "RFC 6120",
    version: "",
    title: "XMPP Core",
    note: "STARTTLS, direct TLS, SCRAM with channel binding, PLAIN under TLS, bind",
    server: &[],
    account: &[],
    service: &[],
    routes,
};

/// `<session/>` (RFC 3921 §3): nothing is to be done.
struct Session;

impl IqPayload for Session {
    const NAME: &'static str = "session";
    const NS: &'static str = ns::SESSION;

    fn parse(_: Element) -> Result<Self, StanzaError> {
        Ok(Session)
    }
}

fn routes(on: &mut Routes) {
    on.set(&[To::Server, To::Account], session);
}

fn session(_: &mut Ctx<'_>, _: Session) -> Result<Answer, StanzaError> {
    Ok(Answer::Empty)
}
