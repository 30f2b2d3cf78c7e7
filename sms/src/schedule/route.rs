//! A route: its pace, its rings, and what is under way on it. One plan of it is being committed at a time.
//!
//! Knows no protocol. `plan.rs` makes its plans, `flight.rs` follows what they lead to.

use super::flight::{Flight, Going};
use super::pacer::Pacer;
use super::ring::{Live, Turning};
use super::{Context, Drain, Load, Prepared, render};
use crate::config::{Route, Settings};
use crate::limits::REFUSED_MS;
use crate::tables::rows::{Fanout, Ring, RouteId};
use crate::tables::{Outcome, Plan};
use reef_engine::error::StoreError;
use reef_engine::model::{NodeId, Seq, Timestamp};
use reef_smpp::text::Form;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// A route.
pub struct RouteState {
    /// Its number.
    pub id: RouteId,
    /// What the operator says of it.
    pub route: Arc<Route>,
    /// How it wants text.
    pub form: Form,
    /// Its pace.
    pub pacer: Pacer,
    /// What is under way.
    pub flight: Flight,
    /// Whether an operator has it wait.
    pub paused: bool,
    /// Whether it is bound.
    pub up: bool,
    /// Posts that were too old for so many visits.
    pub expired: u64,
    pub(super) rings: HashMap<NodeId, Turning>,
    /// Where rings ended whose end is being committed.
    pub(super) ended: HashMap<NodeId, Ring>,
    /// Whose turn it is.
    pub(super) order: VecDeque<NodeId>,
    /// What each class below the first may still send before the others.
    pub(super) credit: [i32; 5],
    /// Counts turns: what was read in one is not read again.
    pub(super) turn: u64,
    /// A plan is being committed.
    pub(super) planning: bool,
    /// Not before.
    pub(super) rest: Timestamp,
    /// When something begins for numbers that wait, if nothing else happens.
    pub(super) wakes: Option<Timestamp>,
    /// When the first message may go that waited as it fell asleep.
    pub(super) seen: Option<Timestamp>,
    /// When posts are added again, since a plan was refused.
    lost: Option<Timestamp>,
    /// Done posts that no plan has said yet.
    pub(super) unsaid: Vec<(NodeId, Seq)>,
}

/// A plan, with what is needed to send what it intends.
#[derive(Debug, Default)]
pub struct Planned {
    /// The operation.
    pub plan: Plan,
    /// For each intent.
    pub prepared: Vec<Prepared>,
}

impl RouteState {
    /// A route with nothing under way.
    pub fn new(id: RouteId, route: Route, now: Timestamp) -> RouteState {
        RouteState {
            id,
            form: render::form(&route),
            pacer: Pacer::new(route.rate, now),
            flight: Flight::new(render::form(&route)),
            route: Arc::new(route),
            paused: false,
            up: false,
            expired: 0,
            rings: HashMap::new(),
            ended: HashMap::new(),
            order: VecDeque::new(),
            credit: [0; 5],
            turn: 0,
            planning: false,
            rest: Timestamp(0),
            wakes: None,
            seen: None,
            lost: None,
            unsaid: Vec::new(),
        }
    }

    /// A post begins to go round: behind the last visit, whether or not that is committed yet.
    ///
    /// # Errors
    /// The store's failures.
    pub fn begin(&mut self, cx: &Context<'_>, node: NodeId, seq: Seq, fanout: Fanout) -> Result<(), StoreError> {
        if self.lost.is_some() {
            // It is added with the older ones, or who gets it first would pass for one that has got those.
            return Ok(());
        }
        let ring = self.turning(cx, node)?.map(|turning| turning.ring);
        let fanout = ring.map_or(fanout.clone(), |ring| fanout.from(&ring));
        self.add(cx, node, seq, fanout)
    }

    /// A post goes round, as it lies in the store.
    ///
    /// # Errors
    /// The store's failures.
    pub fn add(&mut self, cx: &Context<'_>, node: NodeId, seq: Seq, fanout: Fanout) -> Result<(), StoreError> {
        let mut plan = Plan {
            route: self.id,
            ..Plan::default()
        };
        let route = self.id;
        match self.turning(cx, node)? {
            Some(turning) => turning.add(Live::new(seq, fanout), route, &mut plan),
            None => plan.done.push((node, seq)),
        }
        self.unsaid.extend(plan.done);
        self.rest = Timestamp(0);
        Ok(())
    }

