//! Every limit of the engine, in one place, with their relations.
//!
//! An operator may move the fields of [`Limits`]; the constants are part of the layout or of the engine's safety.

use crate::publish::Rate;

/// Virtual shards; part of the store's layout.
pub const VSHARDS: usize = 256;
/// Subscriber ids in a block that belongs to one virtual shard; part of the store's layout.
pub const BLOCK: u32 = 4096;
/// Followers of a node on one shard that lie packed with those of others; more are a list of their own, or a bitmap.
pub const FOLLOWERS_PACKED_MAX: usize = 1024;
/// Followers of a node on one shard above which they are a bitmap, however thin they lie.
pub const FOLLOWERS_LIST_MAX: usize = 65_536;
/// Records in one commit.
pub const COMMIT_RECORDS_MAX: usize = 4096;
/// Bytes of payload in one commit, after which it closes.
pub const COMMIT_BYTES_MAX: usize = 8 << 20;
/// Batches that a shard may be behind before the applier waits for it.
pub const SHARD_BATCHES_MAX: usize = 256;
/// Posts that a shard holds unexpanded.
pub const EXPANSIONS_MAX: usize = 65_536;
/// Posts that are expanded with the first of them.
pub const RUN_MAX: u32 = 63;
/// Sessions whose memory is fetched before the first of them is looked at.
pub const WARM: usize = 16;
/// Sessions looked at in one step of an expansion.
pub const EXPAND_STEP: usize = 4096;
/// Posts whose `Seq` and node are kept in memory for catching up; eight bytes each.
pub const RECENT_MAX: usize = 4 << 20;
/// Posts in one chunk of them.
pub const RECENT_CHUNK: usize = 4096;
/// Posts kept decoded, and encoded once somebody wrote them, for those who catch up.
pub const POSTS_CACHED: usize = 8192;
/// Bytes of those.
pub const POSTS_CACHED_BYTES: usize = 64 << 20;
/// Bytes of the posts that a shard keeps for the final stretch of catching up.
pub const SHARD_RECENT_BYTES: usize = 8 << 20;
/// Subscriptions of a node that is reconfigured up to which all are looked at in the same commit.
pub const RESETTLE_AT_ONCE: usize = 1024;
/// Milliseconds between two background steps while nothing is committed.
pub const SWEEP_EVERY_MS: u64 = 200;
/// Posts of one catch-up page.
pub const PAGE_POSTS: usize = 64;
/// Bytes of one catch-up page, after which it closes.
pub const PAGE_BYTES: usize = 1 << 20;
/// Lists of what is followed that a shard keeps for those who catch up, from page to page.
pub const LISTS_KEPT_MAX: usize = 64;
/// Nodes in all of these lists: 8 MiB a shard at most.
pub const LISTS_KEPT_NODES_MAX: usize = 262_144;
/// Log entries looked at for one page, after which it is returned as it is.
pub const PAGE_SCAN: usize = 65_536;
/// Posts of one digest; what is more comes with the next.
pub const DIGEST_POSTS: usize = 100;
/// Milliseconds after which a quiet node is looked at again for a digest that is due.
pub const DIGEST_QUIET_MS: u64 = 60_000;
/// Rows of one answer to a listing.
pub const LIST_ROWS: usize = 1000;
/// Rows of names and of counts that the applier remembers, of both together: about 70 bytes each.
pub const ROWS_KNOWN_MAX: usize = 6 << 20;
/// Threads that read pages.
pub const READERS: usize = 2;
/// Reads that may wait for a reader.
pub const READS_WAITING_MAX: usize = 65_536;
/// Items that one publish lets go; a node whose `max_items` was lowered has more, and the background takes those.
pub const EVICT_MAX: usize = 64;
/// Publishes after which buckets that are full again are forgotten.
pub const RATE_KEYS: u32 = 65_536;
/// Nodes among which a shard looks for the hottest, and how many of those are shown.
pub const HOT_NODES: usize = 256;
/// Reports after which what was hot counts half.
pub const HOT_HALF_LIFE: u32 = 60;
/// The hottest nodes that are shown.
pub const HOT_NODES_SHOWN: usize = 20;
/// Catch-ups that run at once on one shard while others have to wait less.
pub const CATCH_UPS_DELAYED: usize = 2;
/// Subscribers in one record that has many follow a node.
pub const FOLLOWERS_PER_RECORD: usize = 1000;
/// Records that apply may ask to be done right after one.
pub const NEXT_MAX: usize = 256;
/// Bytes of what one reader attaches to an item.
pub const ATTACHMENT_BYTES: usize = 16 << 10;
/// Different marks that are counted of one item.
pub const TALLY_MARKS: usize = 256;
/// Owners of a node beside the first.
pub const OWNERS_MAX: usize = 64;
/// Posts that a paused node holds; further ones are refused.
pub const HELD_MAX: u32 = 10_000;
/// Posts of a resumed node that one background step publishes.
pub const RELEASE_STEP: usize = 256;
/// Entries behind an item of a mirrored node among which those are looked for by which others have it.
pub const AGAIN_SCAN: usize = 1024;
/// Posts that are given to their peers in one step.
pub const SORT_POSTS: usize = 1024;
/// Rows of one such step, after which it ends.
pub const SORT_ROWS: usize = 65_536;
/// Milliseconds after which that is tried again where the commit queue was full.
pub const SORT_RETRY_MS: u64 = 20;
/// Followers at one peer who are told that a node was deleted.
pub const DELETED_TO_MAX: usize = 100_000;
/// Entries that one page of a peer looks at.
pub const PEER_PAGE_SCAN: usize = 512;
/// Bytes of one page of a peer, after which it closes.
pub const PEER_PAGE_BYTES: usize = 1 << 20;
/// Entries that wait for a peer which are counted for operators.
pub const PEER_DEPTH_COUNTED: u64 = 1_000_000;
/// Rows that one background step removes.
pub const SWEEP_ROWS: usize = 1024;

