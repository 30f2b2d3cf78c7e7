//! Publish-subscribe (XEP-0060) between XML and plain values, so that XML never enters the logic: `Request` comes in,
//! replies and events go out. Must not know what a node is or who may do what; next: `perform` in the front end.

mod approve; // who may subscribe, asked of owners
mod event; //   notifications, encoded once per post
mod reply; //   answers to requests
mod request; // XML → Request

pub use self::approve::{Approval, approval_request};
pub use self::event::{
    Splice, TAIL, archived_publish, event_configuration, event_delete, event_items, event_publish, event_purge,
    event_retract, event_retracts, event_subscriptions,
};
pub(crate) use self::reply::subscription;
pub use self::reply::{
    ItemOut, SubscriptionOut, affiliations_reply, configuration, create_reply, default_configuration,
    default_options_reply, items_reply, options_reply, owner_affiliations_reply, owner_subscriptions_reply,
    publish_reply, subscription_reply, subscriptions_reply,
};
use crate::form::{Form, words};
use crate::order::Order;
use crate::rsm;

use minidom::Element;

/// What is asked of a pubsub service or of an account's PEP. JIDs are as sent, unparsed; nodes are not empty.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// get: items of a node (XEP-0060 §6.5).
    Items {
        /// The node.
        node: String,
        /// Only so many of the newest.
        max: Option<u32>,
        /// Only these, if any are named.
        ids: Vec<String>,
        /// Which page, whether it stood before or after `<items/>`.
        rsm: Option<rsm::Request>,
        /// In which order (XEP-0413), if in one.
        order: Option<Order>,
        /// On behalf of which subscription.
        subid: Option<String>,
    },
    /// get: the sender's subscriptions (§5.6).
    Subscriptions {
        /// To this node only.
        node: Option<String>,
        /// Which page.
        rsm: Option<rsm::Request>,
    },
    /// get: the sender's affiliations (§5.7).
    Affiliations {
        /// With this node only.
        node: Option<String>,
        /// Which page.
        rsm: Option<rsm::Request>,
    },
    /// get: default options of a subscription (§6.4).
    DefaultSubscriptionOptions {
        /// Of this node.
        node: Option<String>,
    },
    /// get: options of a subscription (§6.3).
    Options {
        /// The node.
        node: String,
        /// The subscriber.
        jid: String,
        /// Which subscription.
        subid: Option<String>,
    },
    /// set: create a node (§8.1).
    Create {
        /// `None` asks for an instant node (§8.1.1).
        node: Option<String>,
        /// How it shall be configured.
        config: Option<Form>,
    },
    /// set: publish (§7.1). More than one item is for the caller to refuse.
    Publish {
        /// The node.
        node: String,
        /// The items.
        items: Vec<PublishItem>,
        /// Preconditions (§7.1.5).
        options: Option<Form>,
    },
    /// set: retract items (§7.2).
    Retract {
        /// The node.
        node: String,
        /// At least one.
        ids: Vec<String>,
        /// Whether followers shall be told.
        notify: bool,
    },
    /// set: subscribe (§6.1).
    Subscribe {
        /// The node.
        node: String,
        /// Who subscribes.
        jid: String,
        /// With which options (§6.3.7).
        options: Option<Form>,
        /// Whether everybody may know (XEP-0465).
        public: bool,
    },
    /// set: unsubscribe (§6.2).
    Unsubscribe {
        /// The node.
        node: String,
        /// Who leaves.
        jid: String,
        /// Which subscription.
        subid: Option<String>,
    },
    /// set: options of a subscription (§6.3.5).
    SetOptions {
        /// The node.
        node: String,
        /// The subscriber.
        jid: String,
        /// Which subscription.
        subid: Option<String>,
        /// The options.
        form: Form,
    },
    /// owner, get: the node's configuration (§8.2.1).
    Configuration {
        /// The node.
        node: String,
    },
    /// owner, get: what a new node's configuration is (§8.3).
    DefaultConfiguration,
    /// owner, get: who follows (§8.8.1).
    OwnerSubscriptions {
        /// The node.
        node: String,
        /// Which page.
        rsm: Option<rsm::Request>,
    },
    /// owner, get: who is what (§8.9.1).
    OwnerAffiliations {
        /// The node.
        node: String,
        /// Which page.
        rsm: Option<rsm::Request>,
    },
    /// owner, set: configure (§8.2.4).
    Configure {
        /// The node.
        node: String,
        /// Its configuration; of kind `Cancel` if nothing shall change.
        form: Form,
    },
    /// owner, set: delete the node (§8.4).
    Delete {
        /// The node.
        node: String,
        /// Where it has gone, a URI.
        redirect: Option<String>,
    },
    /// owner, set: retract all items (§8.5).
    Purge {
        /// The node.
        node: String,
    },
    /// owner, set: approve, add or end subscriptions (§8.8.2).
    SetSubscriptions {
        /// The node.
        node: String,
        /// Subscriber, new state, and which subscription.
        changes: Vec<(String, SubscriptionState, Option<String>)>,
    },
    /// owner, set: affiliations (§8.9.2).
    SetAffiliations {
        /// The node.
        node: String,
        /// Who becomes what.
        changes: Vec<(String, Affiliation)>,
    },
}

/// An item as published.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishItem {
    /// `None`: the service makes one.
    pub id: Option<String>,
    /// Untouched; `self_contained` makes it what is stored.
    pub payload: Option<Element>,
}

/// An iq of type get with `{pubsub}pubsub`; see [`Request::parse`].
#[derive(Clone, Debug, PartialEq)]
pub struct Get(pub Request);

/// An iq of type set with `{pubsub}pubsub`; see [`Request::parse`].
#[derive(Clone, Debug, PartialEq)]
pub struct Set(pub Request);

/// An iq of type get with `{pubsub#owner}pubsub`; see [`Request::parse`].
#[derive(Clone, Debug, PartialEq)]
pub struct OwnerGet(pub Request);

/// An iq of type set with `{pubsub#owner}pubsub`; see [`Request::parse`].
#[derive(Clone, Debug, PartialEq)]
pub struct OwnerSet(pub Request);

words! {
    Affiliation {
        /// May do everything.
        Owner = "owner",
        /// May publish, and read.
        Publisher = "publisher",
        /// May publish, and not read.
        PublishOnly = "publish-only",
        /// May read what is not open to all.
        Member = "member",
        /// Nothing in particular.
        None = "none",
        /// May do nothing.
        Outcast = "outcast",
    },
    "What an entity is to a node (XEP-0060 §4.1)."
}

words! {
    SubscriptionState {
        /// Does not follow.
        None = "none",
        /// Waits for the owner.
        Pending = "pending",
        /// Follows.
        Subscribed = "subscribed",
        /// Follows once its options are set.
        Unconfigured = "unconfigured",
    },
    "The state of a subscription (XEP-0060 §4.2)."
}

#[cfg(test)]
mod tests;
