//! A route's next plan: first what may not wait, then answers, messages, posts and digests by their weights, posts by turns
//! of their publishers.
//!
//! Bounded: intents by what the pace and the window allow, visits by a number, so that a publisher whose followers all sleep
//! holds nobody up. Next: the plan is committed, and what it intends is sent.

use super::route::{Planned, RouteState};
use super::visit::{Spoken, Visit, speak, visit};
use super::{Context, Load, Prepared, due};
use crate::limits::{FLIGHT_MIN, INTENTS_PER_PLAN, TEXTS_READ, VISITS_PER_TURN};
use crate::tables::rows::{Class, DeliveryId, NumberId};
use crate::tables::{Intent, Plan, SPENT_ALL, SPENT_MONTH, Source, spent_by, spent_for};
use reef_engine::error::StoreError;
use reef_engine::model::{NodeId, Timestamp};
use std::collections::{HashSet, VecDeque};

/// How often a class goes, beside the others: answers, messages, posts, digests.
const WEIGHTS: [(Class, i32); 4] = [
    (Class::Answer, 8),
    (Class::Message, 4),
    (Class::Post, 2),
    (Class::Digest, 1),
];
/// Between two plans, so that each holds several intents where the pace allows it.
const REST_MS: u64 = 20;

/// What one plan may still do.
struct Making {
    planned: Planned,
    /// Messages that the window has room for.
    room: usize,
    /// Visits.
    visits: usize,
    /// Whether posts, messages and digests may cost anything more.
    paid: bool,
    /// Texts that were looked at, by class.
    texts: [Option<VecDeque<Text>>; 3],
    /// Segments of a post.
    segments: u8,
    /// Publishers whose followers were visited.
    visited: Vec<NodeId>,
    /// Numbers whose time has come.
    dues: Option<VecDeque<(Timestamp, NumberId)>>,
    /// Numbers that have something in this plan: not twice in one.
    taken: HashSet<NumberId>,
}

type Text = (Timestamp, DeliveryId, crate::tables::rows::Waiting);

/// One that is to be sent.
type Next = Option<(Intent, Prepared)>;

impl RouteState {
    /// The next plan, if there is anything to do now.
    ///
    /// # Errors
    /// The store's failures.
    pub fn plan(&mut self, cx: &Context<'_>) -> Result<Option<Planned>, StoreError> {
        self.notice(cx)?;
        let most = (usize::from(self.route.window) * 2).max(FLIGHT_MIN);
        let room = most.saturating_sub(self.flight.len());
        if self.paused || self.planning || !self.up || room == 0 || cx.now < self.rest {
            return Ok(None);
        }
        if self.sleeps(cx.now) || !self.pacer.may(cx.now) {
            return Ok(None);
        }
        self.turn += 1;
        let mut planned = Planned::default();
        planned.plan.route = self.id;
        let load = self.walk(cx.now, &mut planned.plan);
        let mut making = Making::new(self, cx, (planned, load), room)?;
        self.fill(cx, &mut making)?;
        self.finish(cx, making)
    }

    /// Wakes up where a message came: those are kept in commits of others, who tell nobody here.
    fn notice(&mut self, cx: &Context<'_>) -> Result<(), StoreError> {
        if self.sleeps(cx.now) && cx.rows.next_waiting(self.id, Class::Message)? != self.seen {
            self.wake();
        }
        Ok(())
    }

    fn sleeps(&self, now: Timestamp) -> bool {
        self.rings.is_empty() && self.unsaid.is_empty() && self.wakes.is_none_or(|at| at > now)
    }

    fn fill(&mut self, cx: &Context<'_>, making: &mut Making) -> Result<(), StoreError> {
        while making.room > 0 && self.pacer.may(cx.now) {
            match self.next_text(cx, making, Class::First)? {
                Some(next) => self.take(making, next),
                None => break,
            }
        }
        let mut idle = 0;
        while making.room > 0 && idle < WEIGHTS.len() && self.pacer.may(cx.now) {
            idle = 0;
            for (class, weight) in WEIGHTS {
                let credit = self.credit.get(class as usize).copied().unwrap_or(0) + weight;
                let left = self.serve(cx, making, class, credit)?;
                idle += usize::from(left.is_none());
                if let Some(credit) = self.credit.get_mut(class as usize) {
                    *credit = left.unwrap_or(0);
                }
            }
        }
        Ok(())
    }

    /// Serves a class up to its credit; what is left of that, or `None` where it has nothing to send.
    fn serve(
        &mut self,
        cx: &Context<'_>,
        making: &mut Making,
        class: Class,
        mut credit: i32,
    ) -> Result<Option<i32>, StoreError> {
        if !class.is_answer() && !making.paid {
            return Ok(None);
        }
        while credit > 0 {
            if making.room == 0 || !self.pacer.may(cx.now) {
                return Ok(Some(credit));
            }
            let next = match class {
                Class::Post => self.next_post(cx, making)?,
                Class::Digest => self.next_due(cx, making)?,
                _ => self.next_text(cx, making, class)?,
            };
            match next {
                Some(next) => {
                    credit -= i32::from(next.0.segments);
                    self.take(making, next);
                }
                None => return Ok(None),
            }
        }
        Ok(Some(credit))
    }

