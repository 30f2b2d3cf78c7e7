//! XEP-0060, Publish-Subscribe: what is asked of nodes, of an account (XEP-0163) and of a service alike.
//!
//! Turns a request into a read or a change of the engine and its outcome into a reply. Who may do what is decided by the
//! engine; nothing here keeps state. Next: the engine, and `session/` for what followers get.
//!
mod approve; //    §8.6, §8.7
mod asked; //      who asks what of whom, and the node that it is about
mod create; //     §8.1
mod disco; //      §5.2–§5.5
mod last_item; //  §6.1.7, XEP-0163 §4.3.4
mod lists; //      XEP-0059 over lists that are not counted
mod manage; //     §8.8, §8.9
mod named; //      §6.5.8
mod operator; //   the same table for a command line
mod options; //    forms ↔ settings
mod own; //        §5.6, §5.7
mod owner; //      §8.2–§8.5
mod page; //       XEP-0059 over items
mod pam; //        XEP-0376
mod probe; //      a question that is asked as a publication
mod public; //     XEP-0465
mod publish; //    §7
mod reserved; //   what the server keeps for itself
mod retrieve; //   §6.5
mod since; //      XEP-0312
mod subscribe; //  §6.1, §6.2
mod subscription_options; // §6.3, §6.4
mod template; //   what a new node is like

pub(crate) use approve::{approve, ask_again, nodes_with_pending, question};
pub(crate) use disco::{Listed, node_info, node_items, nodes};
pub(crate) use last_item::{Brought, followed, last_items};
pub(crate) use manage::{affiliation_meant, said as affiliation_said};
pub(crate) use operator::{
    config_fields, configuration_form, form_settings, node_template, settings, written_configuration,
};
pub(crate) use pam::{manage_subscription, managed, mirrored, subscription_in};
pub(crate) use public::{public_subscriber, public_subscription};
pub(crate) use reserved::is_reserved;
pub(crate) use retrieve::readable_node;
pub(crate) use since::{Since, last_here, missed};

use super::{Answer, Ctx, Module, Routes, To, with_bookmarks};
use asked::Asked;
use jid::BareJid;
use reef_stanza::pubsub::{Get, OwnerGet, OwnerSet, Request, Set};
use reef_stanza::{Condition, PubsubCondition, StanzaError};
use template::Place;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0060",
    version: "1.30.0",
    title: "Publish-Subscribe",
    note: "on accounts and services alike; without leases, several subscriptions of one JID, and collections",
    server: &[],
    account: ACCOUNT,
    service: SERVICE,
    routes,
};

/// Prefixes the names of features.
macro_rules! features {
    ($($name:literal)*) => { &[
        "http://jabber.org/protocol/pubsub",
        "http://jabber.org/protocol/rsm",
        $(concat!("http://jabber.org/protocol/pubsub#", $name),)*
    ] };
}

/// What works on accounts. `filtered-notifications` is said with XEP-0163.
const ACCOUNT: &[&str] = features! {
    "access-authorize" "access-open" "access-presence" "access-roster" "access-whitelist" "auto-create" "auto-subscribe"
    "config-node" "config-node-max" "create-and-configure" "create-nodes" "delete-items" "delete-nodes" "get-pending"
    "instant-nodes" "item-ids" "last-published" "manage-subscriptions" "member-affiliation" "meta-data"
    "modify-affiliations" "multi-items" "outcast-affiliation" "persistent-items" "presence-notifications"
    "presence-subscribe" "publish" "publish-node-full" "publish-only-affiliation" "publish-options"
    "publisher-affiliation" "purge-nodes" "retract-items" "retrieve-affiliations" "retrieve-default"
    "retrieve-default-sub" "retrieve-items" "retrieve-subscriptions" "rsm" "subscribe" "subscription-notifications"
    "subscription-options"
};

