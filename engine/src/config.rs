//! A node's configuration (XEP-0060 §16.4.4 `pubsub#node_config`) and the changes that may be asked of it.
//!
//! Knows the options and their meaning to the engine, not the form in which they come. Admission and apply read it;
//! the front end turns forms into [`Setting`]s and back.

mod subscription;

pub use subscription::{Expire, Shows, SubscribeOptions, SubscriptionState};

use crate::error::Reject;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who may subscribe and retrieve (XEP-0060 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessModel {
    /// Anyone.
    Open,
    /// Those who get the owner's presence.
    Presence,
    /// Those in the listed groups of the owner's roster.
    Roster,
    /// Those whom an owner approves.
    Authorize,
    /// Those with an affiliation.
    Whitelist,
}

/// Who may publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PublishModel {
    /// Owners and publishers.
    Publishers,
    /// Subscribers as well.
    Subscribers,
    /// Anyone.
    Open,
}

/// When the last item is sent unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendLast {
    /// Never.
    Never,
    /// When somebody subscribes.
    OnSub,
    /// When somebody subscribes or comes online.
    OnSubAndPresence,
}

/// Whom a reply to an item goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemReply {
    /// The owner of the node; items show no publisher.
    Owner,
    /// The publisher, who is shown on the item.
    Publisher,
}

/// The type of the notifications' message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationType {
    /// `normal`
    Normal,
    /// `headline`
    Headline,
    /// `chat`
    Chat,
}

/// What happens to what is published where no item fits any more (`pubsub#publish_node_full`, XEP-0060 §7.1.2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeFull {
    /// The oldest item leaves. Followers are not told, which is left to the service: they have had it.
    #[default]
    RetractOldest,
    /// The same.
    DiscardOldest,
    /// It is refused.
    Reject,
}

/// A field that older rows lack at their end: then it has its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Later<T>(pub T);

impl<'de, T: Default + Deserialize<'de>> Deserialize<'de> for Later<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Later(T::deserialize(from).unwrap_or_default()))
    }
}

/// No bound on the number of items but the service's own.
pub const ITEMS_MAX: u32 = u32::MAX;

/// All options of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeConfig {
    /// A name for people.
    pub title: Arc<str>,
    /// A description.
    pub description: Arc<str>,
    /// The payload's type, usually its namespace (`pubsub#type`).
    pub kind: Arc<str>,
    /// The language of the items.
    pub language: Arc<str>,
    /// JIDs to contact with questions.
    pub contact: Vec<Arc<str>>,
    /// How many items are kept; [`ITEMS_MAX`] is `max`.
    pub max_items: u32,
    /// Seconds after which an item is removed; 0 is never.
    pub item_expire_seconds: u32,
    /// Whether items are kept at all.
    pub persist_items: bool,
    /// Bytes of a payload; 0 leaves it to the service.
    pub max_payload_bytes: u32,
    /// Who may subscribe and read.
    pub access: AccessModel,
    /// Who may publish.
    pub publish: PublishModel,
    /// The groups for [`AccessModel::Roster`].
    pub roster_groups: Vec<Arc<str>>,
    /// When the last item is sent unasked.
    pub send_last: SendLast,
    /// Whether anything is notified.
    pub deliver_notifications: bool,
    /// Whether notifications hold the payload.
    pub deliver_payloads: bool,
    /// Type of the notification.
    pub notification_type: NotificationType,
    /// Tell followers of a new configuration.
    pub notify_config: bool,
    /// Tell followers of the deletion.
    pub notify_delete: bool,
    /// Tell followers of retracted items.
    pub notify_retract: bool,
    /// Tell owners of followers who come and go.
    pub notify_sub: bool,
    /// Deliver only to who is available.
    pub presence_based_delivery: bool,
    /// Purge when the publisher goes offline.
    pub purge_offline: bool,
    /// Whom replies go to.
    pub item_reply: ItemReply,
    /// Add a text body to notifications.
    pub include_body: bool,
    /// What happens where no item fits any more. Since format 3.
    pub node_full: Later<NodeFull>,
}

