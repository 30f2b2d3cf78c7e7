//! What becomes of one number that may get something: sent to now, later, or passed over.
//!
//! Reads the rows once more than apply will: apply decides. Knows no pace. Next: `plan.rs` gathers it.

use super::render;
use super::ring::{Content, Turning};
use super::when::When;
use super::{Context, Prepared};
use crate::config::Country;
use crate::limits::DAY_MS;
use crate::number::Phone;
use crate::tables::rows::{Class, Edge, Number, NumberId, State, Usage};
use crate::tables::{Intent, Source};
use reef_engine::config::SubscriptionState;
use reef_engine::error::StoreError;
use reef_engine::model::{NodeId, Seq, Timestamp};
use reef_engine::store::rows;
use std::sync::Arc;

/// What becomes of a visit.
pub(super) enum Visit {
    /// Nothing: it wants nothing, has all, or may not be sent to.
    Passed,
    /// Not before then.
    Later(Timestamp),
    /// This.
    Send(Box<(Intent, Prepared)>),
}

/// A number that may be sent to, with where it is.
pub(super) struct Reached<'c> {
    /// It.
    pub number: Number,
    /// What it got.
    pub usage: Usage,
    /// Where to send.
    pub phone: Phone,
    /// Its country.
    pub country: &'c Country,
    /// What a segment costs, in millionths.
    pub micros: u64,
}

/// A number as far as it can be sent to at all: known, in a country with a row and a price.
///
/// # Errors
/// The store's failures.
pub(super) fn reach<'c>(cx: &'c Context<'_>, id: NumberId) -> Result<Option<Reached<'c>>, StoreError> {
    let Some(number) = cx.rows.number(id)? else {
        return Ok(None);
    };
    let Some(phone) = cx.keys.phone(&number.sealed) else {
        return Ok(None);
    };
    let country = cx.settings.country_of(phone.e164());
    let Some((country, micros)) = country.and_then(|country| Some((country, country.micros()?))) else {
        return Ok(None);
    };
    let usage = cx.rows.usage(id)?;
    Ok(Some(Reached {
        number,
        usage,
        phone,
        country,
        micros,
    }))
}

impl Reached<'_> {
    /// An intent for it.
    pub(super) fn intent(&self, cx: &Context<'_>, id: NumberId, class: Class, segments: u8, source: Source) -> Intent {
        let when = When::of(cx.settings, self.country, &self.number);
        let limit = match class {
            Class::First | Class::Answer => cx.settings.daily_answers,
            _ => self.number.limit.unwrap_or(cx.settings.daily_segments),
        };
        Intent {
            number: id,
            epoch: self.number.epoch,
            class,
            segments,
            micros: self.micros,
            day: when.day(cx.now),
            limit,
            burst: when.burst(),
            source,
            expires: Timestamp(0),
        }
    }

    /// What is needed to send it these words.
    pub(super) fn prepared(&self, cx: &Context<'_>, text: String) -> Prepared {
        Prepared {
            phone: self.phone.clone(),
            sender: cx.sender(self.country),
            text,
            reference: self.usage.reference.wrapping_add(1),
            again: false,
        }
    }

    /// Whether it has said nothing for so long that it is perhaps somebody else's.
    pub(super) fn is_silent(&self, cx: &Context<'_>) -> bool {
        let last = self.number.heard.max(self.number.made);
        cx.now.0.saturating_sub(last.0) >= u64::from(cx.settings.dormant_days) * DAY_MS
    }

    /// When it may get posts, if not now.
    pub(super) fn closed(&self, cx: &Context<'_>, id: NumberId, segments: u8) -> Option<Timestamp> {
        When::of(cx.settings, self.country, &self.number).closed(id, &self.number, &self.usage, segments, cx.now)
    }

    /// Segments of a post for it: no more than it gets a day.
    pub(super) fn segments(&self, cx: &Context<'_>, most: u8) -> u8 {
        let day = self.number.limit.unwrap_or(cx.settings.daily_segments);
        most.min(u8::try_from(day).unwrap_or(u8::MAX)).max(1)
    }

    /// When it may get a digest again, if it had all of the day's.
    pub(super) fn digested(&self, cx: &Context<'_>, id: NumberId) -> Option<Timestamp> {
        let when = When::of(cx.settings, self.country, &self.number);
        let all = self.usage.day == when.day(cx.now) && self.usage.digests >= cx.settings.digests_per_day;
        all.then(|| when.morning(&self.number, cx.now, id))
    }

    /// Whether it had so many answers today that this one is too much.
    fn is_answered_out(&self, cx: &Context<'_>, segments: u8) -> bool {
        let when = When::of(cx.settings, self.country, &self.number);
        let answers = self.usage.answers.saturating_add(u16::from(segments));
        self.usage.day == when.day(cx.now) && answers > cx.settings.daily_answers
    }

    /// Whether it may read a node: one that is open, or that its account follows.
    ///
    /// # Errors
    /// The store's failures.
    pub(super) fn may_read(&self, cx: &Context<'_>, node: NodeId, open: bool) -> Result<bool, StoreError> {
        let Some(account) = &self.number.account else {
            return Ok(open);
        };
        let view = cx.rows.view;
        let Some(id) = rows::subscriber_id(view, account)? else {
            return Ok(false);
        };
        let subscription = rows::subscription(view, node, id)?;
        Ok(subscription.is_some_and(|row| row.state == SubscriptionState::Subscribed))
    }
}

