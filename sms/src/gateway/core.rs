//! The gateway's sending side as one step after another: follow the log, plan, commit, send, settle.
//!
//! I/O-free but for the store and the ways that it is given, and without a clock: the thread drives it, and tests do with
//! a clock of their own. Next: `thread.rs`.

use super::budget::{Alarms, budgets};
use super::commit::{Looked, Pending};
use super::lane::{Lane, Shown};
use super::parts::Parts;
use crate::limits::{EARLY_MS, FORGET_MS, FORGET_ROWS, GOING_READ, PARTS_MS, SLOW_DRAIN_MS};
use crate::route::{Told, Way};
use crate::schedule::{NewPost, duration, new_posts};
use crate::tables::rows::{Delivery, DeliveryId, Progress, RouteId, What};
use crate::tables::{Fate, Keep, Op};
use reef_engine::error::{Error, StoreError};
use reef_engine::model::{NodeId, Seq, Timestamp};
use std::sync::Arc;

/// The sending side.
pub struct Core {
    parts: Arc<Parts>,
    lanes: Vec<Lane>,
    /// Up to where the log was looked at, and what is being committed of that.
    tail: Seq,
    following: Option<(Pending, Seq, Vec<NewPost>)>,
    forgetting: Option<Pending>,
    forgot: Timestamp,
    alarms: Alarms,
}

/// How a step ended.
pub enum Step {
    /// To be called again then, or when something happens.
    At(Option<Timestamp>),
    /// The engine is closed.
    Closed,
}

impl Core {
    /// With these routes, in the order of the settings. What was under way when the process ended is settled: nobody knows
    /// whether it was sent.
    ///
    /// # Errors
    /// The store's failures.
    pub fn new(parts: Arc<Parts>, ways: Vec<(RouteId, Box<dyn Way>)>, now: Timestamp) -> Result<Core, StoreError> {
        let mut lanes = Vec::new();
        for ((id, way), route) in ways.into_iter().zip(&parts.settings.route) {
            lanes.push(Lane::new(id, way, route, now));
        }
        let rows = parts.rows();
        let tail = rows.tail()?;
        let mut core = Core {
            lanes,
            tail,
            following: None,
            forgetting: None,
            forgot: now,
            alarms: Alarms::default(),
            parts: parts.clone(),
        };
        for lane in &mut core.lanes {
            lane.state.paused = parts.rows().is_paused(lane.state.id)?;
            lane.state.wake();
        }
        let routes: Vec<RouteId> = core.lanes.iter().map(|lane| lane.state.id).collect();
        core.reload(&routes, now)?;
        core.settle_open()?;
        Ok(core)
    }

    /// Posts that were under way on these routes, as they lie in the store.
    fn reload(&mut self, routes: &[RouteId], now: Timestamp) -> Result<(), StoreError> {
        let parts = self.parts.clone();
        let mut after = None;
        loop {
            let page = parts.rows().fanouts(after, GOING_READ)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(*last);
            for ((route, node, seq), fanout) in page {
                let lane = self.lanes.iter_mut().find(|lane| lane.state.id == route);
                if let Some(lane) = lane.filter(|_| routes.contains(&route)) {
                    let form = lane.state.form;
                    let setting = lane.state.route.clone();
                    let cx = parts.context(&setting, form, now);
                    lane.state.add(&cx, node, seq, fanout)?;
                }
            }
        }
    }

