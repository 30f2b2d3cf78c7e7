//! A subscription's state and its options (XEP-0060 §4.2, §6.3, §16.4.2 `pubsub#subscribe_options`).
//!
//! Knows what options mean to the engine, not the form in which they come: the engine keeps edges, those who write to
//! sessions look at presence and body, and whoever is online gets his digests.

use super::Later;
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

/// The state of a subscription (XEP-0060 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubscriptionState {
    /// Waits for an owner's approval.
    Pending,
    /// Gets what is published.
    Subscribed,
    /// Is subscribed, and by its options gets nothing when it is published: no edge, and no catching up.
    Silent,
}

impl SubscriptionState {
    /// Whether an owner approved it, or had not to.
    pub fn is_subscribed(self) -> bool {
        self != SubscriptionState::Pending
    }
}

/// When a subscription ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expire {
    /// Then.
    At(Timestamp),
    /// With the subscriber's presence (XEP-0060 §12.4).
    Presence,
}

/// Values of presence in which notifications are wanted: a set of these bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shows(pub u8);

impl Shows {
    /// `online`: available, and nothing more said.
    pub const ONLINE: Shows = Shows(1);
    /// `chat`
    pub const CHAT: Shows = Shows(2);
    /// `away`
    pub const AWAY: Shows = Shows(4);
    /// `xa`
    pub const XA: Shows = Shows(8);
    /// `dnd`
    pub const DND: Shows = Shows(16);
    /// All of them.
    pub const ALL: Shows = Shows(31);

    /// Whether one of these is among them.
    pub fn holds(self, show: Shows) -> bool {
        self.0 & show.0 != 0
    }

    /// These and those.
    pub fn with(self, show: Shows) -> Shows {
        Shows(self.0 | show.0)
    }
}

/// What a subscriber asks of one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribeOptions {
    /// Whether he wants notifications at all.
    pub deliver: bool,
    /// Whether he wants them gathered.
    pub digest: bool,
    /// The least number of milliseconds between two digests.
    pub digest_frequency_ms: u64,
    /// When it ends.
    pub expire: Option<Expire>,
    /// Whether notifications hold a text body.
    pub include_body: bool,
    /// In which presence he wants them.
    pub shows: Shows,
    /// Whether everybody may know of it (XEP-0465). Since format 4.
    pub public: Later<bool>,
}

impl Default for SubscribeOptions {
    /// What one has who asked for nothing: all, at once.
    fn default() -> SubscribeOptions {
        SubscribeOptions {
            deliver: true,
            digest: false,
            digest_frequency_ms: 86_400_000,
            expire: None,
            include_body: false,
            shows: Shows::ALL,
            public: Later(false),
        }
    }
}

impl SubscribeOptions {
    /// Whether he gets what one gets who asked for nothing: who else may know changes nothing of that.
    pub fn are_usual(&self) -> bool {
        let private = SubscribeOptions {
            public: Later(false),
            ..*self
        };
        private == SubscribeOptions::default()
    }

    /// The state of an approved subscription with these options.
    pub fn state(&self) -> SubscriptionState {
        if self.deliver && !self.digest {
            SubscriptionState::Subscribed
        } else {
            SubscriptionState::Silent
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_nothing_at_once_is_silent() {
        let plain = SubscribeOptions::default();
        assert_eq!(plain.state(), SubscriptionState::Subscribed);
        let mute = SubscribeOptions {
            deliver: false,
            ..plain
        };
        let digest = SubscribeOptions { digest: true, ..plain };
        assert_eq!([mute.state(), digest.state()], [SubscriptionState::Silent; 2]);
    }

    #[test]
    fn options_of_an_older_format_are_private_and_to_be_public_is_no_wish() {
        let public = SubscribeOptions {
            public: Later(true),
            ..SubscribeOptions::default()
        };
        let row = crate::store::rows::encode(&public);
        assert_eq!(postcard::from_bytes(&row), Ok(public));
        let older = row.get(..row.len() - 1).expect("the field is one byte");
        assert_eq!(postcard::from_bytes(older), Ok(SubscribeOptions::default()));
        assert!(public.are_usual());
        let mute = SubscribeOptions {
            deliver: false,
            ..public
        };
        assert!(!mute.are_usual());
    }

    #[test]
    fn shows_are_a_set() {
        let some = Shows::CHAT.with(Shows::DND);
        assert!(some.holds(Shows::CHAT) && some.holds(Shows::DND) && !some.holds(Shows::AWAY));
        assert!(
            [Shows::ONLINE, Shows::XA, Shows::AWAY]
                .iter()
                .all(|show| Shows::ALL.holds(*show))
        );
    }
}
