//! Every limit of the gateway that no operator moves, with why it is so.
//!
//! Knows nothing else. What an operator may move is in `config/`.

use std::time::Duration;

/// Digits of a number, at least and at most (E.164 has 15; up to six are short codes).
pub const NUMBER_DIGITS_MIN: usize = 7;
/// See there.
pub const NUMBER_DIGITS_MAX: usize = 15;

/// Milliseconds of an hour.
pub const HOUR_MS: u64 = 3_600_000;
/// Of a day.
pub const DAY_MS: u64 = 24 * HOUR_MS;

/// A confirmation of STOP comes within this time or not at all.
pub const STOP_TOLD_EXPIRES_MS: u64 = 300_000;
/// Within which a number gets only so many texts.
pub const BURST_MS: u64 = 600_000;
/// Posts that a number may ask for.
pub const HELD_MAX: usize = 50;
/// Failures for good, in a row, after which a number must say YES again.
pub const STRIKES: u8 = 3;
/// Wrong codes, after which it holds no longer.
pub const CODE_TRIES: u8 = 5;
/// Codes for one number and day.
pub const CODES_PER_DAY: u8 = 3;
/// Codes that one account asks for within a day, for whatever numbers. Its address is not known here.
pub const ACCOUNT_CODES_PER_DAY: u8 = 5;
/// Wrong PINs in a row, after which a number may not post for a day.
pub const PIN_TRIES: u8 = 5;
/// Edges that are removed with a number in one commit; a number has fewer.
pub const ERASED_EDGES: usize = 10_000;

/// What one number may say within an hour, and a day; new numbers of one prefix within an hour.
pub const SAID_PER_HOUR: u16 = 30;
/// See there.
pub const SAID_PER_DAY: u16 = 200;
/// See there.
pub const NEWCOMERS_PER_HOUR: u32 = 100;
/// Posts of one number within an hour.
pub const POSTS_PER_HOUR: u16 = 20;
/// Times a day that HELP is answered.
pub const HELPS_PER_DAY: u8 = 3;
/// The same text is the same for so long where the route names no id.
pub const SAME_MS: u64 = 600_000;
/// And where it does.
pub const SAME_ID_MS: u64 = 30 * DAY_MS;
/// Letters of a name that JOIN takes: a text names its author, and is short.
pub const JOIN_NAME_MAX: usize = 20;
/// How long a password that was texted logs in, and its groups of four letters, of five bits each.
pub const PASSWORD_MS: u64 = HOUR_MS;
/// See there.
pub const PASSWORD_GROUPS: usize = 3;
/// How long YES is an answer.
pub const DIALOGUE_MS: u64 = DAY_MS;
/// How long a post may be answered with REPLY.
pub const REPLY_MS: u64 = DAY_MS;
/// How long a post may be taken back with DEL.
pub const DEL_MS: u64 = 600_000;

/// Texts that are heard at once, and those that are answered at once; those of one number in their order. One synced commit
/// holds what all of them write.
pub const LANES: usize = 64;
/// What waits in one lane. A session has no more unanswered messages than that: one sender may use them all.
pub const LANE_WAITING: usize = 1_024;
/// The same of texts that are to be answered, which lie in the store.
pub const ANSWERS_WAITING: usize = 64;
/// Rows of what the last run left that are read at once: of texts that are to be answered, and of parts.
pub const HEARD_READ: usize = 64;
/// See there.
pub const PARTS_READ: usize = 256;
/// Rows of what is under way that are read at once when a gateway starts.
pub const GOING_READ: usize = 1_000;
/// Fates of one commit at most.
pub const FATES_PER_COMMIT: usize = 1_000;
/// Pauses before something is tried again for which the log or the readers had no room.
pub const BUSY_MS: [u64; 8] = [50, 100, 200, 400, 800, 1_600, 3_200, 6_400];

/// Visits of a ring's followers in one turn, whether or not they can be sent to.
pub const VISITS_PER_TURN: usize = 1_000;
/// Followers read at once.
pub const EDGES_READ: usize = 128;
/// Texts read at once: as many as one plan takes, for a route that rests 20 ms between two.
pub const TEXTS_READ: usize = 200;
/// Intents of one commit at most.
pub const INTENTS_PER_PLAN: usize = 200;
/// Publishers with posts under way on one route at most; others wait in the log.
pub const RINGS_MAX: usize = 100_000;
/// Posts of one publisher under way; older ones are told of with the next.
pub const POSTS_PER_RING: usize = 64;
/// How many entries of the log are looked at in one step.
pub const TAIL_STEP: usize = 4_096;
/// Over how long those whose night ends together are spread.
pub const MORNING_MS: u64 = 20 * 60_000;
/// Receipts that came before their answers are kept so long.
pub const EARLY_MS: u64 = 60_000;
/// Parts of texts lie in the store so long: longer than they wait for the others, also where the process ended meanwhile.
pub const PARTS_MS: u64 = 900_000;
/// What the gateway's thread is told and has not looked at.
pub const TELLS: usize = 65_536;
/// What a session says and is not taken.
pub const ROUTE_EVENTS: usize = 4_096;
/// Bytes of a provider's answer that are read.
pub const ANSWER_BYTES: usize = 65_536;
/// How long a route rests whose provider cannot be reached, at first and at most.
pub const HTTP_REST_MS: (u64, u64) = (1_000, 60_000);
/// How long it rests when the provider says that it is configured wrongly.
pub const HTTP_WRONG: Duration = Duration::from_secs(300);
/// How long answers are waited for at the end.
pub const HTTP_STOP: Duration = Duration::from_secs(5);
/// Bytes of a webhook's request.
pub const WEBHOOK_BYTES: usize = 262_144;
/// Texts and receipts of one that are heard at once; the others of it come behind them, so that what other routes bring has room.
pub const WEBHOOK_EVENTS: usize = 100;
/// How long nothing is sent by a route that asks for it, at first and at most.
pub const PAUSE_MS: (u64, u64) = (1_000, 15_000);
/// How long a route rests after one of its plans was refused as a whole.
pub const REFUSED_MS: u64 = 1_000;
/// How often it is tried to keep what became of a message.
pub const FATE_TRIES: u8 = 3;
/// Pauses before what was refused for a moment is tried again.
pub const RETRY_MS: [u64; 4] = [5_000, 30_000, 120_000, 600_000];
/// Parts in doubt of one route of which a late answer is still understood.
pub const DOUBTED_MAX: usize = 10_000;
/// Bytes of one line in a list of numbers.
pub const LIST_LINE: u64 = 4_096;
/// Numbers that have said STOP of late, of which the session is told before it writes.
pub const VOIDS_MAX: usize = 100_000;
/// Rows that are forgotten at once.
pub const FORGET_ROWS: u32 = 2_000;
/// How often that is done.
pub const FORGET_MS: u64 = 10_000;
/// Above this a publisher is told how long his post takes.
pub const SLOW_DRAIN_MS: u64 = 10 * 60_000;
/// Rendered texts that are kept.
pub const RENDERED_MAX: usize = 4_096;
/// Codes of refusals that are told apart for a route; the others are one. Each is a row of the metrics.
pub const REFUSAL_CODES: usize = 32;
/// An operator is told when most of so many of a route's last answers are refusals for good.
pub const ANSWERS_LOOKED_AT: usize = 100;
/// Messages to be sent, of one route, that have an intent and no answer: twice its window, and at least this.
pub const FLIGHT_MIN: usize = 32;