    /// A ring, where it stands; `None` where the node is gone.
    fn turning(&mut self, cx: &Context<'_>, node: NodeId) -> Result<Option<&mut Turning>, StoreError> {
        if !self.rings.contains_key(&node) {
            let Some(mut turning) = Turning::load(cx, self.id, node)? else {
                return Ok(None);
            };
            if let Some(ended) = self.ended.get(&node) {
                let followers = turning.ring.followers;
                turning.ring = Ring { followers, ..*ended };
            }
            self.rings.insert(node, turning);
            self.order.push_back(node);
        }
        Ok(self.rings.get_mut(&node))
    }

    /// Looks how long a publisher's newest post is, for who asks how long it takes.
    ///
    /// # Errors
    /// The store's failures.
    pub fn weigh(&mut self, cx: &Context<'_>, node: NodeId) -> Result<(), StoreError> {
        let turn = self.turn;
        self.rings
            .get_mut(&node)
            .map_or(Ok(()), |turning| turning.weigh(cx, turn))
    }

    /// Something waits that did not: it is looked at.
    pub fn wake(&mut self) {
        self.wakes = Some(Timestamp(0));
    }

    /// What became of a plan: what it intended and was not refused is ready to be sent.
    pub fn planned(&mut self, planned: Planned, outcome: &Outcome) {
        self.planning = false;
        self.ended.clear();
        let intents = planned.plan.send.into_iter().zip(planned.prepared);
        for ((intent, prepared), place) in intents.zip(&outcome.planned) {
            match place {
                Some(id) => self.flight.begin(*id, Going::new(&intent, prepared)),
                None => self.pacer.give(intent.segments),
            }
        }
    }

    /// A plan was refused as a whole, and nothing of it is so: posts are to be added as they lie in the store, in a while.
    pub fn refused(&mut self, planned: &Planned) {
        self.planning = false;
        self.rings.clear();
        self.ended.clear();
        self.order.clear();
        for intent in &planned.plan.send {
            self.pacer.give(intent.segments);
        }
        self.wakes = Some(Timestamp(self.rest.0 + REFUSED_MS));
        self.lost = self.wakes;
    }

    /// Whether posts are to be added again by now.
    pub fn take_lost(&mut self, now: Timestamp) -> bool {
        self.lost.take_if(|at| *at <= now).is_some()
    }

    fn left(&self) -> Load {
        self.rings.values().map(Turning::left).fold(Load::default(), Load::and)
    }

    /// Visits that are to be made for posts under way, of all publishers, and segments for them.
    pub fn backlog(&self, settings: &Settings, now: Timestamp) -> (u64, u64) {
        let load = self.left();
        let most = load.most_segments(settings, self.pacer.rate(), now);
        (load.visits, load.cut(most))
    }

    /// Publishers with posts under way.
    pub fn publishers(&self) -> usize {
        self.rings.len()
    }

    /// How long one publisher's posts take, beside all others'.
    pub fn drain(&self, settings: &Settings, node: NodeId, now: Timestamp) -> Drain {
        let (all, own) = (
            self.left(),
            self.rings.get(&node).map(Turning::left).unwrap_or_default(),
        );
        let most = all.most_segments(settings, self.pacer.rate(), now);
        Drain {
            visits: own.visits,
            segments: own.cut(most),
            backlog: all.cut(most),
            rate: self.pacer.rate(),
        }
    }

    /// When it is to be looked at again, if nothing happens before.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let open = !self.paused && self.up && !self.planning;
        let work = !self.rings.is_empty() || !self.unsaid.is_empty() || self.wakes.is_some_and(|at| at <= now);
        let turn = (open && work).then(|| self.pacer.next(now).max(self.rest));
        let wakes = self.wakes.filter(|_| open).into_iter().chain(self.lost).min();
        // A route that sends nothing is told when it may again.
        let sends = self.up && !self.paused;
        let retry = self.flight.next_retry().filter(|_| sends);
        // What was too fast waits for the end of the pause, whatever else there is.
        let held = (sends && self.flight.is_ready()).then(|| self.pacer.held_until());
        let held = held.filter(|until| *until > now);
        [turn, wakes, retry, held].into_iter().flatten().min()
    }
}
