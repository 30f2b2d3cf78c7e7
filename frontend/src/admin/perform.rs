//! Performs an operator's request on an engine. Blocks on commits and reads: never on a shard or a tokio worker.
//!
//! What sessions must hear of goes through [`Live`], which is nobody where no server runs.

use super::{Refused, Request, Response};
use crate::config::Config;
use crate::part::Part;
use crate::session::Over;
use reef_engine::Engine;
use reef_engine::log::record::{Applied, Change};
use reef_engine::store::keys::Family;
use reef_engine::store::rows::NodeState;
use reef_engine::store::{Range, rows};
use serde_json::json;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

/// Who tells sessions of what an operator changed.
pub trait Live: Send + Sync {
    /// A record of the tables was applied; whose sessions it ends, and why, if it does.
    fn carried(&self, applied: &Applied, ended: Option<(&str, Over)>);

    /// How the sender of a peer is doing, if there is one.
    fn peer(&self, name: &str) -> Option<serde_json::Value> {
        let _ = name;
        None
    }

    /// The peers that have a sender now.
    fn peers(&self) -> Vec<String> {
        Vec::new()
    }

    /// Has a peer tried now; false where there is no sender.
    fn retry(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// A stanza for another server is thrown away: its sender gets it back.
    fn returned(&self, stanza: &[u8]) {
        let _ = stanza;
    }
}

/// No server runs: nobody is there to be told.
pub struct Unserved;

impl Live for Unserved {
    fn carried(&self, _: &Applied, _: Option<(&str, Over)>) {}
}

/// Performs requests.
pub struct Performer {
    /// The engine.
    pub engine: Arc<Engine>,
    /// Its configuration: the domain, and what a password costs.
    pub config: Config,
    /// Another part of the server, if there is one.
    pub part: Option<Arc<dyn Part>>,
    /// The sessions.
    pub live: Box<dyn Live>,
}

impl Performer {
    /// Performs one request.
    pub fn perform(&self, request: Request) -> Response {
        let done = match request {
            Request::UserAdd { jid, password } => self.user_add(&jid, &password),
            Request::UserPasswd { jid, password } => self.user_passwd(&jid, &password),
            Request::UserRemove { jid } => self.user_remove(&jid),
            Request::UserList { after } => return rows_or(self.user_list(after)),
            Request::UserShow { jid } => self.user_show(&jid),
            Request::UserSuspend { jid, suspended } => self.user_suspend(&jid, suspended),
            Request::UserInvite { jid, contact, days } => self.user_invite(jid.as_deref(), contact.as_deref(), days),
            Request::UserExport { jid, from } => return rows_or(self.user_export(&jid, from.as_deref())),
            Request::UserImportBegin {
                jid,
                password,
                scram,
                force,
            } => self.import_begin(&jid, (password.as_deref(), &scram), force),
            Request::UserImport { jid, pieces } => self.import_pieces(&jid, &pieces),
            Request::UserReports { after } => return rows_or(self.reports(after)),
            Request::UserForgetReports { jid } => self.forget_reports(&jid),
            Request::NodeList { service, after } => return rows_or(self.node_list(service, after)),
            Request::NodeShow { service, node } => self.node_show(&service, &node),
            Request::NodeFollow {
                service,
                node,
                follower,
            } => self.follow(&service, &node, &follower),
            Request::NodeFollowers { service, node, after } => return rows_or(self.followers(&service, &node, after)),
            Request::NodeImportFollowers {
                service,
                node,
                followers,
            } => self.import_followers(&service, &node, &followers),
            Request::NodeCreate {
                service,
                node,
                settings,
            } => self.node_create(&service, &node, &settings),
            Request::NodeConfigure {
                service,
                node,
                settings,
            } => self.node_configure(&service, &node, &settings),
            Request::NodePause { service, node, paused } => {
                self.owned(&service, &node, |node| Change::PauseNode { node, paused })
            }
            Request::NodePurge { service, node } => self.owned(&service, &node, |node| Change::Purge { node }),
            Request::NodeDelete { service, node } => {
                self.owned(&service, &node, |node| Change::DeleteNode { node, redirect: None })
            }
            Request::NodeRetract { service, node, item } => self.owned(&service, &node, |node| Change::Retract {
                node,
                item: item.as_str().into(),
                notify: true,
            }),
            Request::Post { jid, node, item, entry } => self.post(&jid, &node, item, &entry),
            Request::PeerList => return self.peer_list(),
            Request::PeerShow { peer } => self.peer_show(&peer),
            Request::PeerRetry { peer } => self.peer_retry(&peer),
            Request::PeerPause { peer, paused } => self.peer_pause(&peer, paused),
            Request::PeerDrop { peer } => self.peer_drop(&peer),
            Request::Part { words } => return rows_or(self.ask_part(&words)),
            Request::Backup { dir } => self.backup(&dir),
            Request::Verify => self.verify(),
            Request::Compact => self.compact(),
        };
        done.map_or_else(|refused| Response::Failed(refused.0), Response::Done)
    }

