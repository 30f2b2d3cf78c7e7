//! The table of XMPP modules: one file per XEP, one shape. Service discovery, the README's list and its test are made
//! from it.
//!
//! A handler is synchronous and does no I/O: what takes time is an [`Answer::Later`], and the session goes on. No XEP file
//! imports another. Next: `session/`, which finds a handler by the type of an iq's payload.

use minidom::Element;
use reef_stanza::StanzaError;

mod answer;
mod doap;
mod draft;
mod part;
mod rfc6120_bind;
mod rfc6121_roster;
mod route;
mod said;
mod xep0030_disco;
mod xep0049_private;
mod xep0050_commands;
mod xep0054_vcard;
mod xep0060_pubsub;
mod xep0077_register;
mod xep0092_version;
pub(crate) mod xep0115_caps;
mod xep0133_admin;
mod xep0157_contact;
mod xep0191_blocking;
mod xep0199_ping;
mod xep0202_time;
mod xep0215_services;
mod xep0277_microblog;
mod xep0280_carbons;
mod xep0313_mam;
mod xep0357_push;
mod xep0363_upload;
mod xep0376_pam;
mod xep0377_reports;
mod xep0398_avatars;
mod xep0401_invites;
mod xep0402_bookmarks;
mod xep0470_attachments;
mod xep0472_social_feed;

pub(crate) use answer::{Answer, Job, Later};
pub(crate) use draft::{Draft, Prepared};
pub(crate) use part::part_answer;
pub(crate) use rfc6121_roster::roster_item;
pub(crate) use route::{Ctx, Routes, Target, To};
use said::*;
pub(crate) use xep0030_disco::{part_info, server_info};
pub(crate) use xep0050_commands::commands;
pub(crate) use xep0060_pubsub::{
    Brought, Listed, Since, affiliation_meant, affiliation_said, approve, ask_again, config_fields, configuration_form,
    followed, form_settings, is_for_comments, is_reserved, last_here, last_items, manage_subscription, managed,
    mirrored, missed, node_info, node_items, node_template, nodes, nodes_with_pending, public_subscriber,
    public_subscription, question, readable_node, settings, subscription_in, written_configuration,
};
pub(crate) use xep0133_admin::{admin_commands, admin_info, is_admin};
pub(crate) use xep0157_contact::contact_form;
pub(crate) use xep0277_microblog::is_same_post;
pub(crate) use xep0313_mam::{archive_metadata, archive_preferences, preferences_in};
pub(crate) use xep0363_upload::upload_form;
pub(crate) use xep0377_reports::{kept_report, tell_reports};
pub(crate) use xep0398_avatars::{avatar_of, photo, with_hash, without_photo};
pub(crate) use xep0401_invites::{invite_commands, invite_items, run_invite};
pub(crate) use xep0402_bookmarks::{
    bookmark, bookmarks_in, is_bookmarks, read_bookmarks, set_bookmarks, with_bookmarks,
};
pub(crate) use xep0470_attachments::{attach, detach, kept_node};
pub(crate) use xep0472_social_feed::{fits, is_social_feed};

