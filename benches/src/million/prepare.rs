//! Accounts, follows and logins of the crowd.
//!
//! Submitted as fast as the log takes them; logins go through header, bind, stream management and presence as any
//! client's do.
#![allow(clippy::disallowed_methods, reason = "it waits where the queue is full")]

use super::{BIG, Crowd, Far, MICROBLOG, SMALL, until};
use anyhow::{Context, Result};
use jid::BareJid;
use reef_engine::config::NodeConfig;
use reef_engine::error::Error;
use reef_engine::log::record::Change;
use reef_engine::model::NodeName;
use reef_frontend::memory::account;
use reef_frontend::server::Running;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Logins that may be under way at once.
const LOGINS: u64 = 8_192;

pub(crate) fn user(domain: &str, number: usize) -> Result<BareJid> {
    Ok(format!("u{number}@{domain}").parse()?)
}

/// An Atom entry of the usual size.
pub(crate) fn entry() -> Vec<u8> {
    let text = "x".repeat(280);
    format!(
        "<entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>{text}</title><id>tag:load</id>\
         <updated>2026-01-01T00:00:00Z</updated></entry>"
    )
    .into_bytes()
}

/// Submits all of them, waiting where the queue is full, and until the last is done.
pub(crate) fn submit_all(running: &Running, changes: impl Iterator<Item = Result<(String, Change)>>) -> Result<()> {
    let (done, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut submitted = 0;
    for change in changes {
        let (by, change) = change?;
        submitted += 1;
        loop {
            let (done, failed) = (done.clone(), failed.clone());
            let ticket = Box::new(move |fate: Result<_, _>| {
                failed.fetch_add(u64::from(fate.is_err()), Ordering::Relaxed);
                done.fetch_add(1, Ordering::Relaxed);
            });
            match running.engine().admission.submit(&by, change.clone(), ticket) {
                Err(Error::Busy) => std::thread::sleep(std::time::Duration::from_millis(1)),
                other => break other.context("submitting")?,
            }
        }
    }
    until(|| done.load(Ordering::Relaxed) >= submitted)?;
    anyhow::ensure!(failed.load(Ordering::Relaxed) == 0, "records were refused");
    Ok(())
}

/// Makes the accounts.
pub(crate) fn accounts(crowd: &Crowd, sessions: usize) -> Result<()> {
    let authors = [BIG, SMALL].map(|author| Ok(author.parse::<BareJid>()?));
    let all = authors
        .into_iter()
        .chain((0..sessions).map(|number| user(&crowd.domain, number)));
    submit_all(
        &crowd.running,
        all.map(|user| user.map(|user| (String::new(), account(&user)))),
    )
}

/// Everybody follows the big author, and the last few the small one, too.
pub(super) fn follows(crowd: &Crowd, sessions: usize, followers: usize) -> Result<()> {
    let follow = |author: &str, number: usize| {
        let user = user(&crowd.domain, number)?;
        let change = prepared_follow(NodeName::new(author, MICROBLOG), user.as_str());
        Ok((user.to_string(), change))
    };
    let big = (0..sessions).map(|number| follow(BIG, number));
    let small = (sessions - followers..sessions).map(|number| follow(SMALL, number));
    for author in [BIG, SMALL] {
        let create = Change::CreateNode {
            node: NodeName::new(author, MICROBLOG),
            config: NodeConfig::microblog(MICROBLOG),
        };
        submit_all(&crowd.running, std::iter::once(Ok((author.to_owned(), create))))?;
    }
    submit_all(&crowd.running, big.chain(small))
}

fn prepared_follow(node: NodeName, user: &str) -> Change {
    Change::follow(node, user.into())
}

/// Logs everybody in, a bounded number at a time.
pub(crate) fn connect(crowd: &mut Crowd, sessions: usize) -> Result<()> {
    let ready = |crowd: &Crowd| crowd.total(|lane| lane.ready.load(Ordering::Relaxed));
    for number in 0..sessions {
        let user = user(&crowd.domain, number)?;
        let first = format!(
            "<?xml version='1.0'?><stream:stream to='{}' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><iq type='set' id='b'>\
             <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>m</resource></bind></iq>\
             <enable xmlns='urn:xmpp:sm:3'/><presence/>",
            crowd.domain
        );
        let (shard, _) = crowd.running.shard_of(&user);
        let lane = crowd.lanes.get(shard).context("a shard has no lane")?.clone();
        crowd
            .running
            .connect_in_memory(user, first.into_bytes(), Box::new(Far::new(lane)));
        let begun = number as u64 + 1;
        until(|| ready(crowd) + LOGINS >= begun)?;
    }
    until(|| ready(crowd) >= sessions as u64)
}
