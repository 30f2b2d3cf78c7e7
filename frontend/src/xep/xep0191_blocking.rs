//! XEP-0191, Blocking Command: whom an account wants to hear nothing of, and to whom it is not there.
//!
//! The list is in the tables; stanzas are stopped in `session/block.rs`, and edges by the engine. A blocked follower
//! follows no more; blocking ends what the two follow of each other.

use super::{Answer, Ctx, Module, Routes, To, kept_report, tell_reports};
use crate::errors;
use crate::tables::{self, Op};
use jid::Jid;
use reef_engine::log::record::Change;
use reef_stanza::blocking::{Block, BlockList, Unblock, list};
use reef_stanza::report::Report;
use reef_stanza::{Condition, StanzaError, ns};
use std::sync::Arc;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0191",
    version: "1.3",
    title: "Blocking Command",
    note: "stanzas, presence, and what the two follow of each other",
    server: &[ns::BLOCKING],
    account: &[ns::BLOCKING],
    service: &[],
    routes,
};

fn routes(on: &mut Routes) {
    on.get::<BlockList>(&[To::Account], |ctx, _| read(ctx));
    on.set::<Block>(&[To::Account], |ctx, block| {
        change(ctx, &block.jids, true, &block.reports)
    });
    on.set::<Unblock>(&[To::Account], |ctx, Unblock(jids)| change(ctx, &jids, false, &[]));
}

/// §3.2. Who has asked for it hears of changes.
fn read(ctx: &mut Ctx<'_>) -> Result<Answer, StanzaError> {
    ctx.own()?;
    let slot = ctx.session()?;
    ctx.hub.hears_of_blocks(slot);
    let user = ctx.from.to_bare();
    Ok(Answer::read(move |engine| {
        let blocked = tables::blocked(engine.view(), user.as_str()).map_err(errors::unreadable)?;
        Ok(Answer::Payload(list("blocklist", blocked.iter().map(|jid| &**jid))))
    }))
}

/// §3.3 to §3.5, with what is reported.
fn change(ctx: &mut Ctx<'_>, jids: &[Jid], on: bool, reports: &[(Jid, Report)]) -> Result<Answer, StanzaError> {
    ctx.own()?;
    let user: Arc<str> = ctx.from.to_bare().as_str().into();
    let own = |jid: &&Jid| jid.to_bare() == ctx.from.to_bare();
    if on && jids.iter().any(|jid| own(&jid)) {
        return Err(StanzaError::new(Condition::NotAllowed).with_text("nobody blocks himself"));
    }
    let jids: Vec<Arc<str>> = jids.iter().map(|jid| jid.as_str().into()).collect();
    let most = ctx.hub.server.config.limits.blocked_addresses;
    let reports = reports.iter();
    let reports: Vec<_> = reports.map(|(jid, said)| kept_report(jid.as_str(), said)).collect();
    let op = match on {
        true if !reports.is_empty() => Op::Report {
            user: user.clone(),
            jids,
            most,
            reports: reports.clone(),
        },
        true => Op::Block {
            user: user.clone(),
            jids,
            most,
        },
        false => Op::Unblock {
            user: user.clone(),
            jids,
        },
    };
    let change = Change::Table {
        owner: user.clone(),
        op: op.encode(),
    };
    let by = user.clone();
    Ok(Answer::submit(&user, change, move |_, done| {
        done.map_err(|error| errors::stanza_error(&error))?;
        tell_reports(&by, &reports);
        Ok(Answer::Empty)
    }))
}
