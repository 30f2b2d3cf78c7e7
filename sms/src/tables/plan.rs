//! What a route sends next becomes an intent: with the ring's place and the mark of each pair, in one commit.
//!
//! Each is looked at once more: a number that has said STOP since, has got enough or does not get that publisher any more
//! is passed over. After a crash what has no intent is visited again; what has one was perhaps sent. Next: `fate.rs`.

use super::rows::{
    Class, Delivery, DeliveryId, Edge, Fanout, Held, Number, NumberId, Progress, Ring, RouteId, Spent, State, Usage,
    Waiting, What,
};
use super::{Doing, Intent, Plan, RingMove, Source, keys};
use crate::limits::{BURST_MS, HELD_MAX};
use reef_engine::log::apply::ApplyError;
use reef_engine::model::{NodeId, Seq, Timestamp};
use reef_engine::store::rows::encode;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an operation spends, by scope.
type Spending = BTreeMap<Vec<u8>, Spent>;

/// Scope of all routes.
pub const SPENT_ALL: &[u8] = b"a";

/// The same of a month.
pub const SPENT_MONTH: &[u8] = b"m";

/// Scope of a route.
pub fn spent_by(route: RouteId) -> Vec<u8> {
    [&b"r"[..], &route.0.to_be_bytes()].concat()
}

/// Scope of a publisher.
pub fn spent_for(node: NodeId) -> Vec<u8> {
    [&b"p"[..], &node.0.to_be_bytes()].concat()
}

