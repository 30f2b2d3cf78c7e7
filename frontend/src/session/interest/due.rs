//! Who of those who want a node of an account may have what is published there, and the last items of one who comes.
//!
//! On reader threads. The rights are those of the commit, as far as the contact still gets presence; who follows the node has
//! its posts as a follower, once for all of his devices. Knows no session. Next: `interest.rs`.

use crate::errors;
use crate::limits::LAST_ITEMS;
use crate::session::write_for_peer;
use crate::xep::last_items;
use crate::xep::xep0115_caps::Wants;
use jid::{BareJid, FullJid};
use reef_engine::Engine;
use reef_engine::config::SubscriptionState;
use reef_engine::error::StoreError;
use reef_engine::model::{Audience, NodeId, NodeName, Post, SubscriberId};
use reef_engine::store::rows;
use std::collections::VecDeque;
use std::sync::Arc;

/// A device elsewhere.
pub(super) struct Device {
    full: Arc<str>,
    bare: BareJid,
    wants: Wants,
}

impl Device {
    pub(super) fn new(jid: &FullJid, wants: &Wants) -> Device {
        Device {
            full: jid.as_str().into(),
            bare: jid.to_bare(),
            wants: wants.clone(),
        }
    }
}

/// What is due.
pub(super) enum Due {
    /// A post, to all who want it.
    Post(Arc<Post>),
    /// Last items, to a device that came.
    Last(FullJid, Wants),
}

/// What is to be sent.
pub(super) enum What {
    Post(Arc<Post>),
    Stanza(Vec<u8>),
}

impl What {
    pub(super) fn write(&self, to: &str, out: &mut Vec<u8>) {
        match self {
            What::Post(post) => write_for_peer(post, to, false, out),
            What::Stanza(stanza) => out.extend_from_slice(stanza),
        }
    }
}

/// What is to be sent, and to which devices.
pub(super) type Sent = (What, Vec<Arc<str>>);

/// What devices get, in the order in which it is due. What cannot be read is left out, and logged.
pub(super) fn read(engine: &Engine, owner: &str, devices: &[Device], due: VecDeque<Due>) -> Vec<Sent> {
    let mut sent = Vec::new();
    for due in due {
        let found = match due {
            Due::Post(post) => receivers(engine, &post, devices).map(|to| sent.push((What::Post(post), to))),
            Due::Last(device, wants) => last(engine, owner, &device, &wants).map(|stanzas| {
                let to = Arc::<str>::from(device.as_str());
                sent.extend(
                    stanzas
                        .into_iter()
                        .map(|stanza| (What::Stanza(stanza), vec![to.clone()])),
                );
            }),
        };
        if let Err(error) = found {
            drop(errors::unreadable(error));
        }
    }
    sent
}

/// The devices that want a post and may have it.
fn receivers(engine: &Engine, post: &Post, devices: &[Device]) -> Result<Vec<Arc<str>>, StoreError> {
    let mut to = Vec::new();
    // One's devices are beside each other.
    let mut known: Option<(&BareJid, bool)> = None;
    for device in devices.iter().filter(|device| device.wants.contains(&post.name.node)) {
        let may = match known {
            Some((bare, may)) if *bare == device.bare => may,
            _ => may_have(engine, post, &device.bare)?,
        };
        known = Some((&device.bare, may));
        to.extend(may.then(|| device.full.clone()));
    }
    Ok(to)
}

fn may_have(engine: &Engine, post: &Post, contact: &BareJid) -> Result<bool, StoreError> {
    let Some(id) = rows::subscriber_id(engine.view(), contact.as_str())? else {
        return Ok(false);
    };
    let may = match &post.audience {
        Audience::None => false,
        Audience::Only(ids) => ids.binary_search(&id).is_ok(),
        Audience::Presence { but, .. } => {
            but.binary_search(&id).is_err() && gets_presence(engine, &post.name.service, id)?
        }
    };
    Ok(may && !follows(engine, post.node, id)?)
}

fn last(engine: &Engine, owner: &str, device: &FullJid, wants: &Wants) -> Result<Vec<Vec<u8>>, StoreError> {
    let id = rows::subscriber_id(engine.view(), device.to_bare().as_str())?;
    let (Some(id), Ok(account)) = (id, BareJid::new(owner)) else {
        return Ok(Vec::new());
    };
    if !gets_presence(engine, owner, id)? {
        return Ok(Vec::new());
    }
    Ok(last_items(engine, &[account], wants, device, LAST_ITEMS, None, true))
}

/// Whether somebody gets the presence of an account.
fn gets_presence(engine: &Engine, owner: &str, id: SubscriberId) -> Result<bool, StoreError> {
    match rows::node_id(engine.view(), &NodeName::presence(owner))? {
        Some(node) => follows(engine, node, id),
        None => Ok(false),
    }
}

fn follows(engine: &Engine, node: NodeId, id: SubscriberId) -> Result<bool, StoreError> {
    let subscription = rows::subscription(engine.view(), node, id)?;
    Ok(subscription.is_some_and(|subscription| subscription.state == SubscriptionState::Subscribed))
}