    /// What the other part answers: a list is rows.
    fn ask_part(&self, words: &serde_json::Value) -> Result<Response, Refused> {
        let part = self.part.as_ref();
        let part = part.ok_or_else(|| Refused::new("no gateway is configured: give [sms] a route"))?;
        Ok(match part.ask(&self.engine, words).map_err(Refused)? {
            serde_json::Value::Array(rows) => Response::Rows { rows, next: None },
            value => Response::Done(value),
        })
    }

    fn backup(&self, dir: &str) -> Result<serde_json::Value, Refused> {
        let dir = PathBuf::from(dir);
        if dir.exists() {
            return Err(Refused::new(format!(
                "{} exists: name a folder that does not",
                dir.display()
            )));
        }
        std::fs::create_dir_all(&dir).map_err(|e| Refused::new(format!("{}: {e}", dir.display())))?;
        self.engine.admission.backup(dir.join("store"))?;
        // What makes the copy the same server: its certificate, the secret that hides which accounts exist, and what was
        // uploaded.
        for name in ["sasl-secret", "dialback-secret", "upload-secret", "tls", "uploads"] {
            copy(&self.config.data_dir.join(name), &dir.join(name)).map_err(Refused::new)?;
        }
        Ok(json!({ "backup": dir.display().to_string() }))
    }

    /// What was removed leaves the disk.
    fn compact(&self) -> Result<serde_json::Value, Refused> {
        self.engine.compact()?;
        Ok(json!({ "compacted": true }))
    }

    /// Reads every row of every node and compares counters with what is there.
    fn verify(&self) -> Result<serde_json::Value, Refused> {
        let view = self.engine.view();
        let (mut nodes, mut items, mut followers, mut wrong) = (0_u64, 0_u64, 0_u64, Vec::new());
        let mut ids = Vec::new();
        let all = Range {
            start: Vec::new(),
            end: None,
            reverse: false,
        };
        view.scan(Family::NODE_NAME, &all, &mut |_, value| {
            ids.push(rows::decode(Family::NODE_NAME, value));
            ControlFlow::Continue(())
        })?;
        for id in ids {
            let id: reef_engine::model::NodeId = id?;
            let Some(row) = rows::node_row(view, id)? else {
                wrong.push(format!("node {} has a name and no configuration", id.0));
                continue;
            };
            let state = rows::node_state(view, id)?;
            let found = self.count(id, &state)?;
            if found != (state.items, state.followers) {
                wrong.push(format!(
                    "{} {}: counters {:?}, rows {found:?}",
                    row.name.service, row.name.node, state
                ));
            }
            (nodes, items, followers) = (nodes + 1, items + found.0, followers + found.1);
        }
        match wrong.first() {
            None => Ok(json!({ "nodes": nodes, "items": items, "followers": followers })),
            Some(first) => Err(Refused::new(format!(
                "{} faults, the first: {first}; restore a backup",
                wrong.len()
            ))),
        }
    }

    fn count(&self, node: reef_engine::model::NodeId, state: &NodeState) -> Result<(u64, u64), Refused> {
        let prefix = Range::prefix(&node.0.to_be_bytes());
        let (mut items, mut followers) = (0, 0);
        self.engine.view().scan(Family::ITEM, &prefix, &mut |_, value| {
            let row = rows::decode::<rows::ItemRow>(Family::ITEM, value);
            items += u64::from(row.is_ok_and(|row| row.seq > state.purged));
            ControlFlow::Continue(())
        })?;
        self.engine.view().scan(Family::FOLLOWER, &prefix, &mut |_, value| {
            let row = rows::decode::<rows::Subscription>(Family::FOLLOWER, value);
            let subscribed = reef_engine::config::SubscriptionState::Subscribed;
            followers += u64::from(row.is_ok_and(|row| row.state == subscribed));
            ControlFlow::Continue(())
        })?;
        Ok((items, followers))
    }
}

fn rows_or(rows: Result<Response, Refused>) -> Response {
    rows.unwrap_or_else(|refused| Response::Failed(refused.0))
}

/// Copies a file or a folder of files.
pub(crate) fn copy(from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
    if from.is_dir() {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    // What was uploaded may go meanwhile.
    match std::fs::copy(from, to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
