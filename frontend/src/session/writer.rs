//! Posts to bytes: encoded once per post and form, by the first session that writes it, and spliced for each receiver.
//!
//! Knows no socket. Nothing here is done per delivery but three copies.

use jiff::Timestamp;
use reef_engine::model::{Event, Post, Splice};
use reef_engine::shard::Manner;
use reef_stanza::pubsub;

/// Appends the stanza that brings `post` to `to` (escaped already).
pub(super) fn append(post: &Post, manner: Manner, to: &[u8], out: &mut Vec<u8>) {
    let splice = match manner {
        Manner::Follower | Manner::Notify => post.live.get_or_init(|| encode(post, false)),
        Manner::Delayed => post.delayed.get_or_init(|| encode(post, true)),
    };
    out.reserve(splice.prefix.len() + to.len() + splice.suffix.len());
    out.extend_from_slice(&splice.prefix);
    out.extend_from_slice(to);
    out.extend_from_slice(&splice.suffix);
}

/// A time as XEP-0082 writes it.
pub(crate) fn stamp(milliseconds: u64) -> String {
    let time = i64::try_from(milliseconds)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

fn encode(post: &Post, delayed: bool) -> Splice {
    let (from, node) = (&*post.name.service, &*post.name.node);
    let time = stamp(post.at.0);
    let delay = delayed.then_some((from, time.as_str()));
    let splice = match &post.event {
        Event::Publish { payload, publisher } => {
            let publisher = post.shown.publisher.then_some(&**publisher);
            let payload = post.shown.payload.then_some(&payload[..]);
            pubsub::event_publish(from, node, &post.item, publisher, payload, delay)
        }
        Event::Retract { .. } => pubsub::event_retract(from, node, &post.item, delay),
        Event::Purge => pubsub::event_purge(from, node, delay),
        Event::Configure => pubsub::event_configuration(from, node, None, delay),
        Event::Delete { redirect } => pubsub::event_delete(from, node, redirect.as_deref(), delay),
    };
    Splice {
        prefix: splice.prefix.into(),
        suffix: splice.suffix.into(),
    }
}
