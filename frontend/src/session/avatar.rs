//! The hash of an account's avatar in the presence of its sessions (XEP-0398 §5): held with the user, read again when the
//! nodes say something new.
//!
//! What a session said itself is kept as it said it; the hash is put in where it is shown. Knows no picture.

use super::Hub;
use crate::tables::{self, Eyes, Said};
use crate::xep;
use jid::BareJid;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::error::StoreError;
use reef_engine::fanout::Batch;
use reef_engine::log::apply::Effect;
use reef_stanza::ns;

/// What presence says of an account's avatar.
#[derive(Default)]
pub(super) struct Avatar {
    /// Its hash; empty where there was one and is none any more, nothing where nobody ever said anything.
    hash: Option<Box<str>>,
    /// Counts how often it was asked for anew: what was read before that is old.
    asked: u32,
}

impl Avatar {
    /// What was read with the user's other rows.
    pub(super) fn loaded(&mut self, hash: Option<Box<str>>) {
        if self.asked == 0 {
            self.hash = hash;
        }
    }
}

/// The hash of an account's avatar, as far as those may have it who get its presence.
pub(super) fn read(engine: &Engine, user: &str) -> Result<Option<Box<str>>, StoreError> {
    let said = tables::avatar(engine.view(), user, Eyes::Contacts, engine.clock.now())?;
    Ok(match said {
        Said::Nothing => None,
        Said::None => Some("".into()),
        Said::Avatar(item) => xep::avatar_of(&item.payload).map(Into::into),
    })
}

impl Hub {
    /// A presence of a session of somebody, as others see it.
    pub(super) fn with_avatar(&self, user: &BareJid, mut presence: Element) -> Element {
        let hash = self.users.get(user).and_then(|user| user.avatar.hash.as_deref());
        if let Some(hash) = hash.filter(|_| presence.attr("type").is_none()) {
            xep::with_hash(&mut presence, hash);
        }
        presence
    }

    /// Looks whether a commit says something of the avatar of somebody who is here.
    pub(super) fn notice_avatars(&mut self, batch: &Batch) {
        for (_, effect) in &batch.effects {
            if let Effect::Post(post) = effect
                && *post.name.node == *ns::AVATAR_METADATA
                && let Ok(name) = BareJid::new(&post.name.service)
                && let Some(user) = self.users.get_mut(&name)
            {
                user.avatar.asked += 1;
                let asked = user.avatar.asked;
                self.read_avatar(name, asked);
            }
        }
    }

    fn read_avatar(&mut self, name: BareJid, asked: u32) {
        let (server, shard) = (self.server.clone(), self.number);
        let read = self
            .server
            .engine
            .read(move |engine| match read(engine, name.as_str()) {
                Ok(hash) => {
                    let job = move |hub: &mut Hub| hub.has_avatar(&name, asked, hash);
                    server.router.answer(shard, Box::new(job));
                }
                Err(error) => drop(crate::errors::unreadable(error)),
            });
        if read.is_err() {
            tracing::warn!("too many reads: a new avatar is in nobody's presence before its next login");
        }
    }

    /// What was read: where it is new, everybody who knows the user's sessions gets their presence again.
    fn has_avatar(&mut self, name: &BareJid, asked: u32, hash: Option<Box<str>>) {
        let Some(user) = self.users.get_mut(name).filter(|user| user.avatar.asked == asked) else {
            return;
        };
        if user.avatar.hash == hash {
            return;
        }
        user.avatar.hash = hash;
        for slot in self.available(name, i8::MIN) {
            if let Some(presence) = self.shown(slot) {
                self.broadcast(slot, &presence);
            }
        }
    }
}
