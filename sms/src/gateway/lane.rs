//! One route of the sending side: its state, its way, and what is being committed of it.
//!
//! Knows no other route.

use super::commit::{Looked, Pending};
use super::core::Failed;
use super::parts::Parts;
use super::refusals::{self, Refusals};
use super::times::Times;
use crate::config::{Ambiguous, Route, Settings};
use crate::limits::FATE_TRIES;
use crate::route::{Told, Way};
use crate::schedule::{Planned, RouteState, Status};
use crate::tables::rows::{Progress, RouteId};
use crate::tables::{Fate, Op};
use reef_engine::error::{Error, Reject};
use reef_engine::model::Timestamp;
use std::collections::HashMap;

/// A route with its way, and what is being committed of it.
pub(super) struct Lane {
    pub(super) state: RouteState,
    pub(super) way: Box<dyn Way>,
    pub(super) plan: Option<(Pending, Planned)>,
    pub(super) fates: Option<(Pending, Vec<Fate>)>,
    pub(super) throttles: u64,
    pub(super) why_down: String,
    /// When parts were handed over that are not answered.
    asked: HashMap<u64, Timestamp>,
    times: Times,
    /// Fates that are committed one after another, since they were refused together.
    alone: usize,
    /// How often in a row they were refused.
    refusals: u8,
    /// Messages that were taken, refused for good, are in doubt, and were void.
    ends: [u64; 4],
    by_code: Refusals,
}

/// What an operator is shown of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// Whether it takes messages; else why not.
    pub up: Result<(), String>,
    /// Whether an operator has it wait.
    pub paused: bool,
    /// Segments a second, now and as configured.
    pub rate: (f64, f64),
    /// Messages under way.
    pub in_flight: usize,
    /// Visits to be made, and segments for them.
    pub backlog: u64,
    /// See there.
    pub backlog_segments: u64,
    /// Times that it was too fast.
    pub throttles: u64,
    /// Visits that were left out since posts were too old.
    pub expired: u64,
    /// Messages that were taken, refused for good, are in doubt, and were void.
    pub ends: [u64; 4],
    /// From a part's writing to its answer.
    pub times: Times,
    /// How often parts were refused for good, by code.
    pub refusals: Vec<(String, u64)>,
    /// Whether most of the last were.
    pub refuses: bool,
}

impl Lane {
    /// A route that is not up yet.
    pub(super) fn new(id: RouteId, way: Box<dyn Way>, route: &Route, now: Timestamp) -> Lane {
        let mut state = RouteState::new(id, route.clone(), now);
        state.flight.repeats = route.ambiguous == Ambiguous::RetryOnce;
        Lane {
            state,
            way,
            plan: None,
            fates: None,
            throttles: 0,
            ends: [0; 4],
            by_code: Refusals::default(),
            asked: HashMap::new(),
            times: Times::default(),
            alone: 0,
            refusals: 0,
            why_down: "not bound yet".into(),
        }
    }

    /// One turn: what was committed, what is sent, what is planned next, what is settled. When it is to be looked at again.
    pub(super) fn drive(&mut self, parts: &Parts, now: Timestamp) -> Result<Option<Timestamp>, Failed> {
        let setting = self.state.route.clone();
        let cx = parts.context(&setting, self.state.form, now);
        self.look(parts)?;
        self.send(parts, now);
        if self.plan.is_none()
            && let Some(planned) = self.state.plan(&cx)?
        {
            let op = Op::Plan(planned.plan.clone());
            self.plan = Some((parts.commits.begin(op)?, planned));
        }
        self.settle(parts)?;
        Ok(self.state.next(now))
    }

    /// Commits what is settled, and nothing new; whether that is still under way.
    pub(super) fn close(&mut self, parts: &Parts) -> bool {
        let looked = self.look(parts).and_then(|()| self.settle(parts));
        looked.is_ok() && self.is_committing().0
    }

    /// What its way says.
    pub(super) fn told(&mut self, told: Told, now: Timestamp) {
        match told {
            Told::Up => {
                self.state.up = true;
                self.state.wake();
            }
            Told::Down(why) => {
                self.state.up = false;
                self.why_down = why;
            }
            Told::Said(token, status) => {
                let asked = self.asked.remove(&token);
                if let (Some(asked), false) = (asked, matches!(status, Status::Unwritten | Status::Void)) {
                    self.times.add(now.0.saturating_sub(asked.0));
                }
                match &status {
                    Status::Throttled => {
                        self.throttles += 1;
                        self.state.pacer.throttled(now);
                    }
                    Status::Taken(_) => {
                        self.state.pacer.accepted(now);
                        self.by_code.answered(None);
                    }
                    Status::Never(code, _) => self.refused_for_good(*code),
                    _ => {}
                }
                self.state.flight.answered(token, status, now);
            }
        }
    }

