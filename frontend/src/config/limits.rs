//! Every limit that an operator may move, with its unit in its name or its doc.
//!
//! It must not know who enforces a limit. What comes next: each part of the server is handed what it enforces. `0` means
//! "no limit" where a field says so; elsewhere it is refused by `check`.

use serde::{Deserialize, Serialize};

/// The limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Accounts that one address may register a minute; bursts up to as many. 0: no limit.
    pub registrations_per_minute: u32,
    /// Posts a device is sent on its return, the newest of what it missed.
    pub catch_up_posts: u32,
    /// Bytes of one stanza after authentication; at least 10,000 (RFC 6120 §13.12).
    pub stanza_bytes: usize,
    /// Bytes of one stanza, or of a stream header, before authentication; at least 10,000.
    pub stanza_bytes_before_auth: usize,
    /// Sessions of one account at a time.
    pub sessions_per_account: u32,
    /// Connections that have not authenticated yet, all together.
    pub connections_unauthenticated: u32,
    /// Connections from one address, authenticated or not; an IPv6 /64 counts as one address. 0: no limit.
    pub connections_per_ip: u32,
    /// Failed authentications after which a stream is closed.
    pub sasl_attempts: u32,
    /// Authentications by password that may fail a minute for one address, and as many at once; the next wait for their turn,
    /// whoever they are for. Other addresses are not held up. 0: no limit.
    pub sasl_failures_per_minute: u32,
    /// Streams that come from one domain of a peer, at a time.
    pub peer_streams: u32,
    /// Stanzas a second from one domain of a peer, in the long run; beyond that its streams wait. 0: no limit.
    pub peer_stanzas_per_second: u32,
    /// Stanzas of it at once, before `peer_stanzas_per_second` counts.
    pub peer_stanza_burst: u32,
    /// Bytes a second from one domain of a peer, in the long run. 0: no limit.
    pub peer_bytes_per_second: u64,
    /// Bytes of it at once.
    pub peer_bytes_burst: u64,
    /// Contacts of one account.
    pub roster_items: u32,
    /// Addresses that one account blocks.
    pub blocked_addresses: u32,
    /// Chat messages kept for one account that is offline. 0: none are kept.
    pub offline_messages: u32,
    /// Bytes of those messages. 0: none are kept.
    pub offline_bytes: usize,
    /// Stanzas to other servers that one account may have waiting.
    pub queued_per_account: u32,
    /// Stanzas that may wait for one other server; posts wait apart, and cost it a few bytes each.
    pub queued_per_peer: u32,
    /// Bytes of those.
    pub queued_bytes_per_peer: u64,
    /// Messages in the archive of one account, beyond which the oldest leave. 0: no limit.
    pub archive_messages: u32,
    /// Days for which a message stays in an archive. 0: no limit.
    pub archive_days: u32,
    /// Messages on a page of an archive, where no number was asked for.
    pub archive_page: u32,
    /// Messages on a page, whatever was asked for.
    pub archive_page_max: u32,
    /// Invitations that one account makes a day (XEP-0401). 0: none.
    pub invites_per_day: u32,
    /// Posts that one query of an archive of posts looks at, whether it wants them or not.
    pub archive_scan: u32,
    /// Stanzas of a session that its client has not acknowledged (XEP-0198).
    pub sm_unacked: u32,
    /// Seconds for which a lost session can be resumed (XEP-0198). 0: never.
    pub resume_seconds: u32,
    /// Devices of one account whose place in the log is kept.
    pub devices_per_account: u32,
    /// Days after which the place of a device that stays away is forgotten.
    pub device_days: u32,
    /// Posts on a live session's queue before it is switched to catching up.
    pub queue_posts: u32,
    /// Sessions that catch up at the same time.
    pub catch_ups_parallel: u32,
    /// Nodes of one account.
    pub nodes_per_account: u32,
    /// Nodes for comments on one account's posts, on comments.<domain>.
    pub comment_nodes_per_account: u32,
    /// Bytes of one item's payload.
    pub item_bytes: usize,
    /// Items of one node, which `max_items=max` means.
    pub items_per_node: u64,
    /// Affiliations of one node: owners, publishers, members, outcasts.
    pub affiliations_per_node: u32,
    /// Items that one account published and that are kept, in its own nodes and in those of others. 0: no limit.
    pub items_per_account: u64,
    /// Bytes of their payloads. 0: no limit.
    pub bytes_per_account: u64,
    /// Items that all users of one other domain published here, or that are kept here of its nodes. 0: no limit.
    pub items_per_peer: u64,
    /// Bytes of their payloads. 0: no limit.
    pub bytes_per_peer: u64,
    /// Nodes that users of one other domain own here, with those of its own that are followed here. 0: no limit.
    pub nodes_per_peer: u32,
    /// Subscriptions from one other domain. 0: no limit.
    pub subscriptions_per_peer: u64,
    /// Items that are kept of a node of another domain that is followed here.
    pub mirror_items: u32,
    /// Nodes that one account follows.
    pub subscriptions_per_account: u32,
    /// Posts a second of one account, in the long run. 0: no limit.
    pub publish_per_second: u32,
    /// Posts of one account at once, before `publish_per_second` counts.
    pub publish_burst: u32,
    /// Posts a second to one node, whoever publishes. 0: no limit.
    pub node_publish_per_second: u32,
    /// Posts to one node at once.
    pub node_publish_burst: u32,
    /// Posts a second of all accounts together. 0: no limit.
    pub host_publish_per_second: u32,
    /// Posts of all at once.
    pub host_publish_burst: u32,
    /// Milliseconds that a post may wait to be committed before further ones are refused.
    pub commit_queue_age_ms: u32,
    /// Bytes of one file that is uploaded.
    pub upload_bytes: u64,
    /// Bytes of all that one account has uploaded and is kept. 0: no limit.
    pub upload_bytes_per_account: u64,
    /// Days for which what was uploaded is kept. 0: no limit.
    pub upload_days: u32,
    /// Uploads that one account may begin a minute. 0: no limit.
    pub uploads_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            registrations_per_minute: 10,
            catch_up_posts: 1_000,
            stanza_bytes: 262_144,
            stanza_bytes_before_auth: 16_384,
            sessions_per_account: 16,
            connections_unauthenticated: 10_000,
            connections_per_ip: 0,
            sasl_attempts: 3,
            sasl_failures_per_minute: 60,
            peer_streams: 8,
            peer_stanzas_per_second: 2_000,
            peer_stanza_burst: 20_000,
            peer_bytes_per_second: 4_194_304,
            peer_bytes_burst: 33_554_432,
            roster_items: 2_000,
            blocked_addresses: 1_000,
            offline_messages: 500,
            offline_bytes: 1_048_576,
            queued_per_account: 1_000,
            queued_per_peer: 100_000,
            queued_bytes_per_peer: 268_435_456,
            archive_messages: 100_000,
            archive_days: 0,
            archive_page: 50,
            archive_page_max: 250,
            invites_per_day: 10,
            archive_scan: 32_768,
            sm_unacked: 1_000,
            resume_seconds: 600,
            devices_per_account: 8,
            device_days: 30,
            queue_posts: 256,
            catch_ups_parallel: 64,
            nodes_per_account: 1_000,
            comment_nodes_per_account: 100_000,
            item_bytes: 262_144,
            items_per_node: 10_000_000,
            affiliations_per_node: 10_000,
            items_per_account: 10_000_000,
            bytes_per_account: 4_294_967_296,
            items_per_peer: 10_000_000,
            bytes_per_peer: 4_294_967_296,
            nodes_per_peer: 100_000,
            subscriptions_per_peer: 10_000_000,
            mirror_items: 1_000,
            subscriptions_per_account: 100_000,
            publish_per_second: 1_000,
            publish_burst: 10_000,
            node_publish_per_second: 2_000,
            node_publish_burst: 20_000,
            host_publish_per_second: 0,
            host_publish_burst: 50_000,
            commit_queue_age_ms: 2_000,
            upload_bytes: 104_857_600,
            upload_bytes_per_account: 1_073_741_824,
            upload_days: 30,
            uploads_per_minute: 60,
        }
    }
}
