//! Other servers, as an operator sees them: what waits for each, how it is doing, and what may be done about it.
//!
//! A peer is named by its domain, or by domain and service (`b.example/pubsub`) for what a service of ours says to it. Knows no
//! stream: how a sender is doing is asked of [`super::Live`].

use super::{Performer, Refused, Response};
use crate::tables::{self, Op};
use reef_engine::log::record::Change;
use reef_engine::outbox::peers::{self, PeerState};
use reef_engine::store::rows;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Stored stanzas that are taken at once.
const TAKEN: (usize, usize) = (512, 4 << 20);

impl Performer {
    /// All peers for whom something waits, or with whom somebody speaks.
    pub(super) fn peer_list(&self) -> Response {
        match self.peer_rows() {
            Ok(rows) => Response::Rows { rows, next: None },
            Err(refused) => Response::Failed(refused.0),
        }
    }

    fn peer_rows(&self) -> Result<Vec<Value>, Refused> {
        let view = self.engine.view();
        let mut names: BTreeMap<String, Option<PeerState>> = BTreeMap::new();
        for state in peers::states(view)? {
            names.insert(state.name.to_string(), Some(state));
        }
        let stored = tables::awaited(view)?;
        for name in stored.into_iter().chain(self.live.peers()) {
            names.entry(name).or_default();
        }
        names
            .into_iter()
            .map(|(name, state)| self.peer_row(&name, state.as_ref()))
            .collect()
    }

    fn peer_row(&self, name: &str, state: Option<&PeerState>) -> Result<Value, Refused> {
        let view = self.engine.view();
        let stored = tables::waiting(view, name)?;
        let paused = tables::is_paused(view, name)?;
        let posts = state.map_or(0, |state| state.entries);
        let first = tables::outgoing(view, name, 0, (1, 1))?.into_iter().next();
        let oldest = [state.and_then(|state| state.oldest), first.map(|(_, row)| row.at)];
        let oldest = oldest.into_iter().flatten().min();
        let age = oldest.map(|at| self.engine.clock.now().0.saturating_sub(at.0) / 1000);
        let mut row = json!({
            "peer": name,
            "state": "idle",
            "posts": posts,
            "stanzas": stored.stanzas,
            "bytes": stored.bytes,
            "oldest_seconds": age,
        });
        let shown = self.live.peer(name).unwrap_or_default();
        for (field, value) in shown.as_object().into_iter().flatten() {
            row[field] = value.clone();
        }
        if paused {
            row["state"] = "paused".into();
        }
        Ok(row)
    }

    /// One of them.
    pub(super) fn peer_show(&self, name: &str) -> Result<Value, Refused> {
        let found = self.peer_rows()?;
        let one = found.into_iter().find(|row| row["peer"] == name);
        one.ok_or_else(|| {
            Refused::new(format!(
                "nothing waits for {name}: `reef peer list` names those for which something does"
            ))
        })
    }

    /// Tries it now.
    pub(super) fn peer_retry(&self, name: &str) -> Result<Value, Refused> {
        match self.live.retry(name) {
            true => Ok(json!({ "retry": name })),
            false => Err(Refused::new(format!("no server runs, or nothing waits for {name}"))),
        }
    }

    /// Has it wait, or no longer; it goes on where it was.
    pub(super) fn peer_pause(&self, name: &str, paused: bool) -> Result<Value, Refused> {
        let peer = name.into();
        self.peer_op(name, &Op::PausePeer { peer, paused })?;
        self.live.retry(name);
        Ok(json!({ "peer": name, "paused": paused }))
    }

    /// Throws away what waits: senders get their stanzas back, posts are not sent.
    pub(super) fn peer_drop(&self, name: &str) -> Result<Value, Refused> {
        let view = self.engine.view();
        let (mut stanzas, mut posts) = (0, 0);
        loop {
            let found = tables::outgoing(view, name, 0, TAKEN)?;
            if found.is_empty() {
                break;
            }
            stanzas += found.len();
            found.iter().for_each(|(_, row)| self.live.returned(&row.stanza));
            let numbers = found.into_iter().map(|(number, _)| number).collect();
            let peer = name.into();
            self.peer_op(name, &Op::TakeOutgoing { peer, numbers })?;
        }
        if let Some(peer) = rows::peer_id(view, name)? {
            posts = self.engine.forget_due(peer)?;
        }
        Ok(json!({ "peer": name, "stanzas": stanzas, "posts": posts }))
    }

    fn peer_op(&self, name: &str, op: &Op) -> Result<(), Refused> {
        let change = Change::Table {
            owner: name.into(),
            op: op.encode(),
        };
        self.engine.admission.submit_and_wait("", change)?;
        Ok(())
    }
}