    /// What had an intent and no answer when the process ended: answers are sent once more, and all else is in doubt.
    fn settle_open(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.parts.rows().open(after, GOING_READ)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(*last);
            for (id, row) in page {
                if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.state.id == row.route) {
                    lane.state.flight.unsettled(unanswered(id, &row));
                }
            }
        }
    }

    /// Does what can be done now.
    ///
    /// # Errors
    /// The store's failures.
    pub fn step(&mut self, now: Timestamp) -> Result<Step, StoreError> {
        match self.step_all(now) {
            Ok(next) => Ok(Step::At(next)),
            Err(Failed::Engine(Error::Closed | Error::Store(_))) => Ok(Step::Closed),
            Err(Failed::Engine(error)) => {
                tracing::error!(%error, "the gateway's operation was refused");
                Ok(Step::At(Some(Timestamp(now.0 + 1_000))))
            }
            Err(Failed::Store(error)) => Err(error),
        }
    }

    fn step_all(&mut self, now: Timestamp) -> Result<Option<Timestamp>, Failed> {
        self.follow(now)?;
        let mut next = Some(Timestamp(self.forgot.0 + FORGET_MS));
        if self.is_waiting() {
            // The queue was full, perhaps: it is tried again.
            next = next.min(Some(Timestamp(now.0 + 50)));
        }
        let lost = |lane: &mut Lane| lane.state.take_lost(now).then_some(lane.state.id);
        let lost: Vec<RouteId> = self.lanes.iter_mut().filter_map(lost).collect();
        if !lost.is_empty() {
            self.reload(&lost, now)?;
        }
        let parts = self.parts.clone();
        for lane in &mut self.lanes {
            next = [next, lane.drive(&parts, now)?].into_iter().flatten().min();
        }
        self.forget(now)?;
        Ok(next)
    }

    /// Whether something is being committed: the ring will tell.
    pub fn is_committing(&self) -> bool {
        let lane = |lane: &Lane| lane.is_committing().0;
        self.following.is_some() || self.forgetting.is_some() || self.lanes.iter().any(lane)
    }

    fn is_waiting(&self) -> bool {
        let again = |pending: &Pending| matches!(pending, Pending::Again(_));
        self.following.as_ref().is_some_and(|(pending, ..)| again(pending))
            || self.lanes.iter().any(|lane| lane.is_committing().1)
    }

    /// Looks for new posts of those whom phones follow.
    fn follow(&mut self, now: Timestamp) -> Result<(), Failed> {
        let parts = self.parts.clone();
        if let Some((pending, upto, posts)) = self.following.take() {
            match parts.commits.look(pending)? {
                Looked::Waits(pending) => {
                    self.following = Some((pending, upto, posts));
                    return Ok(());
                }
                Looked::Done(_) => {
                    self.tail = upto;
                    self.begun(&posts, now)?;
                }
            }
        }
        let (mut upto, mut posts) = (self.tail, Vec::new());
        while posts.is_empty() {
            let (reached, found) = new_posts(&parts.commits.engine, &parts.rows(), upto)?;
            if reached == upto {
                break;
            }
            (upto, posts) = (reached, found);
        }
        if posts.is_empty() {
            // Nothing to be said of it: it is looked at once more after a restart.
            self.tail = upto;
            return Ok(());
        }
        let deadline = Timestamp(now.0 + parts.settings.post_expiry.as_millis() as u64);
        let rows = posts
            .iter()
            .map(|post| (post.node, post.seq, post.item.clone(), deadline));
        let op = Op::Posts {
            upto,
            posts: rows.collect(),
        };
        self.following = Some((parts.commits.begin(op)?, upto, posts));
        Ok(())
    }

    /// Posts begin to go round; their publishers are told where it takes long.
    fn begun(&mut self, posts: &[NewPost], now: Timestamp) -> Result<(), Failed> {
        let parts = self.parts.clone();
        for lane in &mut self.lanes {
            let setting = lane.state.route.clone();
            let cx = parts.context(&setting, lane.state.form, now);
            for post in posts {
                let fanout = cx.rows.fanout(lane.state.id, post.node, post.seq)?;
                if let Some(fanout) = fanout {
                    lane.state.begin(&cx, post.node, post.seq, fanout)?;
                    lane.state.weigh(&cx, post.node)?;
                }
            }
        }
        for post in posts {
            self.tell(post)?;
        }
        Ok(())
    }

    /// Tells a publisher how long his post takes to phones, where that is long.
    fn tell(&self, post: &NewPost) -> Result<(), StoreError> {
        let slowest = self.drains(post.node).into_iter().max_by_key(|(seconds, ..)| *seconds);
        let Some((seconds, reached, visits)) = slowest.filter(|(seconds, ..)| seconds * 1_000 >= SLOW_DRAIN_MS) else {
            return Ok(());
        };
        let row = reef_engine::store::rows::node_row(self.parts.commits.engine.view(), post.node)?;
        let Some(row) = row else { return Ok(()) };
        let takes = duration(seconds);
        let text = match reached < visits {
            true => format!(
                "Your post goes to {visits} phones by text message. That would take about {takes}: it reaches about {reached} of them before it is too old."
            ),
            false => format!(
                "Your post goes to {visits} phones by text message, and reaches the last of them in about {takes}."
            ),
        };
        self.parts.network.tell(&row.owner, &text);
        Ok(())
    }

    /// For each route: seconds that a publisher's posts still take, how many are reached in time, and of how many.
    pub fn drains(&self, node: NodeId) -> Vec<(u64, u64, u64)> {
        let lives = self.parts.settings.post_expiry.as_secs().unsigned_abs();
        let now = self.now();
        let drain = |lane: &Lane| {
            let drain = lane.state.drain(&self.parts.settings, node, now);
            let publishers = lane.state.publishers();
            (
                drain.seconds(publishers),
                drain.reached(lives, publishers),
                drain.visits,
            )
        };
        self.lanes.iter().map(drain).collect()
    }

    fn now(&self) -> Timestamp {
        self.parts.commits.engine.clock.now()
    }

    /// Has the tables forget what is too old, now and then.
    fn forget(&mut self, now: Timestamp) -> Result<(), Failed> {
        if let Some(pending) = self.forgetting.take() {
            match self.parts.commits.look(pending)? {
                Looked::Waits(pending) => self.forgetting = Some(pending),
                Looked::Done(outcome) if outcome.more => self.sweep(now)?,
                Looked::Done(_) => {}
            }
            return Ok(());
        }
        if now.0 < self.forgot.0 + FORGET_MS {
            return Ok(());
        }
        self.forgot = now;
        let routes: Vec<RouteId> = self.lanes.iter().map(|lane| lane.state.id).collect();
        self.alarms.look(&budgets(&self.parts, &routes, now)?);
        self.sweep(now)
    }

    /// A bounded number of rows; while that finds its most, the next follows at once, or the tables would grow for ever.
    fn sweep(&mut self, now: Timestamp) -> Result<(), Failed> {
        let before = |keep: jiff::SignedDuration| Timestamp(now.0.saturating_sub(keep.as_millis() as u64));
        let keep = Keep {
            deliveries: before(self.parts.settings.keep_deliveries),
            heard: before(self.parts.settings.keep_heard),
            early: Timestamp(now.0.saturating_sub(EARLY_MS)),
            parts: Timestamp(now.0.saturating_sub(PARTS_MS)),
            fresh: Timestamp(now.0.saturating_sub(crate::limits::DAY_MS)),
            consent: before(self.parts.settings.keep_consent),
            most: FORGET_ROWS,
        };
        self.forgetting = Some(self.parts.commits.begin(Op::Forget(keep))?);
        Ok(())
    }

    /// What a way says.
    pub fn told(&mut self, route: usize, told: Told, now: Timestamp) {
        if let Some(lane) = self.lanes.get_mut(route) {
            lane.told(told, now);
        }
    }

    /// Texts wait that did not: answers, codes, messages.
    pub fn wake(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.state.wake());
    }

    /// Has a route wait, or no longer; what was committed.
    pub fn pause(&mut self, route: RouteId, paused: bool) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.state.id == route) {
            lane.state.paused = paused;
            lane.state.wake();
        }
    }

    /// What operators are shown.
    pub fn shown(&self) -> Vec<Shown> {
        let (settings, now) = (&self.parts.settings, self.now());
        self.lanes.iter().map(|lane| lane.shown(settings, now)).collect()
    }

    /// Whether parts were sent of which no way has said anything.
    pub fn awaits(&self) -> bool {
        self.lanes.iter().any(|lane| lane.state.flight.awaits())
    }

    /// The end: what was settled is committed. Whether that is still under way; the ring tells when to ask again.
    pub fn close(&mut self) -> bool {
        let parts = self.parts.clone();
        let mut open = false;
        for lane in &mut self.lanes {
            open |= lane.close(&parts);
        }
        open
    }

    /// The ways, to be stopped.
    pub fn ways(&mut self) -> impl Iterator<Item = &mut Box<dyn Way>> {
        self.lanes.iter_mut().map(|lane| &mut lane.way)
    }
}

/// What becomes of a delivery that had no answer when the process ended.
fn unanswered(id: DeliveryId, row: &Delivery) -> Fate {
    let again = row.class.is_answer() && row.progress == Progress::Intent && matches!(row.what, What::Text(_));
    Fate {
        id,
        progress: if again { Progress::Intent } else { Progress::InDoubt },
        ids: Vec::new(),
        bad: false,
    }
}

/// Why a step failed.
pub(super) enum Failed {
    Engine(Error),
    Store(StoreError),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed::Engine(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Failed {
        Failed::Store(error)
    }
}
