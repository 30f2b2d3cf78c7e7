//! What another server asks of who follows, answered from what is recorded here, which is mended by what it says.
//!
//! A server speaks for the services of its own domain, and is told of accounts of its own domain alone. Next: `asks.rs`, for
//! what is doubted then.

use super::rows;
use super::words::{Asked, Listed, differing, not_these};
use crate::errors;
use crate::peer::name::domain_of;
use crate::server::Server;
use crate::tables;
use jid::BareJid;
use minidom::Element;
use reef_engine::config::SubscriptionState;
use reef_engine::error::{Error, StoreError};
use reef_engine::log::record::{Change, Mirrored};
use reef_engine::model::NodeName;
use reef_stanza::{Condition, StanzaError};
use std::sync::Arc;

/// An answer.
pub(super) struct Answered {
    pub(super) payload: Element,
    /// What is recorded of these is to be checked; of whom, where not of all.
    pub(super) doubted: Vec<(NodeName, Option<Vec<BareJid>>)>,
}

/// Answers a request to `local` of ours from `remote`.
pub(super) async fn answer(
    server: &Arc<Server>,
    (local, remote): (String, String),
    asked: Asked,
) -> Result<Answered, StanzaError> {
    let at = server.clone();
    let answered = tokio::task::spawn_blocking(move || match asked {
        Asked::Compare(listed) => compare(&at, (&local, &remote), &listed),
        Asked::Followers(node, jids) => followers(&at, (&local, &remote), node, jids),
        Asked::Check(node, jids) => check(&at, (&local, &remote), &node, &jids),
    });
    answered.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request of who follows has panicked");
        Err(StanzaError::new(Condition::InternalServerError))
    })
}

/// That a service is one of the domain that speaks of it.
fn own(domain: &str, node: &NodeName) -> Result<(), StanzaError> {
    match domain_of(&node.service) == domain {
        true => Ok(()),
        false => Err(StanzaError::new(Condition::NotAllowed)),
    }
}

fn compare(server: &Server, (_, remote): (&str, &str), listed: &[Listed]) -> Result<Answered, StanzaError> {
    let mut doubted = Vec::new();
    for said in listed {
        own(remote, &said.node)?;
        if rows::differs(&server.engine, said).map_err(errors::unreadable)? {
            doubted.push(said.node.clone());
        }
    }
    Ok(Answered {
        payload: differing(&doubted),
        doubted: doubted.into_iter().map(|node| (node, None)).collect(),
    })
}

fn followers(
    server: &Server,
    (local, remote): (&str, &str),
    node: NodeName,
    jids: Vec<BareJid>,
) -> Result<Answered, StanzaError> {
    own(remote, &node)?;
    let (mut gone, mut added) = (Vec::new(), Vec::new());
    for jid in jids {
        if !is_here(server, local, &node, &jid).map_err(errors::unreadable)? {
            gone.push(jid);
        } else if !rows::follows(&server.engine, &node, jid.as_str()).map_err(errors::unreadable)? {
            let change = Change::Mirror {
                node: node.clone(),
                said: Mirrored::Follow {
                    subscriber: jid.as_str().into(),
                    state: Some(SubscriptionState::Subscribed),
                    // Nobody is made to follow by the word of another server (FANOUT.md §5).
                    asked: false,
                },
            };
            match server.engine.admission.submit_and_wait(remote, change) {
                Ok(_) => added.push(jid),
                Err(Error::Rejected(_)) => gone.push(jid),
                Err(error) => return Err(errors::stanza_error(&error)),
            }
        }
    }
    Ok(Answered {
        payload: not_these("followers", gone.iter().map(|jid| jid.as_str())),
        // One of them may have ended it while this was under way.
        doubted: match added.is_empty() {
            true => Vec::new(),
            false => vec![(node, Some(added))],
        },
    })
}

/// Whether it is an account of ours that may follow the node.
fn is_here(server: &Server, local: &str, node: &NodeName, jid: &BareJid) -> Result<bool, StoreError> {
    if jid.node().is_none() || jid.domain().as_str() != local || !server.is_domain(local) {
        return Ok(false);
    }
    let view = server.engine.view();
    let known = tables::account(view, jid.as_str())?.is_some();
    Ok(known && !server.engine.tables.blocks(view, jid.as_str(), &node.service)?)
}

fn check(
    server: &Server,
    (local, remote): (&str, &str),
    node: &NodeName,
    jids: &[BareJid],
) -> Result<Answered, StanzaError> {
    own(local, node)?;
    let mut not = Vec::new();
    for jid in jids {
        if jid.domain().as_str() != remote {
            return Err(StanzaError::new(Condition::NotAllowed));
        }
        if !rows::follows(&server.engine, node, jid.as_str()).map_err(errors::unreadable)? {
            not.push(jid.as_str());
        }
    }
    Ok(Answered {
        payload: not_these("check", not),
        doubted: Vec::new(),
    })
}
