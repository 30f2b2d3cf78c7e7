//! The front end's fixed limits: what is part of its safety and nothing an operator moves. The rest is in `config`.

/// Mail that may wait for a shard; routes beyond are refused with `resource-constraint`.
pub(crate) const MAILBOX: usize = 65_536;
/// Bytes read from one connection before the others get their turn.
pub(crate) const READ_TURN: usize = 64 << 10;
/// Bytes handed to one socket before the others get their turn.
pub(crate) const WRITE_TURN: usize = 64 << 10;
/// Bytes of chat, presence and replies that may wait for a client that does not read, before it is cut off.
pub(crate) const UNWRITTEN_MAX: usize = 1 << 20;
/// Bytes of stanzas that a client with stream management may leave unacknowledged, before it is cut off.
pub(crate) const UNACKED_BYTES_MAX: usize = 4 << 20;
/// Bytes of a subscription request that waits for its answer; a longer one is kept without its status.
pub(crate) const SUBSCRIBE_BYTES_MAX: usize = 4 << 10;
/// Requests of one session that may be under way; more are not read before some are answered.
pub(crate) const IN_FLIGHT: u32 = 64;
/// Subscribers looked at by expansions between two looks at the sockets.
pub(crate) const EXPAND_TURN: usize = 4096;
/// How many times as many while writes are to be merged.
pub(crate) const EXPAND_TURNS_MERGING: usize = 16;
/// Connections over HTTP at a time.
pub(crate) const HTTP_CONNECTIONS: usize = 1_024;
/// Elements within each other in a post that is read again: no fewer than a stanza may have.
pub(crate) const ATOM_DEPTH: usize = 64;
/// Bytes of a post's words in the body of a notification.
pub(crate) const BODY_BYTES: usize = 2_048;
/// Posts on one page of a microblog.
pub(crate) const PAGE_POSTS: usize = 20;
/// Bytes of posts after which a page ends; the rest comes with the next.
pub(crate) const PAGE_BYTES: usize = 512 << 10;
/// Seconds for which others may keep a page without asking again.
pub(crate) const PAGE_SECONDS: u32 = 60;
/// Sessions whose writes go to the kernel in one call.
pub(crate) const BATCH_SENDS: usize = 128;
/// Bytes that are composed for one call: no more than stays in a core's cache.
pub(crate) const BATCH_BYTES: usize = 128 << 10;
/// Connections of a shard that are registered with its ring; those beyond are written to one by one.
pub(crate) const RING_FILES: u32 = 1 << 20;
/// Bytes that are kept for composing the next writes.
pub(crate) const ROOM_MAX: usize = WRITE_TURN * 16;
/// Streams that are carried over WebSocket or by long polls at a time.
pub(crate) const RELAYS: usize = 100_000;
/// Bytes that such a transport reads at a time.
pub(crate) const RELAY_READ: usize = 4_096;
/// Seconds of silence after which a WebSocket is asked whether it lives; proxies end what is silent for a minute.
pub(crate) const WEB_PING_SECONDS: u64 = 45;
/// Seconds that a stop waits for streams over HTTP to say goodbye.
pub(crate) const WEB_STOP_SECONDS: u64 = 2;
/// Seconds that a long poll may wait for something to say (XEP-0124).
pub(crate) const BOSH_WAIT_SECONDS: u64 = 60;
/// Polls of a session that may wait.
pub(crate) const BOSH_HOLD_MAX: usize = 2;
/// Seconds without a poll after which a session is lost.
pub(crate) const BOSH_INACTIVITY_SECONDS: u64 = 60;
/// The same where a client says that it will be away.
pub(crate) const BOSH_PAUSE_SECONDS: u64 = 120;
/// Requests of a session that wait to be looked at.
pub(crate) const BOSH_ASKED: usize = 4;
/// Bytes that wait for a stream before no request is looked at.
pub(crate) const BOSH_INWARD_BYTES: usize = 64 << 10;
/// Bytes that a session reads at a time for an answer, once its client has logged in.
pub(crate) const BOSH_READ: usize = 32 << 10;
/// Bytes that a body may have beside a stanza.
pub(crate) const BOSH_BODY_MORE: usize = 16 << 10;
/// Seconds that a request over HTTP may take to come, from the connection's beginning or from the answer before it.
pub(crate) const HTTP_REQUEST_SECONDS: u64 = 30;
/// Sessions whose memory is fetched before the first of them is written.
pub(crate) const WARM: usize = 16;
/// Sessions written between two looks at the sockets and at what was committed: a post that comes meanwhile waits for them.
pub(crate) const FLUSH_TURN: usize = 32;
/// Microseconds that a thread for which all others wait has a core at a time; the kernel's own slice is some milliseconds.
pub(crate) const SHORT_SLICE_US: u64 = 100;
/// Sockets asked a second how much their client's TCP has acknowledged.
pub(crate) const CONFIRM_TURN: usize = 4096;
/// Addresses that get a session's unavailable presence since it sent them a directed one.
pub(crate) const DIRECTED: usize = 1000;
/// Answers of clients to disco requests of the server that are waited for, per session.
pub(crate) const CAPS_ASKED: usize = 8;
/// Distinct verified capability hashes that are remembered.
pub(crate) const CAPS_CACHE: usize = 65_536;
/// Bytes that the kernel may hold unsent for a client.
pub(crate) const SEND_BUFFER: usize = 64 << 10;
/// Seconds after which TCP gives up on a client that acknowledges nothing.
pub(crate) const TCP_TIMEOUT_SECONDS: u64 = 60;
/// Stanzas after which an acknowledgement is asked for, if none is outstanding.
pub(crate) const ACK_EVERY: u32 = 16;
/// Unacknowledged stanzas for which a session keeps its room once they are acknowledged.
pub(crate) const ROOM_UNACKED: usize = 8;
/// Milliseconds between two ticks of a shard.
pub(crate) const TICK_MS: u64 = 1000;
/// Milliseconds for which a user is remembered after his last session ended: longer than a cursor takes to the store.
pub(crate) const LINGER_MS: u64 = 10_000;
/// Sends of one presence to last items: nodes looked at.
pub(crate) const LAST_ITEMS: usize = 2000;
/// Nodes that somebody follows which are looked at for what he missed, by his own word.
pub(crate) const SINCE_NODES: usize = 10_000;
/// Changes of passwords that may wait.
pub(crate) const HASHES_WAITING: usize = 64;
/// Milliseconds between two digests of a subscription, at least and at most.
pub(crate) const DIGEST_FREQUENCY_MIN_MS: u64 = 1_000;
/// The same, at most.
pub(crate) const DIGEST_FREQUENCY_MAX_MS: u64 = 30 * 86_400_000;
/// Digests that are looked for at once for one user who comes online; the others follow with the next ticks.
pub(crate) const DIGESTS_AT_ONCE: usize = 32;
/// Milliseconds after which a digest that was asked for and did not come is asked for again.
pub(crate) const DIGEST_LOST_MS: u64 = 60_000;
/// Notices of subscriptions to one node that its owner gets one by one in a second; more are gathered.
pub(crate) const NOTICES_SINGLY: u32 = 10;
/// Milliseconds for which they are gathered.
pub(crate) const NOTICES_GATHER_MS: u64 = 5_000;
/// Subscriptions named in one notice; of more the owner learns from the list.
pub(crate) const NOTICES_NAMED: usize = 100;
/// Nodes whose notices are counted at a time on a shard.
pub(crate) const NOTICES_NODES: usize = 4_096;
/// Subscriptions of one user whose options are looked at while his posts are written.
pub(crate) const WISHES: usize = 1_000;
/// Old messages that leave an archive with each new one, where it is longer than it may be.
pub(crate) const ARCHIVE_TRIM: usize = 4;
/// Messages that are counted for who asks how many there are; beyond that he is not told.
pub(crate) const ARCHIVE_COUNT: usize = 10_000;
/// Bytes of messages on one page of an archive: half of what may wait for a client that does not read.
pub(crate) const ARCHIVE_PAGE_BYTES: usize = UNWRITTEN_MAX / 2;
/// Ids of messages that one query may name.
pub(crate) const ARCHIVE_IDS: usize = 250;
/// JIDs in the lists of an account's archive preferences.
pub(crate) const ARCHIVE_LISTED: usize = 1_000;
/// Accounts that one post is noted.
pub(crate) const NOTES: usize = 16;
/// Seconds in which a peer's addresses must be found.
pub(crate) const PEER_FIND_SECONDS: u64 = 15;
/// SRV records of one service of a peer that are looked at.
pub(crate) const PEER_SERVICES: usize = 16;
/// Addresses of a peer that are tried.
pub(crate) const PEER_ADDRESSES: usize = 8;
/// Seconds in which an address of a peer must accept.
pub(crate) const PEER_CONNECT_SECONDS: u64 = 10;
/// Seconds in which a stream from or to a peer must be proved.
pub(crate) const PEER_HANDSHAKE_SECONDS: u64 = 30;
/// Seconds in which a peer must close its stream after we have, and in which we acknowledge what it sent before it did.
pub(crate) const PEER_CLOSE_SECONDS: u64 = 5;
/// Elements that a peer may send before anything is proved.
pub(crate) const PEER_ELEMENTS: u32 = 64;
/// Pairs of domains that are proved on one stream.
pub(crate) const PEER_PAIRS: usize = 64;
/// Keys of dialback that one stream may have under examination.
pub(crate) const PEER_VERIFYING: usize = 16;
/// Keys of dialback that are under examination at once.
pub(crate) const PEERS_VERIFYING: usize = 256;
/// Stanzas of one stream that are not done with; more are not read.
pub(crate) const PEER_RECEIPTS: usize = 256;
/// Bytes that wait for a peer's socket before its senders wait.
pub(crate) const PEER_OUTPUT: usize = 64 << 10;
/// Requests of senders that wait for their stream.
pub(crate) const PEER_COMMANDS: usize = 16;
/// Stanzas that a peer may send between asking for stream management and our hearing that it agreed.
pub(crate) const PEER_EARLY: usize = 32;
/// Domains of peers whose rates are remembered at a time.
pub(crate) const PEER_RATES: usize = 65_536;
/// Outboxes to other servers that are in use at a time.
pub(crate) const PEERS_MAX: usize = 65_536;