impl Doing<'_, '_, '_> {
    pub(super) fn plan(&mut self, plan: &Plan) -> Result<(), ApplyError> {
        for (node, to) in &plan.rings {
            self.move_ring(plan.route, *node, to)?;
        }
        for (node, seq) in &plan.done {
            self.delete_main(keys::fanout(plan.route, *node, *seq));
        }
        for (at, id) in &plan.begun {
            self.delete_main(keys::due(plan.route, *at, *id));
            let mut usage = self.usage(*id)?;
            usage.due = None;
            self.put_main(keys::usage(*id), &usage);
        }
        let mut spending = Spending::new();
        for intent in &plan.send {
            let planned = self.intend(plan.route, intent, &mut spending)?;
            self.outcome.planned.push(planned);
        }
        for (id, until) in &plan.later {
            self.wait_for(plan.route, *id, *until)?;
        }
        for (class, at, id, again) in &plan.put_off {
            let key = keys::waiting(plan.route, *class, *at, *id);
            let row = self.main::<Waiting>(&key)?;
            self.delete_main(key);
            match (row, again) {
                (Some(row), Some(again)) => self.put_main(keys::waiting(plan.route, *class, *again, *id), &row),
                (Some(row), None) => self.drop_waiting(*id, &row)?,
                (None, _) => {}
            }
        }
        let all = spending.get(SPENT_ALL).copied();
        let days = spending.into_iter().map(|(scope, more)| (plan.day, scope, more));
        let month = all.map(|more| (plan.month, SPENT_MONTH.to_vec(), more));
        for (day, scope, more) in days.chain(month) {
            let key = keys::spent(day, &scope);
            let mut spent = self.main::<Spent>(&key)?.unwrap_or_default();
            spent.segments += more.segments;
            spent.micros += more.micros;
            self.put_main(key, &spent);
        }
        Ok(())
    }

    /// Moves a ring on. Posts that came while that was planned begin where it stands now: nobody was visited for them.
    fn move_ring(&mut self, route: RouteId, node: NodeId, to: &RingMove) -> Result<(), ApplyError> {
        let key = keys::ring(route, node);
        let mut ring = self.main::<Ring>(&key)?.unwrap_or_default();
        (ring.at, ring.lap) = (to.at, to.lap);
        ring.visits += u64::from(to.visits);
        self.put_main(key, &ring);
        let (view, families) = (&*self.apply.tx, self.families);
        for (seq, fanout) in (super::read::Rows { view, families }).fanouts_of(route, node, to.newest)? {
            self.put_main(keys::fanout(route, node, seq), &fanout.from(&ring));
        }
        Ok(())
    }

    /// Notes when a number is looked at again; an earlier time stays.
    fn wait_for(&mut self, route: RouteId, id: NumberId, until: Timestamp) -> Result<(), ApplyError> {
        let mut usage = self.usage(id)?;
        if usage.due.is_none() {
            usage.due = Some(until);
            self.put_main(keys::usage(id), &usage);
            self.put_main(keys::due(route, until, id), &());
        }
        Ok(())
    }

    fn intend(
        &mut self,
        route: RouteId,
        intent: &Intent,
        spending: &mut Spending,
    ) -> Result<Option<DeliveryId>, ApplyError> {
        let id = intent.number;
        let Some(number) = self.main::<Number>(&keys::number(id))? else {
            return self.passed_over(route, intent);
        };
        let mut usage = self.usage(id)?;
        if !may_be_sent(&number, intent) || !fits(&mut usage, intent, self.apply.at) {
            return self.passed_over(route, intent);
        }
        let place = match &intent.source {
            Source::Waiting(_, place) => *place,
            _ => self.next_id(),
        };
        let Some((what, again)) = self.take(route, intent, &mut usage)? else {
            return Ok(None);
        };
        let mut scopes = vec![SPENT_ALL.to_vec(), spent_by(route)];
        if let What::Post { node, .. } = &what {
            scopes.push(spent_for(*node));
        }
        for scope in scopes {
            let spent = spending.entry(scope).or_default();
            spent.segments += u64::from(intent.segments);
            spent.micros += u64::from(intent.segments) * intent.micros;
        }
        if intent.segments > 1 {
            usage.reference = usage.reference.wrapping_add(1);
        }
        self.put_main(keys::usage(id), &usage);
        let delivery = Delivery {
            number: id,
            route,
            class: intent.class,
            what,
            epoch: number.epoch,
            at: self.apply.at,
            expires: intent.expires,
            segments: intent.segments,
            progress: match again {
                true => Progress::Later(u8::MAX, self.apply.at),
                false => Progress::Intent,
            },
            ids: Vec::new(),
        };
        let family = self.families.delivery();
        self.apply.tx.put(family, keys::open(place), encode(&delivery));
        Ok(Some(place))
    }

    /// A text that is not sent: what it would have said may be asked for.
    fn drop_waiting(&mut self, place: DeliveryId, row: &Waiting) -> Result<(), ApplyError> {
        self.unsaid(place, row.number, row.epoch)?;
        self.forget_posts(place)
    }

    /// A text whose number wants nothing any more waits no longer.
    fn passed_over(&mut self, route: RouteId, intent: &Intent) -> Result<Option<DeliveryId>, ApplyError> {
        if let Source::Waiting(at, place) = intent.source {
            let key = keys::waiting(route, intent.class, at, place);
            let Some(row) = self.main::<Waiting>(&key)? else {
                return Ok(None);
            };
            let number = self.main::<Number>(&keys::number(row.number))?;
            if number.is_none_or(|number| !may_be_sent(&number, intent)) {
                self.delete_main(key);
                self.drop_waiting(place, &row)?;
            }
        }
        Ok(None)
    }

    /// Takes what is sent from where it lies, and whether it was perhaps sent before; `None` where it is not there any more.
    fn take(&mut self, route: RouteId, intent: &Intent, usage: &mut Usage) -> Result<Option<(What, bool)>, ApplyError> {
        match &intent.source {
            Source::Waiting(at, place) => {
                let key = keys::waiting(route, intent.class, *at, *place);
                let Some(row) = self.main::<Waiting>(&key)? else {
                    return Ok(None);
                };
                self.delete_main(key);
                Ok(Some((What::Text(row.text), row.again)))
            }
            Source::Post { node, seq, others } => {
                let key = keys::edge(route, *node, intent.number);
                let family = self.families.edge();
                let Some(edge) = self.get::<Edge>(family, &key)? else {
                    return Ok(None);
                };
                if !edge.on || edge.handled >= *seq {
                    return Ok(None);
                }
                let edge = Edge {
                    on: true,
                    handled: *seq,
                    sent: *seq,
                };
                self.apply.tx.put(family, key, encode(&edge));
                usage.last = Some((*node, *seq, self.apply.at));
                let others: Vec<(NodeId, Seq)> = others.iter().map(|seq| (*node, *seq)).collect();
                self.hold(intent.number, &others, 0)?;
                let what = What::Post {
                    node: *node,
                    seq: *seq,
                    more: u16::try_from(others.len()).unwrap_or(u16::MAX),
                };
                Ok(Some((what, false)))
            }
            Source::Digest {
                text,
                handled,
                held,
                more,
                most,
            } => {
                if usage.digests >= *most {
                    return Ok(None);
                }
                usage.digests += 1;
                self.handled(route, intent.number, handled)?;
                self.hold(intent.number, held, *more)?;
                Ok(Some((What::Digest(text.clone()), false)))
            }
        }
    }

    fn handled(&mut self, route: RouteId, id: NumberId, handled: &[(NodeId, Seq)]) -> Result<(), ApplyError> {
        let family = self.families.edge();
        for (node, seq) in handled {
            let key = keys::edge(route, *node, id);
            if let Some(edge) = self.get::<Edge>(family, &key)? {
                let edge = Edge {
                    handled: edge.handled.max(*seq),
                    ..edge
                };
                self.apply.tx.put(family, key, encode(&edge));
            }
        }
        Ok(())
    }

    /// Posts that a number may ask for; the oldest are let go.
    pub(super) fn hold(&mut self, id: NumberId, posts: &[(NodeId, Seq)], more: u32) -> Result<(), ApplyError> {
        if posts.is_empty() && more == 0 {
            return Ok(());
        }
        let mut held = self.main::<Held>(&keys::held(id))?.unwrap_or_default();
        for post in posts {
            if !held.posts.contains(post) {
                held.posts.push(*post);
            }
        }
        held.posts.sort_by_key(|(_, seq)| *seq);
        let over = held.posts.len().saturating_sub(HELD_MAX);
        held.posts.drain(..over);
        held.more = held.more.saturating_add(more).saturating_add(over as u32);
        self.put_main(keys::held(id), &held);
        Ok(())
    }

    pub(super) fn posts(&mut self, upto: Seq, posts: &[(NodeId, Seq, Arc<str>, Timestamp)]) -> Result<(), ApplyError> {
        self.put_main(keys::TAIL.to_vec(), &upto);
        let families = self.families;
        for (node, seq, item, deadline) in posts {
            let routes = super::read::Rows {
                view: &*self.apply.tx,
                families,
            }
            .routes_of(*node)?;
            for route in routes {
                let ring = self.main::<Ring>(&keys::ring(route, *node))?.unwrap_or_default();
                let fanout = Fanout {
                    lap: ring.lap,
                    at: ring.at,
                    visits: ring.visits,
                    deadline: *deadline,
                    item: item.clone(),
                };
                self.put_main(keys::fanout(route, *node, *seq), &fanout);
            }
        }
        Ok(())
    }
}

/// Whether a number may be sent this at all.
fn may_be_sent(number: &Number, intent: &Intent) -> bool {
    let state = match intent.class {
        Class::First => true,
        Class::Answer => number.state != State::Stopped,
        Class::Message | Class::Post | Class::Digest => number.state == State::Active,
    };
    state && number.epoch == intent.epoch && number.state != State::Bad
}

/// Whether its number has not got enough; counts it.
fn fits(usage: &mut Usage, intent: &Intent, at: Timestamp) -> bool {
    if usage.day != intent.day {
        (usage.day, usage.segments, usage.answers) = (intent.day, 0, 0);
        usage.digests = 0;
    }
    let segments = u16::from(intent.segments);
    if intent.class == Class::First {
        return true;
    }
    if intent.class == Class::Answer {
        usage.answers += segments;
        return usage.answers <= intent.limit;
    }
    if at.0 >= usage.burst.0.0 + BURST_MS {
        usage.burst = (at, 0);
    }
    usage.segments += segments;
    usage.burst.1 = usage.burst.1.saturating_add(1);
    usage.segments <= intent.limit && usage.burst.1 <= intent.burst
}
