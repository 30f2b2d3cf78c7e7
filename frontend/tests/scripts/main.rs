//! Tests of the whole server in one process: readable transcripts, ends of streams, and the tidiness of the sources. One
//! binary, since each links RocksDB.
//!
//! `*.script` say who sends what and who receives what; `play.rs` is their language.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod behalf;
mod browser;
mod client;
mod compare;
mod components;
mod erasure;
mod export;
mod fan_out;
mod http;
mod inline;
mod invites;
mod operator;
mod pages;
mod part;
mod play;
mod push;
mod refused;
mod server;
mod streams;
mod tidy;
mod tidy_sources;
mod uploads;

/// A test for each script, so that each is run and reported by its name.
macro_rules! scripts {
    ($($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                play::play(concat!(stringify!($name), ".script")).await;
            }
        )*

        #[test]
        fn every_script_is_played() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts");
            let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
            let mut found: Vec<String> =
                files.filter_map(|file| Some(file.strip_suffix(".script")?.to_owned())).collect();
            found.sort();
            assert_eq!(found, [$(stringify!($name)),*]);
        }
    };
}

scripts! {
    access_models
    access_on_services
    archive
    archive_limits
    archive_nodes
    archive_order
    archive_preferences
    attachments
    attachments_author
    avatars
    bind
    blocking
    blocking_nodes
    bookmarks
    capabilities
    carbons
    client_state
    comments
    contact
    disco
    external_services
    kept
    last_items
    lists
    messages
    microblog
    movim_comments
    movim_community
    movim_errors
    movim_feed
    movim_follow
    movim_login
    movim_profile
    movim_publish
    movim_stories
    notifications
    offline_messages
    order
    order_by
    pam
    password_change
    presence_subscriptions
    public_lists
    public_subscriptions
    pubsub_approval
    pubsub_approval_ends
    pubsub_audience
    pubsub_configure
    pubsub_errors
    pubsub_notify
    pubsub_options
    pubsub_owner
    pubsub_publish
    pubsub_quota
    pubsub_rights
    push
    reports
    roster
    service_administration
    since
    stanza_rules
    subscription_lists
    timeline
    upload
}
