//! To which services an account's clients have notifications published while they are away (XEP-0357).
//!
//! A row for each service and node. A client that enables anew replaces what it had at that service. Knows no message.

use super::{PUSH, account, key};
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::store::{Range, View, rows};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;

/// A service that is to hear of what a client misses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PushService {
    /// Its JID.
    pub(crate) jid: Arc<str>,
    /// The node there; may be empty.
    pub(crate) node: Arc<str>,
    /// The client's resource.
    pub(crate) client: Arc<str>,
    /// The form of publish-options, as it stands for itself; may be empty.
    pub(crate) options: Vec<u8>,
}

impl PushService {
    fn key(&self, user: &str) -> Vec<u8> {
        key(user, &[self.jid.as_bytes(), &[0], self.node.as_bytes()].concat())
    }
}

/// Those of an account.
pub(crate) fn push_services(view: &dyn View, user: &str) -> Result<Vec<PushService>, StoreError> {
    let (mut found, mut bad) = (Vec::new(), None);
    view.scan(PUSH, &Range::prefix(&key(user, b"")), &mut |_, value| {
        match rows::decode(PUSH, value) {
            Ok(service) => found.push(service),
            Err(error) => bad = Some(error),
        }
        ControlFlow::Continue(())
    })?;
    bad.map_or(Ok(found), Err)
}

/// Enables one; refused where an account would have more than `most`.
pub(super) fn enable(
    apply: &mut Apply<'_, '_>,
    user: &str,
    service: &PushService,
    most: usize,
) -> Result<(), ApplyError> {
    account(apply.tx, user)?.ok_or(Reject::ItemNotFound)?;
    let known = push_services(apply.tx, user)?;
    let replaces = |other: &&PushService| {
        other.jid == service.jid && (other.node == service.node || other.client == service.client)
    };
    let replaced: Vec<_> = known.iter().filter(replaces).map(|other| other.key(user)).collect();
    if known.len() - replaced.len() >= most {
        return Err(Reject::TooMany("push services").into());
    }
    replaced.into_iter().for_each(|key| apply.tx.delete(PUSH, key));
    apply.tx.put(PUSH, service.key(user), rows::encode(service));
    Ok(())
}

/// Disables one node of a service, or all of it.
pub(super) fn disable(apply: &mut Apply<'_, '_>, user: &str, jid: &str, node: Option<&str>) -> Result<(), ApplyError> {
    let all = push_services(apply.tx, user)?;
    let meant = |service: &&PushService| *service.jid == *jid && node.is_none_or(|node| *service.node == *node);
    for service in all.iter().filter(meant) {
        apply.tx.delete(PUSH, service.key(user));
    }
    Ok(())
}

/// Ends all of an account's.
pub(super) fn forget(apply: &mut Apply<'_, '_>, user: &str) -> Result<(), ApplyError> {
    for service in push_services(apply.tx, user)? {
        apply.tx.delete(PUSH, service.key(user));
    }
    Ok(())
}