/// Visits one follower.
///
/// # Errors
/// The store's failures.
pub(super) fn visit(
    cx: &Context<'_>,
    turning: &mut Turning,
    (id, edge): (NumberId, Edge),
    (turn, segments): (u64, u8),
    gone: &mut Vec<Seq>,
) -> Result<Visit, StoreError> {
    let newest = turning.posts.back().map_or(Seq(0), |post| post.seq);
    if !edge.on || edge.handled >= newest {
        return Ok(Visit::Passed);
    }
    let Some(reached) = reach(cx, id)? else {
        return Ok(Visit::Passed);
    };
    let number = &reached.number;
    if number.state != State::Active || !reached.country.takes_posts() || reached.is_silent(cx) {
        return Ok(Visit::Passed);
    }
    if reached.usage.due.is_some() || !reached.may_read(cx, turning.node, turning.open)? {
        // It is looked at when its time comes.
        return Ok(Visit::Passed);
    }
    let above = edge.handled.max(number.since);
    let mut pending = Vec::new();
    for seq in turning.above(cx, above)? {
        match turning.content(cx, seq, turn)? {
            Some(content) if content.said.replies && !number.replies => {}
            Some(content) => pending.push((seq, content)),
            None => gone.push(seq),
        }
    }
    // What is too old alone is told of with the next.
    while let Some((seq, content)) = pending.pop() {
        if let Some(deadline) = turning.deadline(seq) {
            let newest = (deadline, seq, content);
            return Ok(posted(cx, turning, (id, &reached), newest, &pending, segments));
        }
    }
    Ok(Visit::Passed)
}

/// The newest of what is pending goes out, now or later; the others are told of.
fn posted(
    cx: &Context<'_>,
    turning: &Turning,
    (id, reached): (NumberId, &Reached<'_>),
    (deadline, seq, content): (Timestamp, Seq, Arc<Content>),
    others: &[(Seq, Arc<Content>)],
    segments: u8,
) -> Visit {
    if let Some(until) = reached.closed(cx, id, 1) {
        return Visit::Later(until);
    }
    let one = render::Post {
        author: &turning.author,
        said: &content.said,
        repeats: content.repeats.as_deref(),
        more: others.len(),
        link: content.link.as_deref(),
        links: reached.country.links,
        opt_out: &reached.country.opt_out,
    };
    let (text, segments) = render::post(&one, reached.segments(cx, segments), cx.form);
    if let Some(until) = reached.closed(cx, id, segments) {
        return Visit::Later(until);
    }
    let source = Source::Post {
        node: turning.node,
        seq,
        others: others.iter().map(|(seq, _)| *seq).collect(),
    };
    let intent = Intent {
        expires: deadline,
        ..reached.intent(cx, id, Class::Post, segments, source)
    };
    Visit::Send(Box::new((intent, reached.prepared(cx, text))))
}

/// Words that wait, for a number.
pub(super) enum Spoken {
    /// Too old, or nobody may hear them.
    Dropped,
    /// Not before then.
    Later(Timestamp),
    /// These.
    Send(Box<(Intent, Prepared)>),
}

/// What is asked for with MORE takes so many; other answers take one.
const ANSWER_SEGMENTS: u8 = 3;

/// Looks at a text that waits.
///
/// # Errors
/// The store's failures.
pub(super) fn speak(
    cx: &Context<'_>,
    class: Class,
    source: Source,
    waiting: &crate::tables::rows::Waiting,
) -> Result<Spoken, StoreError> {
    if waiting.expires <= cx.now {
        return Ok(Spoken::Dropped);
    }
    let Some(reached) = reach(cx, waiting.number)? else {
        return Ok(Spoken::Dropped);
    };
    if reached.number.epoch != waiting.epoch {
        return Ok(Spoken::Dropped);
    }
    let budget = if class == Class::Answer {
        ANSWER_SEGMENTS
    } else {
        reached.segments(cx, cx.settings.segments)
    };
    let (text, segments) = render::words(&waiting.text, budget, cx.form);
    if class == Class::Answer && reached.is_answered_out(cx, segments) {
        // Tomorrow it is too old.
        return Ok(Spoken::Dropped);
    }
    if !class.is_answer() {
        if reached.number.state != State::Active {
            return Ok(Spoken::Dropped);
        }
        if let Some(until) = reached.closed(cx, waiting.number, segments) {
            return Ok(match until < waiting.expires {
                true => Spoken::Later(until),
                false => Spoken::Dropped,
            });
        }
    }
    let intent = Intent {
        expires: waiting.expires,
        epoch: waiting.epoch,
        ..reached.intent(cx, waiting.number, class, segments, source)
    };
    let prepared = Prepared {
        again: waiting.again,
        ..reached.prepared(cx, text)
    };
    Ok(Spoken::Send(Box::new((intent, prepared))))
}
