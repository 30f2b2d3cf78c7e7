//! Posts to bytes: encoded once per post and form, by the first session that writes it, and spliced for each receiver.
//!
//! Knows no socket. Nothing here is done per delivery but five copies.

use crate::atom;
use jiff::Timestamp;
use reef_engine::config::NotificationType;
use reef_engine::model::{Event, NodeName, Post, Splice};
use reef_engine::shard::Manner;
use reef_stanza::pubsub;
use std::sync::Arc;

/// Appends the stanza that brings `post` to `to` (escaped already).
pub(super) fn append(post: &Post, manner: Manner, to: &[u8], out: &mut Vec<u8>) {
    let splice = match manner {
        Manner::Follower | Manner::Notify => post.live.get_or_init(|| encode(post, false)),
        Manner::Delayed => post.delayed.get_or_init(|| encode(post, true)),
    };
    out.reserve(splice.prefix.len() + 2 * to.len() + splice.suffix.len() + splice.tail.len());
    out.extend_from_slice(&splice.prefix);
    out.extend_from_slice(to);
    out.extend_from_slice(&splice.suffix);
    if !splice.tail.is_empty() {
        // Who follows has it in his timeline by this id; who gets it for his presence finds it in the author's archive.
        out.extend_from_slice(if manner == Manner::Notify { &splice.by } else { to });
        out.extend_from_slice(&splice.tail);
    }
}

/// Gives the stanza that begins at `from` in `out`, which brings `post`, a text body for one who asked for that (XEP-0060
/// §12.14). Rare, so that it is made each time; a node's own `include_body` is in the encoded form.
pub(super) fn add_body(post: &Post, from: usize, out: &mut Vec<u8>) {
    let Event::Publish { payload, .. } = &post.event else {
        return;
    };
    let written = out.get(from..).unwrap_or_default();
    let Some(at) = written.iter().position(|byte| *byte == b'>').map(|at| from + at + 1) else {
        return;
    };
    let Some(text) = atom::body(payload).filter(|_| !post.shown.body) else {
        return;
    };
    let mut body = b"<body>".to_vec();
    reef_stanza::escape_text(&text, &mut body);
    body.extend_from_slice(b"</body>");
    out.splice(at..at, body);
}

/// The messages of a digest, addressed to `to`: what is gone of earlier ones, and then all that was published. An item that
/// went and came again within it is among both.
pub(super) fn digest(name: &NodeName, posts: &[Arc<Post>], to: &str) -> Vec<Vec<u8>> {
    let (mut items, mut gone, mut purged) = (Vec::with_capacity(posts.len()), Vec::new(), false);
    for post in posts {
        match &post.event {
            Event::Publish { payload, publisher } => items.push(pubsub::ItemOut {
                id: &post.item,
                publisher: post.shown.publisher.then_some(&**publisher),
                payload: if post.shown.payload { payload } else { &[] },
            }),
            Event::Retract { .. } => gone.push(&*post.item),
            Event::Purge => purged = true,
            Event::Configure { .. } | Event::Delete { .. } | Event::Again { .. } => {}
        }
    }
    let (from, node) = (&*name.service, &*name.node);
    let messages = [
        purged.then(|| pubsub::event_purge(from, node, None)),
        (!gone.is_empty()).then(|| pubsub::event_retracts(from, node, &gone)),
        (!items.is_empty()).then(|| pubsub::event_items(from, node, &items)),
    ];
    let written = messages.into_iter().flatten().map(|splice| {
        let mut stanza = Vec::new();
        splice.write(to, &mut stanza);
        stanza
    });
    written.collect()
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
            let shown = post.shown.payload.then_some(&payload[..]);
            let splice = pubsub::event_publish(from, node, &post.item, publisher, shown, delay);
            let splice = match post.shown.body.then(|| atom::body(payload)).flatten() {
                Some(text) => splice.with_body(&text),
                None => splice,
            };
            let splice = splice.of_type(kind(post)).with_id(&post.id().to_text());
            return spliced(splice, from, pubsub::TAIL);
        }
        Event::Retract { .. } => pubsub::event_retract(from, node, &post.item, delay),
        Event::Purge => pubsub::event_purge(from, node, delay),
        Event::Configure { form } => pubsub::event_configuration(from, node, form, delay),
        Event::Delete { redirect } => pubsub::event_delete(from, node, redirect.as_deref(), delay),
        // Posts have the item itself; of one that had not, this is what is to be said.
        Event::Again { .. } => pubsub::event_publish(from, node, &post.item, None, None, delay),
    };
    spliced(splice.of_type(kind(post)), from, &[])
}

fn kind(post: &Post) -> &'static str {
    match post.shown.kind {
        NotificationType::Normal => "normal",
        NotificationType::Headline => "headline",
        NotificationType::Chat => "chat",
    }
}

fn spliced(splice: pubsub::Splice, from: &str, tail: &[u8]) -> Splice {
    let mut by = Vec::new();
    reef_stanza::escape_attr(from, &mut by);
    Splice {
        prefix: splice.prefix.into(),
        suffix: splice.suffix.into(),
        by: if tail.is_empty() { Box::default() } else { by.into() },
        tail: tail.into(),
    }
}

/// A post for the followers at another server, addressed to one of them; `delayed` says when it was published.
pub(crate) fn write_for_peer(post: &Post, to: &str, delayed: bool, out: &mut Vec<u8>) {
    let form = if delayed { &post.delayed } else { &post.live };
    let splice = form.get_or_init(|| encode(post, delayed));
    out.extend_from_slice(&splice.prefix);
    reef_stanza::escape_attr(to, out);
    out.extend_from_slice(&splice.suffix);
    if !splice.tail.is_empty() {
        out.extend_from_slice(&splice.by);
        out.extend_from_slice(&splice.tail);
    }
}

/// A post as an archive gives it out: as it was sent, without an addressee (XEP-0442 §3).
pub(crate) fn archived(post: &Post) -> Vec<u8> {
    let Event::Publish { payload, publisher } = &post.event else {
        return Vec::new();
    };
    let publisher = post.shown.publisher.then_some(&**publisher);
    let shown = post.shown.payload.then_some(&payload[..]);
    pubsub::archived_publish(&post.name.service, &post.name.node, &post.item, publisher, shown)
}

/// The length of such a stanza, but for the addressee.
pub(crate) fn size_for_peer(post: &Post, delayed: bool) -> usize {
    let form = if delayed { &post.delayed } else { &post.live };
    let splice = form.get_or_init(|| encode(post, delayed));
    splice.prefix.len() + splice.suffix.len() + splice.by.len() + splice.tail.len()
}

/// A post for another Reef, which knows itself who follows there: one stanza for all of them (`frontend/FANOUT.md`).
pub(crate) fn for_whole_peer(post: &Post, domain: &str, delayed: bool) -> Vec<u8> {
    const END: &[u8] = b"</message>";
    let mut stanza = Vec::new();
    write_for_peer(post, domain, delayed, &mut stanza);
    if stanza.ends_with(END) {
        stanza.truncate(stanza.len() - END.len());
        stanza.extend_from_slice(b"<fanout xmlns='");
        stanza.extend_from_slice(reef_stanza::ns::FANOUT.as_bytes());
        stanza.extend_from_slice(b"'/>");
        stanza.extend_from_slice(END);
    }
    stanza
}