/// The modules, RFCs first, then in the order of their numbers. 0004-style forms have no
/// module of their own.
pub(crate) const MODULES: &[&Module] = &[
    &rfc6120_bind::MODULE,
    &rfc6121_roster::MODULE,
    &rfc7395_websocket::MODULE,
    &xep0030_disco::MODULE,
    &xep0049_private::MODULE,
    &xep0050_commands::MODULE,
    &xep0054_vcard::MODULE,
    &xep0059_rsm::MODULE,
    &xep0060_pubsub::MODULE,
    &xep0077_register::MODULE,
    &xep0084_avatar::MODULE,
    &xep0092_version::MODULE,
    &xep0100_gateway::MODULE,
    &xep0114_components::MODULE,
    &xep0115_caps::MODULE,
    &xep0124_bosh::MODULE,
    &xep0133_admin::MODULE,
    &xep0156_connections::MODULE,
    &xep0153_avatars::MODULE,
    &xep0157_contact::MODULE,
    &xep0160_offline::MODULE,
    &xep0163_pep::MODULE,
    &xep0178_external::MODULE,
    &xep0191_blocking::MODULE,
    &xep0198_sm::MODULE,
    &xep0199_ping::MODULE,
    &xep0202_time::MODULE,
    &xep0203_delay::MODULE,
    &xep0206_bosh::MODULE,
    &xep0215_services::MODULE,
    &xep0220_dialback::MODULE,
    &xep0223_private::MODULE,
    &xep0227_portable::MODULE,
    &xep0277_microblog::MODULE,
    &xep0280_carbons::MODULE,
    &xep0288_bidi::MODULE,
    &xep0292_vcard4::MODULE,
    &xep0297_forwarding::MODULE,
    &xep0312_since::MODULE,
    &xep0313_mam::MODULE,
    &xep0330_subscription::MODULE,
    &xep0334_hints::MODULE,
    &xep0352_csi::MODULE,
    &xep0357_push::MODULE,
    &xep0359_stanza_ids::MODULE,
    &xep0363_upload::MODULE,
    &xep0368_direct::MODULE,
    &xep0376_pam::MODULE,
    &xep0377_reports::MODULE,
    &xep0379_pars::MODULE,
    &xep0386_bind2::MODULE,
    &xep0388_sasl2::MODULE,
    &xep0398_avatars::MODULE,
    &xep0401_invites::MODULE,
    &xep0402_bookmarks::MODULE,
    &xep0413_order::MODULE,
    &xep0440_bindings::MODULE,
    &xep0441_preferences::MODULE,
    &xep0442_node_archives::MODULE,
    &xep0445_preauth::MODULE,
    &xep0462_filter::MODULE,
    &xep0465_public::MODULE,
    &xep0470_attachments::MODULE,
    &xep0472_social_feed::MODULE,
    &xep0474_downgrade::MODULE,
    &xep0478_limits::MODULE,
    &xep0484_fast::MODULE,
    &reef_fanout::MODULE,
    &reef_notifications::MODULE,
    &reef_timeline::MODULE,
];

/// What a module says of itself.
pub(crate) struct Module {
    /// `XEP-0199` or `RFC 6121`.
    pub(crate) spec: &'static str,
    /// The version that was read; empty for an RFC.
    pub(crate) version: &'static str,
    /// Its title.
    pub(crate) title: &'static str,
    /// What of it is here, or is not: one line.
    pub(crate) note: &'static str,
    /// Features of the server's own disco#info.
    pub(crate) server: &'static [&'static str],
    /// Features of an account's disco#info.
    pub(crate) account: &'static [&'static str],
    /// Features of a pubsub service's disco#info.
    pub(crate) service: &'static [&'static str],
    /// Its handlers.
    pub(crate) routes: fn(&mut Routes),
}

/// Judges what is published, and makes it the bytes that are kept: here alone is it serialised.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn prepare(draft: &Draft<'_>, payload: &Element) -> Result<Prepared, StanzaError> {
    xep0472_social_feed::check(draft, payload)?;
    Ok(xep0277_microblog::linked(draft, payload))
}

/// The features of a place, from the table.
pub(crate) fn features(of: fn(&Module) -> &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    MODULES.iter().flat_map(move |module| of(module).iter().copied())
}

#[doc(hidden)]
pub use doap::doap;

/// The table of modules in the README, which a test compares.
#[doc(hidden)]
pub fn readme_table() -> String {
    let mut table = String::from("| | version | |\n|---|---|---|\n");
    for module in MODULES {
        let Module {
            spec,
            version,
            title,
            note,
            ..
        } = module;
        table.push_str(&format!("| {spec}, {title} | {version} | {note} |\n"));
    }
    table
}
