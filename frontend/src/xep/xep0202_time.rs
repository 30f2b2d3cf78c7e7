//! XEP-0202, Entity Time: the server's clock, in UTC.

use super::{Answer, Ctx, Module, Routes, To};
use jiff::Timestamp;
use reef_stanza::StanzaError;
use reef_stanza::element::{Build, el};
use reef_stanza::ns;
use xmpp_parsers::time::TimeQuery;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0202",
    version: "2.0",
    title: "Entity Time",
    note: "of the server, in UTC",
    server: &[ns::TIME],
    account: &[],
    service: &[],
    routes,
};

fn routes(on: &mut Routes) {
    on.get(&[To::Server], answer);
}

fn answer(ctx: &mut Ctx<'_>, _: TimeQuery) -> Result<Answer, StanzaError> {
    let now = i64::try_from(ctx.hub.server.engine.clock.now().0).unwrap_or(i64::MAX);
    let now = Timestamp::from_millisecond(now).unwrap_or(Timestamp::MAX);
    let time = el("time", ns::TIME)
        .child(el("tzo", ns::TIME).with_text("+00:00"))
        .child(el("utc", ns::TIME).with_text(&format!("{now:.0}")));
    Ok(Answer::Payload(time))
}
