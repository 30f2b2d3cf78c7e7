//! An operator's requests about accounts.

use super::perform::Performer;
use super::{Refused, Response};
use crate::sasl::Credentials;
use crate::session::Over;
use crate::tables::{self, Op};
use jid::BareJid;
use reef_engine::clock::random;
use reef_engine::error::{Error, Reject};
use reef_engine::log::record::Change;
use reef_engine::store::{Range, rows};
use reef_engine::{limits::LIST_ROWS, query};
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::sync::Arc;

impl Performer {
    /// A bare JID with a local part, of this server.
    pub(super) fn account(&self, jid: &str) -> Result<BareJid, Refused> {
        let bare = BareJid::new(jid).map_err(|e| Refused::new(format!("`{jid}` is no JID: {e}")))?;
        if bare.node().is_none() || bare.domain().as_str() != self.config.domain {
            return Err(Refused::new(format!(
                "`{jid}` is not of this server: name it user@{}",
                self.config.domain
            )));
        }
        Ok(bare)
    }

    fn credentials(&self, password: &str) -> Result<Vec<u8>, Refused> {
        let salt = random::<{ Credentials::SALT_BYTES }>()?.to_vec();
        let derived = Credentials::derive(password, self.config.c2s.scram_iterations, salt);
        Ok(derived.map_err(Refused::new)?.to_bytes())
    }

    fn table(&self, user: &Arc<str>, op: &Op, over: Option<Over>) -> Result<Value, Refused> {
        let change = Change::Table {
            owner: user.clone(),
            op: op.encode(),
        };
        let applied = self
            .engine
            .admission
            .submit_and_wait(user, change)
            .map_err(|error| match error {
                Error::Rejected(Reject::Conflict) => Refused::new(format!("{user} exists")),
                Error::Rejected(Reject::ItemNotFound) => Refused::new(format!("{user} does not exist")),
                other => other.into(),
            })?;
        self.live.carried(&applied, over.map(|over| (&**user, over)));
        Ok(json!({ "jid": &**user }))
    }

    pub(super) fn user_add(&self, jid: &str, password: &str) -> Result<Value, Refused> {
        let user: Arc<str> = self.account(jid)?.as_str().into();
        let credentials = self.credentials(password)?;
        self.table(
            &user,
            &Op::CreateAccount {
                user: user.clone(),
                credentials,
            },
            None,
        )
    }

    pub(super) fn user_passwd(&self, jid: &str, password: &str) -> Result<Value, Refused> {
        let user: Arc<str> = self.account(jid)?.as_str().into();
        let credentials = self.credentials(password)?;
        self.table(
            &user,
            &Op::SetCredentials {
                user: user.clone(),
                credentials,
            },
            Some(Over::Password),
        )
    }

    pub(super) fn user_remove(&self, jid: &str) -> Result<Value, Refused> {
        let user: Arc<str> = self.account(jid)?.as_str().into();
        self.table(&user, &Op::RemoveAccount { user: user.clone() }, Some(Over::Account))
    }

    pub(super) fn user_suspend(&self, jid: &str, suspended: bool) -> Result<Value, Refused> {
        let user: Arc<str> = self.account(jid)?.as_str().into();
        self.table(
            &user,
            &Op::Suspend {
                user: user.clone(),
                suspended,
            },
            suspended.then_some(Over::Account),
        )
    }

    pub(super) fn user_show(&self, jid: &str) -> Result<Value, Refused> {
        let (view, user) = (self.engine.view(), self.account(jid)?);
        let Some(row) = tables::account(view, user.as_str())? else {
            return Err(Refused::new(format!("{user} does not exist")));
        };
        let nodes = rows::nodes_of(view, user.as_str(), LIST_ROWS)?;
        let usage = rows::usage(view, user.as_str())?;
        let follows = query::following(view, user.as_str(), None)?.len();
        Ok(json!({
            "jid": user.as_str(),
            "created": crate::session::stamp(row.created.0),
            "suspended": row.suspended,
            "contacts": tables::roster(view, user.as_str())?.len(),
            "nodes": nodes.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
            "follows": follows,
            "items": usage.items,
            "item_bytes": usage.bytes,
            "upload_bytes": tables::uploaded(view, user.as_str())?,
        }))
    }

    pub(super) fn user_list(&self, after: Option<String>) -> Result<Response, Refused> {
        let start = after.map(|after| [after.as_bytes(), &[0]].concat()).unwrap_or_default();
        let mut users = Vec::new();
        let range = Range {
            start,
            end: None,
            reverse: false,
        };
        self.engine.view().scan(tables::ACCOUNT, &range, &mut |key, _| {
            users.push(String::from_utf8_lossy(key).into_owned());
            if users.len() < LIST_ROWS {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        let next = users.last().filter(|_| users.len() == LIST_ROWS).cloned();
        Ok(Response::Rows {
            rows: users.into_iter().map(|jid| json!({ "jid": jid })).collect(),
            next,
        })
    }
}