impl NodeConfig {
    /// XEP-0163 §3: what a PEP node gets that is made by a first publish.
    pub fn pep() -> NodeConfig {
        NodeConfig {
            title: "".into(),
            description: "".into(),
            kind: "".into(),
            language: "".into(),
            contact: Vec::new(),
            max_items: 1,
            item_expire_seconds: 0,
            persist_items: true,
            max_payload_bytes: 0,
            access: AccessModel::Presence,
            publish: PublishModel::Publishers,
            roster_groups: Vec::new(),
            send_last: SendLast::OnSubAndPresence,
            deliver_notifications: true,
            deliver_payloads: true,
            notification_type: NotificationType::Headline,
            notify_config: false,
            notify_delete: false,
            notify_retract: false,
            notify_sub: false,
            presence_based_delivery: false,
            purge_offline: false,
            item_reply: ItemReply::Owner,
            include_body: false,
            node_full: Later(NodeFull::RetractOldest),
        }
    }

    /// XEP-0277 and XEP-0472: a microblog is open, keeps what it can and never sends a last item unasked.
    pub fn microblog(namespace: &str) -> NodeConfig {
        NodeConfig {
            kind: namespace.into(),
            max_items: ITEMS_MAX,
            access: AccessModel::Open,
            send_last: SendLast::Never,
            notify_retract: true,
            notify_delete: true,
            item_reply: ItemReply::Publisher,
            ..NodeConfig::pep()
        }
    }

    /// What is kept here of a node that is at home elsewhere: its service decides who reads it, and which items there are.
    pub fn mirror(namespace: &str, max_items: u32) -> NodeConfig {
        NodeConfig {
            max_items,
            ..NodeConfig::microblog(namespace)
        }
    }

    /// The configuration with the settings applied, in order.
    pub fn with(&self, settings: &[Setting]) -> NodeConfig {
        let mut config = self.clone();
        settings.iter().for_each(|setting| setting.write(&mut config));
        config
    }

    /// Whether followers or items of a node that was like `before` may have to go, or some who wait need not any more.
    pub fn resettles(&self, before: &NodeConfig) -> bool {
        let groups = self.access == AccessModel::Roster && self.roster_groups != before.roster_groups;
        let waited = before.access == AccessModel::Authorize;
        let access = self.access != before.access && (self.access != AccessModel::Open || waited);
        access || groups || self.max_items < before.max_items
    }

    /// Whether items of a node that was like `before` may expire earlier than was noted of them.
    pub fn expires_earlier(&self, before: &NodeConfig) -> bool {
        match (self.item_expire_seconds, before.item_expire_seconds) {
            (0, _) => false,
            (_, 0) => true,
            (now, then) => now < then,
        }
    }

    /// Whether the node is as a publisher demands (XEP-0060 §7.1.5).
    pub fn meets(&self, settings: &[Setting]) -> Result<(), Reject> {
        if self.with(settings) == *self {
            Ok(())
        } else {
            Err(Reject::PreconditionNotMet)
        }
    }
}

/// One field of a configuration form, with its new value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is the field of NodeConfig of the same name")]
pub enum Setting {
    Title(Arc<str>),
    Description(Arc<str>),
    Kind(Arc<str>),
    Language(Arc<str>),
    Contact(Vec<Arc<str>>),
    MaxItems(u32),
    ItemExpireSeconds(u32),
    PersistItems(bool),
    MaxPayloadBytes(u32),
    Access(AccessModel),
    Publish(PublishModel),
    RosterGroups(Vec<Arc<str>>),
    SendLast(SendLast),
    DeliverNotifications(bool),
    DeliverPayloads(bool),
    NotificationType(NotificationType),
    NotifyConfig(bool),
    NotifyDelete(bool),
    NotifyRetract(bool),
    NotifySub(bool),
    PresenceBasedDelivery(bool),
    PurgeOffline(bool),
    ItemReply(ItemReply),
    IncludeBody(bool),
    NodeFull(NodeFull),
}

