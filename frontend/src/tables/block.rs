//! Blocked addresses (XEP-0191): a row for each, and one with their number, so that who blocks nobody is told by one read.
//!
//! What a block means for edges is the engine's ([`Apply::blocked`]); what it means for stanzas, the session's.

use super::{BLOCK, Blocking, Outcome, key, roster};
use jid::{BareJid, Jid};
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::store::{Range, View, rows};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What an account blocks.
pub(crate) type Blocked = BTreeSet<Arc<str>>;

/// The forms in which an address may be blocked (§5): itself, its bare JID, its resource at its domain, its domain.
pub(crate) fn forms(jid: &Jid) -> impl Iterator<Item = String> + use<> {
    let domain = jid.domain().as_str().to_owned();
    let at_domain = jid.resource().map(|resource| format!("{domain}/{resource}"));
    let full = jid.resource().map(|_| jid.to_string());
    [full, Some(jid.to_bare().to_string()), at_domain, Some(domain)]
        .into_iter()
        .flatten()
}

/// All that an account blocks.
pub(crate) fn blocked(view: &dyn View, user: &str) -> Result<Blocked, StoreError> {
    let prefix = key(user, b"");
    let mut blocked = Blocked::new();
    if count(view, user)? == 0 {
        return Ok(blocked);
    }
    view.scan(BLOCK, &Range::prefix(&prefix), &mut |key, _| {
        let jid = key.get(prefix.len()..).and_then(|jid| std::str::from_utf8(jid).ok());
        blocked.extend(jid.filter(|jid| !jid.is_empty()).map(Arc::from));
        ControlFlow::Continue(())
    })?;
    Ok(blocked)
}

/// Whether an account blocks a bare JID, or its domain. One read where it blocks nobody.
pub(super) fn blocks(view: &dyn View, user: &str, jid: &str) -> Result<bool, StoreError> {
    if count(view, user)? == 0 {
        return Ok(false);
    }
    let domain = jid.split_once('@').map_or(jid, |(_, domain)| domain);
    for form in [jid, domain] {
        if view.get(BLOCK, &key(user, form.as_bytes()))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an account blocks a sender, in any form of his address. One read where it blocks nobody.
pub(super) fn stops(view: &dyn View, user: &str, from: &str) -> Result<bool, StoreError> {
    if count(view, user)? == 0 {
        return Ok(false);
    }
    for form in Jid::new(from).iter().flat_map(forms) {
        if view.get(BLOCK, &key(user, form.as_bytes()))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many addresses an account blocks.
pub(super) fn count(view: &dyn View, user: &str) -> Result<u32, StoreError> {
    Ok(rows::get(view, BLOCK, &key(user, b""))?.unwrap_or(0))
}

fn put_count(apply: &mut Apply<'_, '_>, user: &str, count: u32) {
    match count {
        0 => apply.tx.delete(BLOCK, key(user, b"")),
        _ => apply.tx.put(BLOCK, key(user, b""), rows::encode(&count)),
    }
}

pub(super) fn block(
    apply: &mut Apply<'_, '_>,
    user: &Arc<str>,
    jids: &[Arc<str>],
    most: u32,
    outcome: &mut Outcome,
) -> Result<(), ApplyError> {
    let mut new = Vec::new();
    for jid in jids {
        let row = key(user, jid.as_bytes());
        if apply.tx.get(BLOCK, &row)?.is_none() {
            apply.tx.put(BLOCK, row, []);
            new.push(jid.clone());
        }
    }
    let count = count(apply.tx, user)? + u32::try_from(new.len()).unwrap_or(u32::MAX);
    if count > most {
        return Err(Reject::TooMany("blocked addresses").into());
    }
    put_count(apply, user, count);
    for jid in &new {
        apply.blocked(user, jid)?;
    }
    outcome.blocks.push(Blocking {
        user: user.clone(),
        jids: jids.to_vec(),
        on: true,
    });
    Ok(())
}

/// Unblocks these, or all.
pub(super) fn unblock(
    apply: &mut Apply<'_, '_>,
    user: &Arc<str>,
    jids: &[Arc<str>],
    outcome: &mut Outcome,
) -> Result<(), ApplyError> {
    let listed = blocked(apply.tx, user)?;
    // Each once, however often it is named.
    let old: Blocked = match jids {
        [] => listed.clone(),
        jids => jids.iter().filter(|jid| listed.contains(*jid)).cloned().collect(),
    };
    for jid in &old {
        apply.tx.delete(BLOCK, key(user, jid.as_bytes()));
    }
    put_count(apply, user, (listed.len() - old.len()) as u32);
    // Presence is shared again as the rosters say.
    for (contact, row) in roster(apply.tx, user)? {
        let of_these = BareJid::new(&contact).is_ok_and(|contact| {
            let mut forms = forms(&contact.into());
            forms.any(|form| old.iter().any(|jid| **jid == *form))
        });
        if of_these && row.from {
            apply.presence_edge(user, &contact, true)?;
        }
        let theirs = of_these && roster::contact(apply.tx, &contact, user)?.is_some_and(|row| row.from);
        if theirs {
            apply.presence_edge(&contact, user, true)?;
        }
    }
    outcome.blocks.push(Blocking {
        user: user.clone(),
        jids: jids.to_vec(),
        on: false,
    });
    Ok(())
}

/// Forgets what a removed account blocked.
pub(super) fn forget(apply: &mut Apply<'_, '_>, user: &str) -> Result<(), ApplyError> {
    for jid in blocked(apply.tx, user)? {
        apply.tx.delete(BLOCK, key(user, jid.as_bytes()));
    }
    put_count(apply, user, 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_blocked_by_itself_its_bare_jid_and_its_domain() {
        let of = |jid: &str| forms(&Jid::new(jid).unwrap()).collect::<Vec<_>>();
        assert_eq!(of("a@x/r"), ["a@x/r", "a@x", "x/r", "x"]);
        assert_eq!(of("a@x"), ["a@x", "x"]);
        assert_eq!(of("x"), ["x", "x"]);
    }
}