/// What works on a service: the same but for what rests on the presence of an account.
const SERVICE: &[&str] = features! {
    "access-authorize" "access-open" "access-presence" "access-roster" "access-whitelist" "auto-create" "config-node"
    "config-node-max" "create-and-configure" "create-nodes" "delete-items" "delete-nodes" "get-pending"
    "instant-nodes" "item-ids" "last-published" "manage-subscriptions" "member-affiliation" "meta-data"
    "modify-affiliations" "multi-items" "outcast-affiliation" "persistent-items" "publish" "publish-node-full" "publish-only-affiliation"
    "publish-options" "publisher-affiliation" "purge-nodes" "retract-items" "retrieve-affiliations"
    "retrieve-default" "retrieve-default-sub" "retrieve-items" "retrieve-subscriptions" "rsm" "subscribe"
    "subscription-notifications" "subscription-options"
};

#[cfg(test)]
mod tests;

const AT: &[To] = &[To::Account, To::Service];

/// Whether a service is the one whose nodes are comments (XEP-0277 §3).
pub(crate) fn is_for_comments(service: &BareJid) -> bool {
    Place::of(service) == Place::Comments
}

fn routes(on: &mut Routes) {
    on.get::<Get>(AT, |ctx, Get(request)| perform(ctx, request));
    on.set::<Set>(AT, |ctx, Set(request)| perform(ctx, request));
    on.get::<OwnerGet>(AT, |ctx, OwnerGet(request)| perform(ctx, request));
    on.set::<OwnerSet>(AT, |ctx, OwnerSet(request)| perform(ctx, request));
}

fn perform(ctx: &mut Ctx<'_>, request: Request) -> Result<Answer, StanzaError> {
    let asked = Asked::of(ctx)?;
    reserved::check(&asked, &request)?;
    let request = match public::list_of(&request) {
        Some(list) => return public::perform(asked, list, request),
        None => request,
    };
    match request {
        Request::Items {
            node,
            max,
            ids,
            rsm,
            order,
            subid: _,
        } => match own::is_for_bookmarks(&asked, &node) {
            true => {
                let user = asked.by.clone();
                let items = move || retrieve::items(asked, &node, max, ids, rsm, order);
                Ok(with_bookmarks(user, Box::new(items)))
            }
            false => retrieve::items(asked, &node, max, ids, rsm, order),
        },
        Request::Subscriptions { node, rsm } => own::subscriptions(asked, node, rsm),
        Request::Affiliations { node, rsm } => own::affiliations(asked, node, rsm),
        Request::DefaultSubscriptionOptions { node } => subscription_options::default_options(asked, node),
        Request::Options { node, jid, subid: _ } => subscription_options::options(asked, &node, &jid),
        Request::SetOptions {
            node,
            jid,
            subid: _,
            form,
        } => subscription_options::set_options(asked, &node, &jid, form),
        Request::Create { node, config } => create::create(&asked, node, config),
        Request::Publish { node, items, options } => publish::publish(asked, &node, items, options),
        Request::Retract { node, ids, notify } => publish::retract(&asked, &node, ids, notify),
        // A JID has one subscription to a node at most: what is said of its id is ignored (§6.2.3.5).
        Request::Subscribe {
            node,
            jid,
            options,
            public,
        } => subscribe::subscribe(asked, &node, &jid, options, public),
        Request::Unsubscribe { node, jid, subid: _ } => subscribe::unsubscribe(&asked, &node, &jid),
        Request::Configuration { node } => owner::configuration(asked, &node),
        Request::DefaultConfiguration => owner::default_configuration(&asked),
        Request::Configure { node, form } => owner::configure(asked, &node, &form),
        Request::Delete { node, redirect } => owner::delete(&asked, &node, redirect),
        Request::Purge { node } => owner::purge(&asked, &node),
        Request::OwnerSubscriptions { node, rsm } => manage::subscriptions(asked, &node, rsm),
        Request::SetSubscriptions { node, changes } => manage::set_subscriptions(&asked, &node, changes),
        Request::OwnerAffiliations { node, rsm } => manage::affiliations(asked, &node, rsm),
        Request::SetAffiliations { node, changes } => manage::set_affiliations(&asked, &node, changes),
    }
}

/// A part of XEP-0060 that is not here.
fn unsupported(feature: &'static str) -> StanzaError {
    StanzaError::new(Condition::FeatureNotImplemented).pubsub(PubsubCondition::Unsupported(feature))
}

/// `bad-request` with a condition of XEP-0060.
fn bad(condition: PubsubCondition) -> StanzaError {
    StanzaError::new(Condition::BadRequest).pubsub(condition)
}
