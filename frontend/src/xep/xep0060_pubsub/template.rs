//! What a new node is like before its creator's own wishes: by its place and its name (XEP-0163 §3, XEP-0277, XEP-0472).
//!
//! Knows no form. Nodes of other kinds (attachments, galleries) get their line here with their issues.

use super::super::is_social_feed;
use jid::BareJid;
use reef_engine::config::{AccessModel, ITEMS_MAX, ItemReply, NodeConfig, PublishModel, SendLast, Setting};
use reef_stanza::ns;

/// A kind of place that has nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// An account (XEP-0163).
    Account,
    /// `pubsub.<domain>`.
    Pubsub,
    /// `comments.<domain>`: a node for the comments on each post that has some.
    Comments,
}

impl Place {
    /// What a JID of this server's is that has nodes.
    pub(super) fn of(jid: &BareJid) -> Place {
        match (jid.node(), jid.domain().as_str().split_once('.')) {
            (Some(_), _) => Place::Account,
            (None, Some(("comments", _))) => Place::Comments,
            (None, _) => Place::Pubsub,
        }
    }

    /// The same where its creator says what type it is: all profiles of a social feed begin with the base profile.
    pub(super) fn template_of(self, node: &str, settings: &[Setting]) -> NodeConfig {
        let template = self.template(node);
        let kind = settings.iter().rev().find_map(|setting| match setting {
            Setting::Kind(kind) => Some(&**kind),
            _ => None,
        });
        match kind {
            Some(kind) if is_social_feed(kind) => social_feed(template),
            _ => template,
        }
    }

    /// What a new node of this name is like there.
    pub(super) fn template(self, node: &str) -> NodeConfig {
        match self {
            Place::Account => account(node),
            Place::Pubsub => service(),
            // Who may read the post may say something to it.
            Place::Comments => NodeConfig {
                publish: PublishModel::Open,
                ..service()
            },
        }
    }
}

/// Seconds for which a story is kept, where its author says nothing else.
const STORY_SECONDS: u32 = 86_400;

/// The base profile of XEP-0472 (§4.1.1), over what the place has.
fn social_feed(config: NodeConfig) -> NodeConfig {
    NodeConfig {
        persist_items: true,
        max_items: ITEMS_MAX,
        notify_retract: true,
        send_last: SendLast::Never,
        ..config
    }
}

fn account(node: &str) -> NodeConfig {
    match node {
        ns::MICROBLOG => NodeConfig::microblog(node),
        ns::BOOKMARKS => bookmarks(),
        ns::NOTIFICATIONS => crate::tables::notifications_config(),
        ns::SOCIAL_FEED_STORIES => NodeConfig {
            access: AccessModel::Presence,
            item_expire_seconds: STORY_SECONDS,
            ..NodeConfig::microblog(node)
        },
        _ => NodeConfig::pep(),
    }
}

/// XEP-0402: for the account's own clients alone, whether or not they say so (XEP-0223).
fn bookmarks() -> NodeConfig {
    NodeConfig {
        access: AccessModel::Whitelist,
        max_items: ITEMS_MAX,
        send_last: SendLast::Never,
        notify_retract: true,
        notify_delete: true,
        ..NodeConfig::pep()
    }
}

/// A node of a service: open, keeps what it can, and shows who published, as communities want it.
fn service() -> NodeConfig {
    NodeConfig {
        access: AccessModel::Open,
        max_items: ITEMS_MAX,
        send_last: SendLast::Never,
        notify_retract: true,
        notify_delete: true,
        item_reply: ItemReply::Publisher,
        ..NodeConfig::pep()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_microblog_is_open_keeps_all_and_sends_no_last_item() {
        let config = account("urn:xmpp:microblog:0");
        assert_eq!(
            (config.access, config.max_items, config.send_last),
            (AccessModel::Open, ITEMS_MAX, SendLast::Never)
        );
        assert!(config.notify_retract && config.deliver_payloads);
        assert_eq!(
            (&*config.kind, config.item_reply),
            ("urn:xmpp:microblog:0", ItemReply::Publisher)
        );
    }

    #[test]
    fn stories_are_kept_for_a_day_and_for_contacts() {
        let config = account("urn:xmpp:pubsub-social-feed:stories:0");
        assert_eq!(
            (config.access, config.max_items, config.item_expire_seconds),
            (AccessModel::Presence, ITEMS_MAX, 86_400)
        );
        assert!(config.persist_items && config.notify_retract);
    }

    #[test]
    fn a_node_that_is_made_a_social_feed_has_the_base_profile() {
        let kind = |kind: &str| [Setting::Kind(kind.into())];
        let feed = Place::Account.template_of("album", &kind("urn:xmpp:pubsub-social-feed:gallery:1"));
        assert_eq!(
            (feed.max_items, feed.send_last, feed.access),
            (ITEMS_MAX, SendLast::Never, AccessModel::Presence)
        );
        assert!(feed.persist_items && feed.notify_retract);
        let other = Place::Account.template_of("album", &kind("urn:x"));
        assert_eq!(other, Place::Account.template("album"));
    }

    #[test]
    fn a_place_is_told_by_its_jid_and_comments_are_open_to_all_who_publish() {
        let place = |jid: &str| Place::of(&jid.parse().unwrap());
        assert_eq!(
            ["comments@a.lit", "pubsub.a.lit", "comments.a.lit"].map(place),
            [Place::Account, Place::Pubsub, Place::Comments]
        );
        assert_eq!(place("comments.a.lit").template("x").publish, PublishModel::Open);
        assert_eq!(place("pubsub.a.lit").template("x").publish, PublishModel::Publishers);
    }

    #[test]
    fn any_other_node_of_an_account_is_as_pep_has_it() {
        let config = account("urn:xmpp:avatar:metadata");
        assert_eq!(config, NodeConfig::pep());
        assert_eq!((config.access, config.max_items), (AccessModel::Presence, 1));
        assert_eq!(config.send_last, SendLast::OnSubAndPresence);
    }
}