/// Where there were more, the store is looked through for those who wait after so many seconds.
pub(crate) const PEERS_LOOK_SECONDS: u64 = 60;
/// Stanzas of the moment that wait for one sender, and as many that it has taken.
pub(crate) const PARCELS: usize = 1_024;
/// Seconds without anything to do after which a sender closes its stream, and those after which it ends.
pub(crate) const PEER_LINGER_SECONDS: u64 = 300;
/// Stanzas that are sent to a peer before one of them is confirmed.
pub(crate) const PEER_WINDOW: usize = 1_024;
/// Bytes of those.
pub(crate) const PEER_WINDOW_BYTES: usize = 1 << 20;
/// How often both are halved for a peer whose streams break, a quarter at a time: each confirmation doubles them again.
pub(crate) const PEER_NARROW: u32 = 6;
/// Seconds in which a peer must confirm what it was asked for.
pub(crate) const PEER_CONFIRM_SECONDS: u64 = 60;
/// Seconds in which a peer says what it is, before posts are sent to it.
pub(crate) const PEER_KIND_SECONDS: u64 = 10;
/// Pings that a peer without acknowledgements may leave unanswered, one behind the other, in that time.
pub(crate) const PEER_PINGS: u32 = 6;
/// Streams that break with the same entry at their head before that is given up.
pub(crate) const PEER_BREAKS: u32 = 3;
/// Followers of one page of posts for a peer.
pub(crate) const PEER_PAGE_FOLLOWERS: usize = 512;
/// Stored stanzas that are read at once for a peer.
pub(crate) const PEER_READ_STANZAS: usize = 128;
/// Bytes of those.
pub(crate) const PEER_READ_BYTES: usize = 256 << 10;
/// Reads for peers that run at once.
pub(crate) const PEER_READS: usize = 2;
/// Milliseconds after which what waited for a stream to a peer says since when.
pub(crate) const PEER_DELAY_MS: u64 = 10_000;
/// Requests of users of other servers that wait on one shard for those before them.
pub(crate) const ASKING_PEERS: usize = 65_536;
/// The same of one of them.
pub(crate) const ASKING_WAIT: usize = 64;
/// Questions of a shard to other servers that wait for their answers.
pub(crate) const QUESTIONS: usize = 16_384;
/// Milliseconds in which they are answered.
pub(crate) const QUESTION_MS: u64 = 60_000;
/// Subscriptions that sessions of a shard ask of other servers and that wait for their answers.
pub(crate) const SUBSCRIBING: usize = 65_536;
/// Devices at other servers of which a shard knows what they want to be notified of.
pub(crate) const INTERESTS: usize = 65_536;
/// The same of one contact.
pub(crate) const INTEREST_DEVICES: usize = 16;
/// What is published by one account and waits until it is read who of them gets it.
pub(crate) const INTEREST_WAITING: usize = 256;
/// Seconds in which `check-config` finds one of our domains.
pub(crate) const CHECK_DNS_SECONDS: u64 = 5;
/// Nodes in one request to compare who follows (`frontend/FANOUT.md` §4).
pub(crate) const AGREE_NODES: usize = 100;
/// Followers in one request of that kind.
pub(crate) const AGREE_JIDS: usize = 500;
/// Such requests of other servers that are answered at once.
pub(crate) const AGREE_AT_ONCE: usize = 2;
/// The same of one domain that wait.
pub(crate) const AGREE_WAITING: usize = 8;
/// Seconds in which another server answers one.
pub(crate) const AGREE_ANSWER_SECONDS: u64 = 60;
/// Seconds after which both compare again.
pub(crate) const AGREE_AGAIN_SECONDS: u64 = 86_400;
/// Accounts that one record of a mirrored item names.
pub(crate) const MIRROR_GATHERED: usize = 1_024;
/// Milliseconds after which events are recorded that found the queue of commits full.
pub(crate) const MIRROR_RETRY_MS: u64 = 50;
/// Other servers whose metrics are shown: those for which most waits.
pub(crate) const PEERS_SHOWN: usize = 50;
/// Milliseconds in which senders close their streams when the server ends.
pub(crate) const PEERS_STOP_MS: u64 = 2_000;
/// Items in one event of a service elsewhere; one that has more is no event to be recorded.
pub(crate) const EVENT_ITEMS: usize = 64;
/// Bytes of the name of a node or an item elsewhere.
pub(crate) const NAME_BYTES: usize = 1_023;
/// Seconds for which a sender is kept whose peer does not exist.
pub(crate) const PEER_NOBODY_SECONDS: u64 = 5;
/// Milliseconds without a try after which a peer that was down is not taken to have been down all the time.
pub(crate) const PEER_DOWN_GAP_MS: u64 = 86_400_000;
/// Milliseconds after which it is noted that it still is.
pub(crate) const PEER_DOWN_NOTED_MS: u64 = 3_600_000;
/// Requests and messages of accounts without a session that are under way on one shard.
pub(crate) const BEHALF: usize = 16_384;
/// Seconds in which another part of the server must have stopped.
pub(crate) const PART_STOP_SECONDS: u64 = 10;
/// Milliseconds after which a stanza is tried again that must not be lost and found a shard's box or the commit queue full.
pub(crate) const ARRIVED_RETRY_MS: u64 = 50;
/// Elements of private storage that an account keeps, its card among them.
pub(crate) const PRIVATE_ELEMENTS: u32 = 128;
/// Their bytes.
pub(crate) const PRIVATE_BYTES: u64 = 2_097_152;
/// Bookmarks that one list changes at once; each is a record behind the list's, of which the engine takes 256.
pub(crate) const BOOKMARKS_CHANGED: u32 = 200;
/// Bytes of bookmarks that are shown as one list.
pub(crate) const BOOKMARKS_BYTES: usize = UNWRITTEN_MAX / 2;
/// Bytes of items or messages after which a page of an account's text ends.
pub(crate) const EXPORT_PAGE_BYTES: usize = 512 << 10;
/// Bytes of one element of such a text; a larger one is passed over.
pub(crate) const EXPORT_ELEMENT_BYTES: usize = 1 << 20;
/// Bytes of pieces that are brought at once.
pub(crate) const IMPORT_BYTES: usize = 512 << 10;
/// Pieces that are brought at once.
pub(crate) const IMPORT_PIECES: usize = 500;
/// Days for which an invitation holds, where nothing else is asked, and at most.
pub(crate) const INVITE_DAYS: u32 = 7;
/// See there.
pub(crate) const INVITE_DAYS_MAX: u32 = 365;
/// Bytes of a token that somebody brings.
pub(crate) const INVITE_TOKEN_BYTES: usize = 64;
/// Invitations that are over and go with each new one.
pub(crate) const INVITES_FORGOTTEN: usize = 16;
/// Stanzas that wait until somebody looks at a client (XEP-0352): one for each sender of presence or chat states.
pub(crate) const CSI_HELD: usize = 1_000;
/// Their bytes.
pub(crate) const CSI_HELD_BYTES: usize = 131_072;
/// Bytes of what tells a client from its user's others (XEP-0388); a UUID has 36.
pub(crate) const AGENT_BYTES: usize = 256;
/// Clients of an account that have tokens (XEP-0484); the one that has not come for longest loses its own to the next.
pub(crate) const TOKENS: u32 = 32;
/// How long a token is worth something, and how long before its end the next one comes: in milliseconds.
pub(crate) const TOKEN_MS: u64 = 21 * 86_400_000;
/// See there.
pub(crate) const TOKEN_ROTATED_MS: u64 = 14 * 86_400_000;
/// Reports of addresses (XEP-0377) that are kept for the operator; beyond, the log alone has them.
pub(crate) const REPORTS: u32 = 10_000;
/// The same of one account, whose oldest makes room.
pub(crate) const REPORTS_PER_ACCOUNT: usize = 100;
/// Bytes of the words of a report that are kept.
pub(crate) const REPORT_TEXT_BYTES: usize = 2_048;
/// Bytes of its reason, and of each id of a message.
pub(crate) const REPORT_REASON_BYTES: usize = 256;
/// Messages that it names.
pub(crate) const REPORT_STANZAS: usize = 16;
/// Accounts in one list that an administrator is shown.
pub(crate) const ADMIN_LIST: usize = 2_000;
/// Bytes of their names.
pub(crate) const ADMIN_LIST_BYTES: usize = 128 << 10;
/// Bytes of an announcement.
pub(crate) const ANNOUNCEMENT_BYTES: usize = 8 << 10;
/// Sessions that an announcement is sent to before the others get their turn.
pub(crate) const ANNOUNCE_TURN: usize = 4_096;
/// Milliseconds in which a shard answers who waits for it.
pub(crate) const SHARD_PATIENCE_MS: u64 = 5_000;
/// Slots for uploads that lapsed and are forgotten with an account's next one.
pub(crate) const UPLOADS_LAPSED: usize = 64;
/// Files that are removed right after their rows; the others when the files are looked through.
pub(crate) const UPLOADS_FORGOTTEN: usize = 1_024;
/// Bytes of the name of a file that is uploaded.
pub(crate) const UPLOAD_NAME_BYTES: usize = 255;
/// Bytes of its `Content-Type`.
pub(crate) const UPLOAD_KIND_BYTES: usize = 127;
/// Seconds in which an upload must begin (XEP-0363 §9).
pub(crate) const UPLOAD_SLOT_SECONDS: u64 = 300;
/// Bytes a second that it must have in all, once it has begun.
pub(crate) const UPLOAD_BYTES_PER_SECOND: u64 = 16 << 10;
/// Seconds without a byte after which it ends.
pub(crate) const UPLOAD_IDLE_SECONDS: u64 = 60;
/// Uploads of one account at a time.
pub(crate) const UPLOADS_AT_ONCE: usize = 8;
/// Bytes of a file that are read or written at once.
pub(crate) const UPLOAD_CHUNK: usize = 128 << 10;
/// Requests for files that read the store at once.
pub(crate) const UPLOAD_READS: usize = 4;
/// Seconds between two looks for files that have gone.
pub(crate) const UPLOAD_SWEEP_SECONDS: u64 = 3_600;
/// Slots and files that are looked at in one step of that.
pub(crate) const UPLOAD_SWEEP_ROWS: usize = 1_024;
/// Services that hear of what one account's clients miss (XEP-0357).
pub(crate) const PUSH_SERVICES: usize = 32;
/// Bytes of what such a service is called, with its node and options.
pub(crate) const PUSH_BYTES: usize = 4 << 10;
/// Milliseconds in which one is told once; what comes meanwhile is told together.
pub(crate) const PUSH_GATHER_MS: u64 = 3_000;
/// Services of a shard that were told of something within that time; beyond, each is told at once.
pub(crate) const PUSHES: usize = 65_536;
/// Bytes of a message's words that they are told, where they are.
pub(crate) const PUSH_BODY_BYTES: usize = 256;
/// Addresses whose registrations, or whose tries that failed, are remembered at a time.
pub(crate) const RATED_ADDRESSES: usize = 65_536;
/// Seconds for which a try waits for its turn; beyond, the client is asked to come again.
pub(crate) const TRY_WAIT_SECONDS: u64 = 10;
/// Bytes of answers that a WebSocket's client has not taken, from which on nothing more is read of it.
pub(crate) const WEB_UNREAD_BYTES: usize = 16 << 10;