impl Setting {
    fn write(&self, config: &mut NodeConfig) {
        match self.clone() {
            Setting::Title(v) => config.title = v,
            Setting::Description(v) => config.description = v,
            Setting::Kind(v) => config.kind = v,
            Setting::Language(v) => config.language = v,
            Setting::Contact(v) => config.contact = v,
            Setting::MaxItems(v) => config.max_items = v,
            Setting::ItemExpireSeconds(v) => config.item_expire_seconds = v,
            Setting::PersistItems(v) => config.persist_items = v,
            Setting::MaxPayloadBytes(v) => config.max_payload_bytes = v,
            Setting::Access(v) => config.access = v,
            Setting::Publish(v) => config.publish = v,
            Setting::RosterGroups(v) => config.roster_groups = v,
            Setting::SendLast(v) => config.send_last = v,
            Setting::DeliverNotifications(v) => config.deliver_notifications = v,
            Setting::DeliverPayloads(v) => config.deliver_payloads = v,
            Setting::NotificationType(v) => config.notification_type = v,
            Setting::NotifyConfig(v) => config.notify_config = v,
            Setting::NotifyDelete(v) => config.notify_delete = v,
            Setting::NotifyRetract(v) => config.notify_retract = v,
            Setting::NotifySub(v) => config.notify_sub = v,
            Setting::PresenceBasedDelivery(v) => config.presence_based_delivery = v,
            Setting::PurgeOffline(v) => config.purge_offline = v,
            Setting::ItemReply(v) => config.item_reply = v,
            Setting::IncludeBody(v) => config.include_body = v,
            Setting::NodeFull(v) => config.node_full = Later(v),
        }
    }
}

/// What somebody is to a node (XEP-0060 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Affiliation {
    /// May do everything.
    Owner,
    /// May publish and read.
    Publisher,
    /// May publish, not read.
    PublishOnly,
    /// May read a whitelisted node.
    Member,
    /// Nothing in particular.
    None,
    /// May do nothing.
    Outcast,
}

impl Affiliation {
    /// Whether one who is that gets nothing, whatever the access model says.
    pub fn excludes(self) -> bool {
        matches!(self, Affiliation::Outcast | Affiliation::PublishOnly)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_an_older_format_has_what_came_since_by_default() {
        let config = NodeConfig::pep();
        let bytes = crate::store::rows::encode(&config);
        let older = bytes.get(..bytes.len() - 1).expect("the field is one byte");
        let read: NodeConfig = postcard::from_bytes(older).expect("the field may be absent");
        assert_eq!(read, config);
        let rejects = config.with(&[Setting::NodeFull(NodeFull::Reject)]);
        let read: NodeConfig = postcard::from_bytes(&crate::store::rows::encode(&rejects)).expect("a row reads back");
        assert_eq!(read, rejects);
    }

    #[test]
    fn only_what_lets_some_go_or_in_resettles() {
        let open = NodeConfig::microblog("urn:xmpp:microblog:0");
        let with = |setting| open.with(&[setting]);
        let members = with(Setting::Access(AccessModel::Whitelist));
        let roster =
            |group: &str| with(Setting::Access(AccessModel::Roster)).with(&[Setting::RosterGroups(vec![group.into()])]);
        assert!(members.resettles(&open) && roster("a").resettles(&open) && roster("a").resettles(&roster("b")));
        assert!(with(Setting::MaxItems(10)).resettles(&open));
        assert!(
            !open.resettles(&members) && !members.resettles(&members) && !open.resettles(&with(Setting::MaxItems(10)))
        );
        assert!(!with(Setting::Title("t".into())).resettles(&open));
        let asked = with(Setting::Access(AccessModel::Authorize));
        assert!(open.resettles(&asked), "who waits need not any more");
        let expires = |seconds| with(Setting::ItemExpireSeconds(seconds));
        assert!(expires(5).expires_earlier(&open) && expires(5).expires_earlier(&expires(6)));
        assert!(!open.expires_earlier(&expires(5)) && !expires(6).expires_earlier(&expires(5)));
    }
}