/// What an operator may move.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Records that may wait for the applier.
    pub commit_queue: usize,
    /// Age of the oldest waiting record, in milliseconds, from which publishes are refused.
    pub commit_queue_age_ms: u64,
    /// Posts of one account.
    pub account_rate: Rate,
    /// Posts to one node, whoever publishes.
    pub node_rate: Rate,
    /// Posts of all.
    pub host_rate: Rate,
    /// Posts in a live session's queue before it is switched to catching up.
    pub queue_posts: usize,
    /// Posts that a returning follower gets at most.
    pub catch_up_posts: usize,
    /// Catch-ups that run at once on one shard.
    pub catch_ups_parallel: usize,
    /// Followers and audience of a post on one shard up to which it is expanded as soon as it comes.
    pub expand_at_once: usize,
    /// Posts that a shard keeps for the final stretch of catching up.
    pub shard_recent: usize,
    /// Devices of one account whose cursor is kept.
    pub devices_per_account: usize,
    /// Sessions looked at by one call of a checkpoint.
    pub checkpoint_look: usize,
    /// Rows of devices that one call writes.
    pub checkpoint_rows: usize,
    /// Days after which an unused device's cursor is forgotten.
    pub device_days: u32,
    /// Nodes of one account, and again as many of its on services.
    pub nodes_per_account: u32,
    /// Nodes for comments on one account's posts.
    pub comment_nodes_per_account: u32,
    /// Items of a node whose `max_items` is `max`.
    pub items_per_node: u64,
    /// Affiliations of a node.
    pub affiliations_per_node: u32,
    /// Items that one account published and that are kept, wherever they lie. 0: no limit.
    pub items_per_account: u64,
    /// Bytes of their payloads. 0: no limit.
    pub bytes_per_account: u64,
    /// Items that all users of another domain published here, or that are mirrored of its nodes. 0: no limit.
    pub items_per_peer: u64,
    /// Bytes of their payloads. 0: no limit.
    pub bytes_per_peer: u64,
    /// Nodes that users of another domain own here, with those of its own that are mirrored. 0: no limit.
    pub nodes_per_peer: u32,
    /// Subscriptions from another domain. 0: no limit.
    pub subscriptions_per_peer: u64,
    /// Items that are kept of a node of another server which somebody here follows.
    pub mirror_items: u32,
    /// Bytes of one payload.
    pub item_bytes: usize,
    /// Nodes that one account follows.
    pub subscriptions_per_account: u32,
    /// Seconds for which tombstones are kept.
    pub log_keep_seconds: u64,
    /// Changes of edges, beside a sixteenth of all, after which they are packed anew for the next start.
    pub pack_after: u64,
    /// MiB that RocksDB may keep in its block cache.
    pub block_cache_mib: usize,
    /// Files that RocksDB may keep open; the rest of the descriptors are for sockets.
    pub store_files: i32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            commit_queue: 65_536,
            commit_queue_age_ms: 2_000,
            account_rate: Rate::default(),
            node_rate: Rate::default(),
            host_rate: Rate::default(),
            queue_posts: 256,
            catch_up_posts: 1_000,
            catch_ups_parallel: 64,
            expand_at_once: 4096,
            shard_recent: 1024,
            devices_per_account: 8,
            checkpoint_look: 65_536,
            checkpoint_rows: 2_048,
            device_days: 30,
            nodes_per_account: 1_000,
            comment_nodes_per_account: 100_000,
            items_per_node: 10_000_000,
            affiliations_per_node: 10_000,
            items_per_account: 10_000_000,
            bytes_per_account: 4 << 30,
            items_per_peer: 10_000_000,
            bytes_per_peer: 4 << 30,
            nodes_per_peer: 100_000,
            subscriptions_per_peer: 10_000_000,
            mirror_items: 1_000,
            item_bytes: 262_144,
            subscriptions_per_account: 100_000,
            log_keep_seconds: 7 * 86_400,
            pack_after: 1 << 20,
            block_cache_mib: 256,
            store_files: 512,
        }
    }
}

const _: () = assert!(FOLLOWERS_PACKED_MAX < FOLLOWERS_LIST_MAX);
const _: () = assert!(PAGE_POSTS <= 256, "a page must fit a live queue");
const _: () = assert!(RECENT_MAX.is_multiple_of(RECENT_CHUNK) && RECENT_CHUNK.is_power_of_two());
const _: () = assert!(BLOCK.is_power_of_two() && VSHARDS == 256);
