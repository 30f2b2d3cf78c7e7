//! What contacts at other servers want to be notified of (XEP-0163 §4): learned from the capabilities in their presence, and
//! sent to each device that wants it, as here.
//!
//! Held as long as a device is there, on the shard of whom it shows itself to. Who may have what is read where it is sent
//! (`interest/due.rs`). Knows no stream. Next: the peers' outboxes.

mod due; //  what a device may have
mod said; // which devices there are

pub(super) use said::Interest;

use super::Hub;
use crate::limits::INTEREST_WAITING;
use crate::tables;
use crate::xep::xep0115_caps::{self, CapsRef, Wants};
use due::{Device, Due, Sent};
use jid::{BareJid, FullJid, Jid};
use minidom::Element;
use reef_engine::fanout::Batch;
use reef_engine::log::apply::Effect;
use reef_engine::model::{Audience, fnv1a};
use reef_stanza::element::{Build, el};
use reef_stanza::ns;
use said::Shown;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Hub {
    /// Presence of somebody elsewhere for an account of this shard.
    pub(super) fn shows_interest(&mut self, from: &Jid, to: &Jid, presence: &Element) {
        let owner = to.to_bare();
        match (presence.attr("type"), from.try_as_full()) {
            (Some("unavailable" | "error"), _) => self.interest.forget(owner.as_str(), from),
            (None, Ok(device)) => {
                if let Some(caps) = xep0115_caps::seen(presence)
                    && self.interest.say(&owner, device, hash(&caps))
                {
                    self.look_at_contact(owner, device.clone(), caps);
                }
            }
            _ => {}
        }
    }

    /// Somebody is no contact any more, or is blocked.
    pub(super) fn lost_interest(&mut self, owner: &str, contact: &str) {
        if let Ok(contact) = Jid::new(contact) {
            self.interest.forget(owner, &contact);
        }
    }

    /// Whether it is a contact's device is read: the account may have no session here.
    fn look_at_contact(&mut self, owner: BareJid, device: FullJid, caps: CapsRef) {
        let (server, shard, from) = (self.server.clone(), self.number, Jid::from(device.clone()));
        let name = owner.to_string();
        let read = self.server.engine.read(move |engine| {
            let contact = tables::contact(engine.view(), owner.as_str(), device.to_bare().as_str());
            let known = match contact {
                Ok(row) => row.is_some_and(|row| row.to || row.from),
                Err(error) => {
                    drop(crate::errors::unreadable(error));
                    false
                }
            };
            let job = move |hub: &mut Hub| match known {
                true => hub.learn_interest(owner, device, caps),
                false => hub.interest.forget(owner.as_str(), &device.into()),
            };
            server.router.answer(shard, Box::new(job));
        });
        if read.is_err() {
            self.interest.forget(&name, &from);
        }
    }

    /// What stands behind its capabilities, from memory or by asking it in the name of the account.
    fn learn_interest(&mut self, owner: BareJid, device: FullJid, caps: CapsRef) {
        let said = hash(&caps);
        if let Some(wants) = self.server.caps.get(&caps) {
            return self.wants_elsewhere(&owner, &device, said, wants);
        }
        if self.interest.saying(&owner, &device, said).is_none() {
            return;
        }
        let query = el("query", ns::DISCO_INFO).set("node", &format!("{}#{}", caps.node, caps.ver));
        let (from, to) = (owner.clone(), Jid::from(device.clone()));
        let came = move |hub: &mut Hub, answer: Result<Option<Element>, _>| {
            let wants = answer
                .ok()
                .flatten()
                .and_then(|query| hub.server.caps.learn(&caps, query));
            match wants {
                Some(wants) => hub.wants_elsewhere(&owner, &device, said, wants),
                // It is asked again when it shows itself again.
                None => hub.unanswered(&owner, &device, said),
            }
        };
        let (name, asked) = (from.to_string(), to.clone());
        if self.inquiry(from, to, query, Box::new(came)).is_err() {
            self.interest.forget(&name, &asked);
        }
    }

    fn unanswered(&mut self, owner: &BareJid, device: &FullJid, said: u64) {
        if self.interest.saying(owner, device, said).is_some() {
            self.interest.forget(owner.as_str(), &device.clone().into());
        }
    }

    /// It is known what a device wants: that from now on, and the last items of it (XEP-0163 §4.3.4).
    fn wants_elsewhere(&mut self, owner: &BareJid, device: &FullJid, said: u64, wants: Wants) {
        let Some(known) = self.interest.saying(owner, device, said) else {
            return;
        };
        known.wants = Some(wants.clone());
        if !wants.is_empty() {
            self.due_elsewhere(owner.as_str(), Due::Last(device.clone(), wants));
        }
    }

    /// What a commit published, to the devices elsewhere that want it.
    pub(super) fn notify_elsewhere(&mut self, batch: &Batch) {
        if self.interest.devices == 0 {
            return;
        }
        for (_, effect) in &batch.effects {
            let Effect::Post(post) = effect else { continue };
            let wanted = |shown: &Shown| shown.wants(&post.name.node);
            if !matches!(post.audience, Audience::None)
                && self.interest.owners.get(&*post.name.service).is_some_and(wanted)
            {
                self.due_elsewhere(&post.name.service, Due::Post(post.clone()));
            }
        }
    }

    /// Something is due to devices: behind what was before.
    fn due_elsewhere(&mut self, owner: &str, due: Due) {
        let Some(shown) = self.interest.owners.get_mut(owner) else {
            return;
        };
        if shown.waiting.len() >= INTEREST_WAITING {
            return tracing::warn!(
                owner,
                "too much is published at once: contacts elsewhere are not told of all"
            );
        }
        shown.waiting.push_back(due);
        if !shown.reading {
            self.read_due(owner);
        }
    }

    /// Reads who may have what waits.
    fn read_due(&mut self, owner: &str) {
        let Some(shown) = self.interest.owners.get_mut(owner) else {
            return;
        };
        let waiting = std::mem::take(&mut shown.waiting);
        let devices: Vec<Device> = shown.devices().map(|(jid, wants)| Device::new(jid, wants)).collect();
        shown.reading = !waiting.is_empty();
        if !shown.reading {
            return self.interest.tidy(owner);
        }
        let (server, shard, name) = (self.server.clone(), self.number, owner.to_owned());
        let read = self.server.engine.read(move |engine| {
            // What waits behind it goes on in any case.
            let sent = catch_unwind(AssertUnwindSafe(|| due::read(engine, &name, &devices, waiting)));
            let sent = sent.unwrap_or_default();
            let job = move |hub: &mut Hub| hub.send_elsewhere(&name, sent);
            server.router.answer(shard, Box::new(job));
        });
        if read.is_err() {
            tracing::warn!("too many reads: contacts at other servers were not told of a post");
            if let Some(shown) = self.interest.owners.get_mut(owner) {
                shown.reading = false;
            }
            self.interest.tidy(owner);
        }
    }

    fn send_elsewhere(&mut self, owner: &str, sent: Vec<Sent>) {
        for (post, to) in sent {
            for device in to {
                let mut stanza = Vec::new();
                post.write(&device, &mut stanza);
                self.server.peers.send_bytes(owner, &device, stanza);
            }
        }
        self.read_due(owner);
    }
}

fn hash(caps: &CapsRef) -> u64 {
    fnv1a(format!("{}#{}", caps.node, caps.ver).as_bytes())
}
