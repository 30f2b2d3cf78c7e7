//! The avatar of an account as its nodes have it (XEP-0084), and a card that brings one (XEP-0398).
//!
//! The nodes are the truth: of the picture in a card only they keep anything. Knows no XML but by `xep/xep0398_avatars.rs`.

use super::{Kept, private};
use crate::xep;
use reef_engine::config::{AccessModel, NodeConfig};
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError, Tables, may_read};
use reef_engine::log::record::{Change, Record};
use reef_engine::model::{NodeName, Timestamp};
use reef_engine::query::{self, Item, Most, Which};
use reef_engine::store::rows::NodeRow;
use reef_engine::store::{View, rows};
use reef_stanza::ns;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A picture on its way to the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Picture {
    /// SHA-1 of the image, in hexadecimal; empty where there is to be none any more.
    pub(crate) id: Arc<str>,
    /// Payload of the item with the image.
    pub(crate) data: Vec<u8>,
    /// Payload of the item that says what it is.
    pub(crate) metadata: Vec<u8>,
}

/// Whose eyes see.
#[derive(Clone, Copy)]
pub(crate) enum Eyes<'a> {
    /// Those of an account, as the nodes' rights say.
    Of(&'a dyn Tables, &'a str),
    /// Those of all who get the owner's presence.
    Contacts,
    /// The server's own.
    Server,
}

/// What the node of meta-data says.
pub(crate) enum Said {
    /// Nothing was ever said, or not to these eyes.
    Nothing,
    /// There is no avatar.
    None,
    /// This one: payload of its meta-data.
    Avatar(Item),
}

/// The newest meta-data.
pub(crate) fn avatar(view: &dyn View, user: &str, eyes: Eyes<'_>, now: Timestamp) -> Result<Said, StoreError> {
    let found = newest(view, user, ns::AVATAR_METADATA, eyes, &Which::Older(None), now)?;
    Ok(match found {
        None => Said::Nothing,
        Some(None) => Said::None,
        Some(Some(item)) if xep::avatar_of(&item.payload).is_none() => Said::None,
        Some(Some(item)) => Said::Avatar(item),
    })
}

/// The image of an id, as it lies in its item.
pub(crate) fn image(
    view: &dyn View,
    (user, id): (&str, &str),
    eyes: Eyes<'_>,
    now: Timestamp,
) -> Result<Option<Item>, StoreError> {
    let ids = [id.to_owned()];
    Ok(newest(view, user, ns::AVATAR_DATA, eyes, &Which::Ids(&ids), now)?.flatten())
}

fn newest(
    view: &dyn View,
    user: &str,
    node: &str,
    eyes: Eyes<'_>,
    which: &Which<'_>,
    now: Timestamp,
) -> Result<Option<Option<Item>>, StoreError> {
    let id = rows::node_id(view, &NodeName::new(user, node))?;
    let row = id.map(|id| rows::node_row(view, id)).transpose()?.flatten();
    let (Some(id), Some(row)) = (id, row) else {
        return Ok(None);
    };
    let may = match eyes {
        Eyes::Server => true,
        Eyes::Contacts => is_for_contacts(&row),
        Eyes::Of(tables, by) => match may_read(view, tables, id, &row, by) {
            Ok(()) => true,
            Err(ApplyError::Reject(_)) => false,
            Err(ApplyError::Store(error)) => return Err(error),
        },
    };
    if !may {
        return Ok(None);
    }
    let found = query::items(view, id, &row, which, Most::from(1), now)?;
    Ok(Some(found.and_then(|found| found.items.into_iter().next())))
}

fn is_for_contacts(row: &NodeRow) -> bool {
    matches!(row.config.access, AccessModel::Open | AccessModel::Presence)
}

/// Keeps a card, and publishes the picture that came with it unless it is the one that is there.
pub(super) fn set_card(
    apply: &mut Apply<'_, '_>,
    user: &Arc<str>,
    (card, picture): (&[u8], Option<&Picture>),
    most: (u32, u64),
) -> Result<(), ApplyError> {
    private::keep(apply, user, (&Kept::Card, card), most)?;
    let Some(picture) = picture else { return Ok(()) };
    let same = match avatar(apply.tx, user, Eyes::Server, apply.at)? {
        Said::Nothing | Said::None => picture.id.is_empty(),
        Said::Avatar(item) => xep::avatar_of(&item.payload).is_some_and(|id| *id == *picture.id),
    };
    if same {
        return Ok(());
    }
    if picture.data.len().max(picture.metadata.len()) > apply.limits.item_bytes {
        return Err(Reject::PayloadTooBig.into());
    }
    let room = apply.limits;
    let usage = rows::usage(apply.tx, user)?;
    if room.bytes_per_account > 0 && usage.bytes + picture.data.len() as u64 > room.bytes_per_account {
        return Err(Reject::NoRoom("bytes").into());
    }
    // The image first, so that who hears of it finds it (XEP-0084 §3.1).
    if !picture.id.is_empty() {
        publish(apply, user, ns::AVATAR_DATA, &picture.id, &picture.data);
    }
    let item = match &*picture.id {
        "" => "current".into(),
        _ => picture.id.clone(),
    };
    publish(apply, user, ns::AVATAR_METADATA, &item, &picture.metadata);
    Ok(())
}

fn publish(apply: &mut Apply<'_, '_>, user: &Arc<str>, node: &str, item: &Arc<str>, payload: &[u8]) {
    let change = Change::Publish {
        node: NodeName::new(user.clone(), node),
        item: item.clone(),
        payload: payload.to_vec().into(),
        open_only: None,
        notes: Vec::new(),
        options: Vec::new(),
        // A card is for everybody to read, and so is what came in it.
        create: Some(NodeConfig {
            access: AccessModel::Open,
            ..NodeConfig::pep()
        }),
    };
    apply.next.push(Record {
        at: apply.at,
        by: user.clone(),
        change,
    });
}
