//! The application conditions of XEP-0060 (its §11 and its schema for `pubsub#errors`). Next: `StanzaError::pubsub`.

use minidom::Element;

use crate::element::{Build, el};
use crate::ns;

/// Writes the enum and its names together, so that neither can forget the other.
macro_rules! conditions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What went wrong in terms of pubsub, in namespace `http://jabber.org/protocol/pubsub#errors`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum PubsubCondition {
            $($(#[$doc])* $variant,)*
            /// A feature that this service does not have, by its name without the namespace (`"retrieve-items"`);
            /// empty if what was asked has no name in XEP-0060.
            Unsupported(&'static str),
        }

        impl PubsubCondition {
            /// The element's name on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(PubsubCondition::$variant => $name,)*
                    PubsubCondition::Unsupported(_) => "unsupported",
                }
            }
        }
    };
}

conditions! {
    /// Only the whitelist may.
    ClosedNode = "closed-node",
    /// The subscription must be configured first.
    ConfigurationRequired = "configuration-required",
    /// The JID is not the sender's, or none.
    InvalidJid = "invalid-jid",
    /// The options were not understood.
    InvalidOptions = "invalid-options",
    /// More than one payload, or one of the wrong kind.
    InvalidPayload = "invalid-payload",
    /// There is no such subscription.
    InvalidSubid = "invalid-subid",
    /// The item is not the sender's.
    ItemForbidden = "item-forbidden",
    /// An item must be named.
    ItemRequired = "item-required",
    /// A JID must be named.
    JidRequired = "jid-required",
    /// The node may not keep so many items.
    MaxItemsExceeded = "max-items-exceeded",
    /// The account may not have so many nodes.
    MaxNodesExceeded = "max-nodes-exceeded",
    /// The node keeps no more items, and lets none go.
    NodeFull = "node-full",
    /// A node must be named.
    NodeIdRequired = "nodeid-required",
    /// Only a roster group may.
    NotInRosterGroup = "not-in-roster-group",
    /// There is no subscription.
    NotSubscribed = "not-subscribed",
    /// The payload is larger than the node takes.
    PayloadTooBig = "payload-too-big",
    /// The node wants a payload.
    PayloadRequired = "payload-required",
    /// The owner has not decided yet.
    PendingSubscription = "pending-subscription",
    /// The publish-options do not fit the node.
    PreconditionNotMet = "precondition-not-met",
    /// Only who sees the owner's presence may.
    PresenceSubscriptionRequired = "presence-subscription-required",
    /// There are several subscriptions: say which.
    SubidRequired = "subid-required",
    /// The account may not follow so much.
    TooManySubscriptions = "too-many-subscriptions",
}

impl PubsubCondition {
    /// COMPAT: the three that Movim 0.35 reads as the first child of `<error/>`.
    pub(super) fn is_first(self) -> bool {
        matches!(
            self,
            PubsubCondition::PresenceSubscriptionRequired
                | PubsubCondition::Unsupported(_)
                | PubsubCondition::PayloadTooBig
        )
    }

    pub(super) fn to_element(self) -> Element {
        let feature = match self {
            PubsubCondition::Unsupported(feature) => Some(feature),
            _ => None,
        };
        el(self.as_str(), ns::PUBSUB_ERRORS).set_opt("feature", feature)
    }
}