    fn take(&mut self, making: &mut Making, (intent, prepared): (Intent, Prepared)) {
        self.pacer.take(intent.segments);
        making.room -= 1;
        making.taken.insert(intent.number);
        making.planned.plan.send.push(intent);
        making.planned.prepared.push(prepared);
    }

    fn next_text(&self, cx: &Context<'_>, making: &mut Making, class: Class) -> Result<Next, StoreError> {
        let Some(texts) = making.texts.get_mut(class as usize) else {
            return Ok(None);
        };
        if texts.is_none() {
            *texts = Some(cx.rows.waiting(self.id, class, cx.now, TEXTS_READ)?.into());
        }
        while let Some((at, id, waiting)) = texts.as_mut().and_then(VecDeque::pop_front) {
            let put_off = match speak(cx, class, Source::Waiting(at, id), &waiting)? {
                Spoken::Send(next) if making.taken.contains(&waiting.number) && !class.is_answer() => {
                    // Its caps were looked at without what it gets in this plan already.
                    drop(next);
                    continue;
                }
                Spoken::Send(next) => return Ok(Some(*next)),
                Spoken::Later(until) => Some(until),
                Spoken::Dropped => None,
            };
            making.planned.plan.put_off.push((class, at, id, put_off));
        }
        Ok(None)
    }

    /// The next post of the publisher whose turn it is.
    fn next_post(&mut self, cx: &Context<'_>, making: &mut Making) -> Result<Next, StoreError> {
        let mut turns = self.order.len();
        while turns > 0 && making.visits > 0 {
            let Some(node) = self.order.pop_front() else { break };
            let Some(turning) = self.rings.get_mut(&node) else {
                turns -= 1;
                continue;
            };
            turning.credit = (turning.credit + 1).min(1);
            if turning.credit <= 0 {
                self.order.push_back(node);
                turns -= 1;
                continue;
            }
            let found = self.visit_some(cx, making, node)?;
            let turning = self.rings.get_mut(&node);
            match turning {
                Some(turning) if !turning.posts.is_empty() => {
                    if let Some((intent, _)) = &found {
                        turning.credit -= i32::from(intent.segments);
                    }
                    self.order.push_back(node);
                }
                _ => self.end_ring(node, making),
            }
            if found.is_some() {
                return Ok(found);
            }
            turns -= 1;
        }
        Ok(None)
    }

    /// Visits followers until one is sent to, a bounded number of them.
    fn visit_some(&mut self, cx: &Context<'_>, making: &mut Making, node: NodeId) -> Result<Next, StoreError> {
        let (id, turn) = (self.id, self.turn);
        let budget = making.segments;
        let Some(turning) = self.rings.get_mut(&node) else {
            return Ok(None);
        };
        debug_assert_eq!(id, making.planned.plan.route);
        if cx.settings.publisher_daily_cost > 0.0 {
            let spent = cx.rows.spent(making.planned.plan.day, &spent_for(node))?.micros;
            if spent >= micros(cx.settings.publisher_daily_cost) {
                return Ok(None);
            }
        }
        turning.weigh(cx, turn)?;
        making.visited.push(node);
        let mut gone = Vec::new();
        for _ in 0..VISITS_PER_TURN / 4 {
            if making.visits == 0 {
                break;
            }
            let Some(follower) = turning.next(&cx.rows, &mut making.planned.plan)? else {
                break;
            };
            let number = follower.0;
            if making.taken.contains(&number) {
                // It gets another publisher's in this plan, and its caps were looked at without that.
                turning.back(follower);
                break;
            }
            making.visits -= 1;
            let visited = visit(cx, turning, follower, (turn, budget), &mut gone)?;
            gone.drain(..)
                .for_each(|seq| turning.forget(seq, &mut making.planned.plan));
            match visited {
                Visit::Passed => {}
                Visit::Later(until) => making.planned.plan.later.push((number, until)),
                Visit::Send(next) => {
                    turning.let_go(&mut making.planned.plan);
                    return Ok(Some(*next));
                }
            }
            turning.let_go(&mut making.planned.plan);
            if turning.posts.is_empty() {
                break;
            }
        }
        Ok(None)
    }

    /// Once round all rings: lets go of what is too old, and of rings without posts; what is under way.
    fn walk(&mut self, now: Timestamp, plan: &mut Plan) -> Load {
        let (mut load, mut expired, before) = (Load::default(), 0, self.rings.len());
        self.rings.retain(|node, turning| {
            expired += turning.expire(now, plan);
            let ends = turning.posts.is_empty();
            match ends {
                true => _ = self.ended.insert(*node, turning.end(plan)),
                false => load = load.and(turning.left()),
            }
            !ends
        });
        self.expired += expired;
        if self.rings.len() < before {
            let rings = &self.rings;
            self.order.retain(|node| rings.contains_key(node));
        }
        load
    }

