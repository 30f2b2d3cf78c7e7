//! Which devices elsewhere show themselves to whom here, and what each says that it wants.
//!
//! Bounded, and empty where nobody elsewhere is there. Knows no stanza and no store. Next: `due.rs`.

use super::due::Due;
use crate::limits::{INTEREST_DEVICES, INTERESTS};
use crate::xep::xep0115_caps::Wants;
use jid::{BareJid, FullJid, Jid};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

/// What devices elsewhere want.
#[derive(Default)]
pub(in crate::session) struct Interest {
    /// By the bare JID of whom they show themselves to.
    pub(super) owners: HashMap<Box<str>, Shown>,
    /// How many devices.
    pub(super) devices: usize,
}

/// Who shows himself to one account, and what is due to him.
#[derive(Default)]
pub(super) struct Shown {
    contacts: HashMap<BareJid, Vec<Said>>,
    /// Whether something is being read: the rest waits, so that all stays in order.
    pub(super) reading: bool,
    /// In the order in which it is due.
    pub(super) waiting: VecDeque<Due>,
}

/// What a device says of itself.
pub(super) struct Said {
    device: FullJid,
    /// A hash of that.
    caps: u64,
    /// Once it is known.
    pub(super) wants: Option<Wants>,
}

impl Interest {
    /// Notes what a device says; false where that is known, or too many say something.
    pub(super) fn say(&mut self, owner: &BareJid, from: &FullJid, caps: u64) -> bool {
        if let Some(said) = self.said(owner, from) {
            // Until it is known what it wants now, it gets what it wanted.
            return std::mem::replace(&mut said.caps, caps) != caps;
        }
        if self.devices >= INTERESTS {
            return false;
        }
        let shown = self.owners.entry(owner.as_str().into()).or_default();
        let devices = shown.contacts.entry(from.to_bare()).or_default();
        let room = devices.len() < INTEREST_DEVICES;
        if room {
            self.devices += 1;
            let (device, wants) = (from.clone(), None);
            devices.push(Said { device, caps, wants });
        }
        room
    }

    /// The device, as long as it says the same.
    pub(super) fn saying(&mut self, owner: &BareJid, from: &FullJid, caps: u64) -> Option<&mut Said> {
        self.said(owner, from).filter(|said| said.caps == caps)
    }

    fn said(&mut self, owner: &BareJid, from: &FullJid) -> Option<&mut Said> {
        let shown = self.owners.get_mut(owner.as_str())?;
        let devices = shown.contacts.get_mut(&from.to_bare())?;
        devices.iter_mut().find(|said| said.device == *from)
    }

    /// Forgets one device, or all of somebody.
    pub(super) fn forget(&mut self, owner: &str, from: &Jid) {
        let Some(shown) = self.owners.get_mut(owner) else {
            return;
        };
        let Entry::Occupied(mut contact) = shown.contacts.entry(from.to_bare()) else {
            return;
        };
        let before = contact.get().len();
        match from.try_as_full() {
            Ok(device) => contact.get_mut().retain(|said| said.device != *device),
            Err(_) => contact.get_mut().clear(),
        }
        self.devices -= before - contact.get().len();
        if contact.get().is_empty() {
            contact.remove();
        }
        self.tidy(owner);
    }

    /// Nothing is kept of whom nobody shows himself to.
    pub(super) fn tidy(&mut self, owner: &str) {
        let empty = |shown: &Shown| shown.contacts.is_empty() && !shown.reading;
        if self.owners.get(owner).is_some_and(empty) {
            self.owners.remove(owner);
        }
    }
}

impl Shown {
    pub(super) fn devices(&self) -> impl Iterator<Item = (&FullJid, &Wants)> {
        let said = self.contacts.values().flatten();
        said.filter_map(|said| Some((&said.device, said.wants.as_ref()?)))
    }

    /// Whether some device wants a node.
    pub(super) fn wants(&self, node: &str) -> bool {
        self.devices().any(|(_, wants)| wants.contains(node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> FullJid {
        FullJid::new(text).unwrap()
    }

    #[test]
    fn a_device_is_asked_when_it_says_something_new_and_forgotten_when_it_leaves() {
        let (mut interest, owner) = (Interest::default(), BareJid::new("juliet@a").unwrap());
        let (phone, desk) = (jid("romeo@b/phone"), jid("romeo@b/desk"));
        assert!(interest.say(&owner, &phone, 1) && interest.say(&owner, &desk, 1));
        assert!(!interest.say(&owner, &phone, 1) && interest.say(&owner, &phone, 2));
        // What is learned of what it said before counts no more.
        assert!(interest.saying(&owner, &phone, 1).is_none() && interest.saying(&owner, &phone, 2).is_some());
        interest.forget("juliet@a", &phone.into());
        assert_eq!(interest.devices, 1);
        interest.forget("juliet@a", &desk.to_bare().into());
        assert!(interest.devices == 0 && interest.owners.is_empty());
    }

    #[test]
    fn a_contact_has_a_few_devices_and_no_more() {
        let (mut interest, owner) = (Interest::default(), BareJid::new("juliet@a").unwrap());
        let said = (0..2 * INTEREST_DEVICES).filter(|n| interest.say(&owner, &jid(&format!("romeo@b/{n}")), 1));
        assert_eq!(said.count(), INTEREST_DEVICES);
        assert!(interest.say(&owner, &jid("paris@b/x"), 1));
        assert_eq!(interest.devices, INTEREST_DEVICES + 1);
    }
}
