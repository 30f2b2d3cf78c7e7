//! What a new node is like before its creator's own wishes: by the name of the node (XEP-0163 §3, XEP-0277, XEP-0472).
//!
//! Knows no form. Nodes of other kinds (comments, attachments, galleries) get their line here with their issues.

use reef_engine::config::{AccessModel, ITEMS_MAX, ItemReply, NodeConfig, SendLast};
use reef_stanza::ns;

/// A node of an account.
pub(super) fn account(node: &str) -> NodeConfig {
    match node {
        ns::MICROBLOG => NodeConfig::microblog(node),
        _ => NodeConfig::pep(),
    }
}

/// A node of a service: open, keeps what it can, and shows who published, as communities want it.
pub(super) fn service(_node: &str) -> NodeConfig {
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
    fn any_other_node_of_an_account_is_as_pep_has_it() {
        let config = account("urn:xmpp:avatar:metadata");
        assert_eq!(config, NodeConfig::pep());
        assert_eq!((config.access, config.max_items), (AccessModel::Presence, 1));
        assert_eq!(config.send_last, SendLast::OnSubAndPresence);
    }
}
