//! What a user's devices are told of his subscriptions (XEP-0376 §3.2), those of them that advertise it.
//!
//! Who is away asks for the list when he comes. Knows no request.

use super::Hub;
use crate::xep::xep0115_caps::SUBSCRIPTIONS;
use jid::BareJid;
use reef_engine::model::{NodeName, fnv1a};
use reef_stanza::element::Build;
use reef_stanza::pam;
use reef_stanza::pubsub::{SubscriptionOut, SubscriptionState};

impl Hub {
    /// A subscription of a user of this shard has this state now.
    pub(crate) fn tell_subscription(&mut self, user: &BareJid, node: &NodeName, state: SubscriptionState) {
        if let Some(user) = self.users.get_mut(user) {
            user.greeted = true;
        }
        let told: Vec<u32> = self.available(user, i8::MIN);
        let told = told.into_iter().filter(|slot| self.manages(*slot));
        let told: Vec<u32> = told.collect();
        if told.is_empty() {
            return;
        }
        let out = SubscriptionOut {
            node: &node.node,
            jid: user.as_str(),
            state,
            subid: None,
        };
        let version = fnv1a(format!("{}{out:?}{}", node.service, self.now()).as_bytes());
        let notice = pam::notify(&format!("{version:016x}"), &node.service, &out).set("from", user.as_str());
        for slot in told {
            let to = self.conn(slot).and_then(|conn| conn.jid()).map(ToString::to_string);
            self.send(slot, &notice.clone().set_opt("to", to.as_deref()));
        }
    }

    fn manages(&self, slot: u32) -> bool {
        let wants = self.conn(slot).and_then(|conn| conn.caps.wants.as_ref());
        wants.is_some_and(|wants| wants.contains(SUBSCRIPTIONS))
    }
}