    /// Counts what the route will never take; an operator is told where it is most of what it is asked.
    fn refused_for_good(&mut self, code: u32) {
        if self.by_code.answered(Some(code)) {
            let (route, code) = (&self.state.route.name, refusals::name(code, self.state.route.kind));
            tracing::warn!(
                route,
                code,
                "most of what this route is asked is refused for good: see to its settings"
            );
        }
    }

    /// What operators are shown.
    pub(super) fn shown(&self, settings: &Settings, now: Timestamp) -> Shown {
        let (backlog, backlog_segments) = self.state.backlog(settings, now);
        Shown {
            name: self.state.route.name.clone(),
            up: match self.state.up {
                true => Ok(()),
                false => Err(self.why_down.clone()),
            },
            paused: self.state.paused,
            rate: (self.state.pacer.rate(), self.state.route.rate),
            in_flight: self.state.flight.len(),
            backlog,
            backlog_segments,
            throttles: self.throttles,
            expired: self.state.expired,
            ends: self.ends,
            times: self.times.clone(),
            refusals: self.by_code.shown(self.state.route.kind),
            refuses: self.by_code.are_most(),
        }
    }

    /// Whether something of it is being committed; or only waits for room in the queue.
    pub(super) fn is_committing(&self) -> (bool, bool) {
        let pending = [
            self.plan.as_ref().map(|(pending, _)| pending),
            self.fates.as_ref().map(|(pending, _)| pending),
        ];
        let mut some = pending.into_iter().flatten().peekable();
        let any = some.peek().is_some();
        (any, some.any(|pending| matches!(pending, Pending::Again(_))))
    }

    /// Looks whether its plan and its fates were committed.
    pub(super) fn look(&mut self, parts: &Parts) -> Result<(), Failed> {
        if let Some((pending, planned)) = self.plan.take() {
            match parts.commits.look(pending) {
                Ok(Looked::Waits(pending)) => self.plan = Some((pending, planned)),
                Ok(Looked::Done(outcome)) => self.state.planned(planned, &outcome),
                Err(Error::Rejected(reject)) => {
                    tracing::error!(%reject, route = self.state.route.name, "a plan was refused: it is made anew");
                    self.state.refused(&planned);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if let Some((pending, fates)) = self.fates.take() {
            match parts.commits.look(pending) {
                Ok(Looked::Waits(pending)) => self.fates = Some((pending, fates)),
                Ok(Looked::Done(_)) => {
                    self.refusals = 0;
                    self.count(&fates);
                    // Answers of the last run wait again, perhaps.
                    if fates.iter().any(|fate| fate.progress == Progress::Intent) {
                        self.state.wake();
                    }
                }
                Err(Error::Rejected(reject)) => self.refused(fates, &reject),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// What became of messages, for operators.
    fn count(&mut self, fates: &[Fate]) {
        for fate in fates {
            let end = match fate.progress {
                Progress::Acked => 0,
                Progress::Failed(_) => 1,
                Progress::InDoubt => 2,
                Progress::Void => 3,
                Progress::Expired => {
                    self.state.expired += 1;
                    continue;
                }
                _ => continue,
            };
            if let Some(end) = self.ends.get_mut(end) {
                *end += 1;
            }
        }
    }

    /// Fates were refused as a whole: once more, one after another, so that the one that cannot be is alone. After some tries
    /// it is let go, and is in doubt at the next start.
    fn refused(&mut self, fates: Vec<Fate>, reject: &Reject) {
        tracing::error!(%reject, route = self.state.route.name, "what became of messages was refused");
        self.refusals += 1;
        if fates.len() > 1 || self.refusals < FATE_TRIES {
            self.alone = fates.len();
            self.state.flight.refused(fates);
        }
    }

    /// Hands ready parts to the way, as far as it has room.
    pub(super) fn send(&mut self, parts: &Parts, now: Timestamp) {
        while self.state.up && !self.state.paused && !self.state.pacer.is_held(now) && self.way.free() > 0 {
            let Some(part) = self.state.flight.next(now) else { break };
            let ((number, epoch), voids) = (part.number, parts.voids.clone());
            let may = Box::new(move || voids.may(number, epoch));
            let token = part.token;
            if let Err(token) = self.way.submit(part, may) {
                self.state.flight.back(token);
                break;
            }
            self.asked.insert(token, now);
        }
    }

    /// Commits what is settled.
    pub(super) fn settle(&mut self, parts: &Parts) -> Result<(), Failed> {
        if self.fates.is_some() {
            return Ok(());
        }
        let most = if self.alone > 0 { 1 } else { usize::MAX };
        let fates = self.state.flight.fates(most);
        self.alone = self.alone.saturating_sub(fates.len());
        if !fates.is_empty() {
            let op = Op::Fates(fates.clone());
            self.fates = Some((parts.commits.begin(op)?, fates));
        }
        Ok(())
    }
}
