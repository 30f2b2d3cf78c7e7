//! Modules that are done in the session or in another module: they have no routes, but they are said.
//!
//! In discovery and in the README's list alike. Next: the table in `mod.rs`.

/// XEP-0312 §3.
const SINCE: &[&str] = &["http://jabber.org/protocol/pubsub#since"];
/// XEP-0413 §4: that there are orders, and of what.
const ORDER: &[&str] = &[
    "urn:xmpp:order-by:1",
    "urn:xmpp:order-by:1@http://jabber.org/protocol/pubsub",
];

/// Modules that are done in the session or in another module: they have no routes, but they are said.
macro_rules! said {
    ($(
        $name:ident = $spec:literal, $version:literal, $title:literal, $note:literal,
        $server:expr, $account:expr $(, $service:expr)?;
    )*) => {$(
        pub(crate) mod $name {
            //! Done elsewhere: the note says where.
            pub(crate) const MODULE: crate::xep::Module = crate::xep::Module {
                spec: $spec, version: $version, title: $title, note: $note,
                server: $server, account: $account, service: said!(or_none $($service)?), routes: |_| {},
            };
        }
    )*};
    (or_none) => { &[] };
    (or_none $features:expr) => { $features };
}

said! {
    rfc7395_websocket = "RFC 7395", "", "XMPP over WebSocket",
        "`/ws` of `[http] listen`, for the pages of `http.origins`: `http/streams/wire.rs`", &[], &[];
    xep0124_bosh = "XEP-0124", "1.11.2", "Bidirectional-streams Over Synchronous HTTP (BOSH)",
        "`/bosh`, long polls; no key sequences: `http/streams/bosh`", &[], &[];
    xep0156_connections = "XEP-0156", "1.4.0", "Discovering Alternative XMPP Connection Methods",
        "host-meta in XML and JSON, where there is an address that others reach", &[], &[];
    xep0178_external = "XEP-0178", "1.2", "Best Practices for Use of SASL EXTERNAL with Certificates",
        "between servers: `peer/stream/prove.rs`", &[], &[];
    xep0206_bosh = "XEP-0206", "1.4", "XMPP Over BOSH", "in `http/streams/bosh/body.rs`", &[], &[];
    xep0220_dialback = "XEP-0220", "1.1.1", "Server Dialback", "where no certificate proves it, and `s2s.dialback` allows it", &[], &[];
    xep0288_bidi = "XEP-0288", "1.0.1", "Bidirectional Server-to-Server Connections", "asked for and offered", &[], &[];
    xep0368_direct = "XEP-0368", "1.1.0", "SRV records for XMPP over TLS", "`listen_tls` of clients and servers, dialled too", &[], &[];
    xep0059_rsm = "XEP-0059", "1.0", "Result Set Management",
        "of items, archives and all lists but the block list; positions and counts where something is counted",
        &["http://jabber.org/protocol/rsm"], &[];
    xep0100_gateway = "XEP-0100", "1.0", "Gateway Interaction",
        "of `sms.<domain>`: registration of a phone, presence, a contact that takes commands; no contacts beyond it", &[], &[];
    xep0114_components = "XEP-0114", "1.6", "Jabber Component Protocol",
        "those of `[[component]]`, at domains of their own; what is said to one that is away waits as for a server", &[], &[];
    xep0160_offline = "XEP-0160", "1.0.1", "Best Practices for Handling Offline Messages",
        "chat and normal messages, in `session/message.rs`", &["msgoffline"], &[];
    xep0163_pep = "XEP-0163", "1.2.2", "Personal Eventing Protocol",
        "every account, one implementation with XEP-0060", &[], &["http://jabber.org/protocol/pubsub#filtered-notifications"];
    xep0198_sm = "XEP-0198", "1.6.3", "Stream Management",
        "acks and resumption, in `session/sm.rs`", &[], &[];
    xep0203_delay = "XEP-0203", "2.0", "Delayed Delivery",
        "offline messages and what is caught up", &["urn:xmpp:delay"], &[];
    xep0442_node_archives = "XEP-0442", "0.2.0", "Pubsub Message Archive Management",
        "the archive of each node, in `xep0313_mam/posts.rs`", &[], &[];
    xep0084_avatar = "XEP-0084", "1.1.4", "User Avatar",
        "any client's, in nodes of the account", &[], &[];
    xep0153_avatars = "XEP-0153", "1.1.1", "vCard-Based Avatars",
        "of those of XEP-0084, by XEP-0398", &[], &[];
    xep0292_vcard4 = "XEP-0292", "0.12.0", "vCard4 Over XMPP",
        "a node of the account", &[], &[];
    xep0223_private = "XEP-0223", "1.1.1", "Persistent Storage of Private Data via PubSub",
        "by publish-options, in any node of an account", &[], &[];
    xep0379_pars = "XEP-0379", "0.3.3", "Pre-Authenticated Roster Subscription",
        "of tokens that the server made (XEP-0401); those of clients pass", &[], &[];
    xep0445_preauth = "XEP-0445", "0.2.0", "Pre-Authenticated In-Band Registration",
        "before login, where registration is not closed; the code also as `key` of XEP-0077: `stream/preauth.rs`", &[], &[];
    xep0227_portable = "XEP-0227", "1.1", "Portable Import/Export Format for XMPP-IM Servers",
        "`reef export`, `reef import`: whole accounts with nodes, followers and archive; no XInclude: `portable/`", &[], &[];
    reef_fanout = "urn:reef:fanout:0", "", "Fan-out",
        "one stanza for all followers at another Reef: `frontend/FANOUT.md`", &["urn:reef:fanout:0"], &[];
    reef_timeline = "urn:reef:timeline:0", "", "Home timeline",
        "what an account follows, merged, as an archive at its own JID", &[], &["urn:reef:timeline:0"];
    reef_notifications = "urn:reef:notifications:0", "", "Notifications",
        "who follows, names, answers, likes, repeats: a node of each account, its owner's alone", &[],
        &["urn:reef:notifications:0"];
    xep0297_forwarding = "XEP-0297", "1.0", "Stanza Forwarding",
        "around the results of an archive", &[], &[];
    xep0334_hints = "XEP-0334", "1.0.0", "Message Processing Hints",
        "of storing, in `session/archive.rs`; copies come with carbons", &[], &[];
    xep0359_stanza_ids = "XEP-0359", "0.7.0", "Unique and Stable Stanza IDs",
        "of archived messages; forged ones are stripped", &["urn:xmpp:sid:0"], &["urn:xmpp:sid:0"];
    xep0312_since = "XEP-0312", "0.3", "PubSub Since",
        "what was missed of nodes by presence; followers have their cursor", &[], super::SINCE, super::SINCE;
    xep0352_csi = "XEP-0352", "1.0.0", "Client State Indication",
        "who looks at nothing gets presence, chat states and posts with what matters, the last of each alone: `session/csi.rs`",
        &[], &[];
    xep0386_bind2 = "XEP-0386", "1.1.0", "Bind 2",
        "with carbons, client state, stream management and the state of the archive, where its client reads what it missed; the same client has the same resource: `session/inline.rs`", &[], &[];
    xep0388_sasl2 = "XEP-0388", "1.0.4", "Extensible SASL Profile",
        "all mechanisms, with resumption and Bind 2 inline: `stream/sasl2.rs`", &[], &[];
    xep0440_bindings = "XEP-0440", "1.0.0", "SASL Channel-Binding Type Capability",
        "tls-exporter and tls-server-end-point", &[], &[];
    xep0474_downgrade = "XEP-0474", "0.5.0", "SASL SCRAM Downgrade Protection",
        "what was offered, hashed into SCRAM", &[], &[];
    xep0478_limits = "XEP-0478", "0.2.0", "Stream Limits Advertisement",
        "bytes of a stanza, before and after login", &[], &[];
    xep0484_fast = "XEP-0484", "0.2.0", "Fast Authentication Streamlining Tokens",
        "HT-SHA-256, bound to the channel or not; a changed password ends all tokens; no early data", &[], &[];
    xep0330_subscription = "XEP-0330", "0.1", "Pubsub Subscription",
        "its nodes are kept as any others", &[], &[];
    xep0413_order = "XEP-0413", "0.2.1", "Order-By",
        "of items, with pages, in `xep0060_pubsub/retrieve.rs`",
        &[], super::ORDER, super::ORDER;
    xep0441_preferences = "XEP-0441", "0.2.0", "Message Archive Management Preferences",
        "default and both lists, in `xep0313_mam/prefs.rs`", &[], &[];
    xep0462_filter = "XEP-0462", "0.1.1", "PubSub Type Filtering",
        "of the nodes of accounts and services, in `xep0060_pubsub/disco.rs`", &[],
        &["urn:xmpp:pubsub-filter:0"], &["urn:xmpp:pubsub-filter:0"];
    xep0465_public = "XEP-0465", "0.1.1", "Pubsub Public Subscriptions",
        "with or without XEP-0376; its nodes are read, with pages, and followed; of nodes for a few nobody is told", &[],
        &["urn:xmpp:pps:0"], &["urn:xmpp:pps:0"];
}