    fn next_due(&mut self, cx: &Context<'_>, making: &mut Making) -> Result<Next, StoreError> {
        if making.dues.is_none() {
            making.dues = Some(cx.rows.due(self.id, cx.now, TEXTS_READ)?.into());
        }
        while let Some((at, id)) = making.dues.as_mut().and_then(VecDeque::pop_front) {
            if making.taken.contains(&id) {
                continue;
            }
            let visited = due::due(cx, self.id, id)?;
            making.planned.plan.begun.push((at, id));
            match visited {
                Visit::Passed => {}
                Visit::Later(until) => making.planned.plan.later.push((id, until)),
                Visit::Send(next) => return Ok(Some(*next)),
            }
        }
        Ok(None)
    }

    fn end_ring(&mut self, node: NodeId, making: &mut Making) {
        if let Some(mut turning) = self.rings.remove(&node) {
            self.ended.insert(node, turning.end(&mut making.planned.plan));
        }
    }

    /// Closes a plan; nothing where it would change nothing.
    fn finish(&mut self, cx: &Context<'_>, mut making: Making) -> Result<Option<Planned>, StoreError> {
        let plan = &mut making.planned.plan;
        for node in making.visited.drain(..) {
            // A ring that has ended is noted already.
            let turning = self.rings.get_mut(&node).filter(|turning| turning.moved());
            turning.into_iter().for_each(|turning| turning.note(plan));
        }
        plan.done.append(&mut self.unsaid);
        let more = making.room == 0 || !self.rings.is_empty() || !plan.send.is_empty();
        let nothing = plan.send.is_empty() && plan.done.is_empty() && plan.later.is_empty();
        let nothing = nothing && plan.begun.is_empty() && plan.put_off.is_empty() && plan.rings.is_empty();
        self.rest = Timestamp(cx.now.0 + REST_MS);
        self.wakes = match more || !nothing {
            true => Some(self.rest),
            false => self.sleep_until(cx)?,
        };
        if nothing {
            return Ok(None);
        }
        self.planning = true;
        Ok(Some(making.planned))
    }

    /// When the next text or number may be sent to.
    fn sleep_until(&mut self, cx: &Context<'_>) -> Result<Option<Timestamp>, StoreError> {
        self.seen = cx.rows.next_waiting(self.id, Class::Message)?;
        let mut next = [cx.rows.next_due(self.id)?, self.seen].into_iter().flatten().min();
        for class in [Class::First, Class::Answer] {
            next = [next, cx.rows.next_waiting(self.id, class)?]
                .into_iter()
                .flatten()
                .min();
        }
        // What is there already was looked at, and cannot be sent for another reason: not at once again.
        Ok(next.map(|at| at.max(Timestamp(cx.now.0 + 1_000))))
    }
}

impl Making {
    fn new(
        state: &RouteState,
        cx: &Context<'_>,
        (mut planned, load): (Planned, Load),
        room: usize,
    ) -> Result<Making, StoreError> {
        (planned.plan.day, planned.plan.month) = day_and_month(cx.now);
        let (day, month) = (planned.plan.day, planned.plan.month);
        let below = |most: f64, day: i32, scope: &[u8]| -> Result<bool, StoreError> {
            Ok(most <= 0.0 || cx.rows.spent(day, scope)?.micros < micros(most))
        };
        let route = spent_by(state.id);
        let segments = state.route.daily_segments;
        let paid = below(cx.settings.daily_cost, day, SPENT_ALL)?
            && below(cx.settings.monthly_cost, month, SPENT_MONTH)?
            && below(state.route.daily_cost, day, &route)?
            && (segments == 0 || cx.rows.spent(day, &route)?.segments < segments);
        Ok(Making {
            planned,
            room: room.min(INTENTS_PER_PLAN),
            visits: VISITS_PER_TURN,
            paid,
            texts: [None, None, None],
            segments: load.most_segments(cx.settings, state.pacer.rate(), cx.now),
            visited: Vec::new(),
            dues: None,
            taken: HashSet::new(),
        })
    }
}

/// Money in millionths.
pub(crate) fn micros(money: f64) -> u64 {
    (money * 1e6) as u64
}

/// The day since 1970 and the month since the year 0, in universal time: what spending is counted by.
pub(crate) fn day_and_month(now: Timestamp) -> (i32, i32) {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(now.0).unwrap_or(0)).unwrap_or_default();
    let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let day = i32::try_from(now.0 / crate::limits::DAY_MS).unwrap_or(i32::MAX);
    (day, i32::from(date.year()) * 12 + i32::from(date.month()))
}
