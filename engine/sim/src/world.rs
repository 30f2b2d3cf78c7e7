//! The world of a run: users, devices, the disk, the engine's parts, and the truth about them; what a crash does to it.
//!
//! Next: `actors.rs` says what may happen in a step.

use crate::Violation;
use crate::device::Device;
use crate::disk::{Disk, Failure, SimClock};
use crate::model::{Model, Op};
use crate::plan::{Mutant, Plan};
use crate::rng::Trace;
use crate::run::{Run, check_kept, check_rows, jid};
use reef_engine::clock::Clock;
use reef_engine::error::Error;
use reef_engine::log::Work;
use reef_engine::log::record::Applied;
use reef_engine::model::{Seq, VShard};
use reef_engine::outbox;
use reef_engine::store::keys::{self, Family};
use reef_engine::store::rows;
use std::sync::{Arc, Mutex};

/// The fates that tickets were told, in order, by the number of the operation.
pub(crate) type Fates = Arc<Mutex<Vec<(usize, Result<Applied, Error>)>>>;

/// The world.
pub struct World {
    pub(crate) plan: Plan,
    pub(crate) mutant: Option<Mutant>,
    /// The hash of what happened.
    pub trace: Trace,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) disk: Arc<Disk>,
    pub(crate) run: Option<Run>,
    pub(crate) queue: Vec<Work>,
    pub(crate) ops: Vec<Op>,
    pub(crate) fates: Fates,
    pub(crate) devices: Vec<Device>,
    pub(crate) model: Model,
    /// The end has come: nothing fails any more.
    pub(crate) calm: bool,
}

impl World {
    /// An empty store, and nobody connected.
    pub fn new(plan: Plan, mutant: Option<Mutant>) -> World {
        let mut plan = plan;
        let mut model = Model::default();
        let mut devices = Vec::new();
        for user in 0..plan.users {
            let keeps = if plan.rng.chance(300) {
                plan.rng.between(1, 12)
            } else {
                usize::MAX
            };
            model.nodes.push(crate::model::Node {
                most: keeps,
                ..Default::default()
            });
            for number in 0..plan.rng.between(1, 2) {
                let interested = user < plan.authors && plan.rng.chance(500);
                devices.push(Device::new(user, number, interested));
            }
        }
        World {
            plan,
            mutant,
            trace: Trace::default(),
            clock: Arc::default(),
            disk: Arc::default(),
            run: None,
            queue: Vec::new(),
            ops: Vec::new(),
            fates: Fates::default(),
            devices,
            model,
            calm: false,
        }
    }

    /// Lives the plan, lets everything settle, and checks the end.
    ///
    /// # Errors
    /// The first broken promise.
    pub fn live(&mut self) -> Result<(), Violation> {
        self.start()?;
        for step in 0..self.plan.steps {
            self.step().map_err(|e| format!("step {step}: {e}"))?;
        }
        self.settle_all().map_err(|e| format!("at the end: {e}"))?;
        for device in &self.devices {
            let named = |e| format!("{} of {}: {e}", device.name, jid(device.user));
            device
                .receiver
                .settled(&self.model, !self.plan.short_log)
                .map_err(named)?;
        }
        check_rows(&self.disk, &self.model, self.plan.shards)?;
        check_kept(&self.disk, &self.model)
    }

    /// Starts Reef on what the disk has.
    fn start(&mut self) -> Result<(), Violation> {
        let run = Run::start(&self.disk, &self.clock, &self.plan, self.mutant);
        self.run = Some(run.map_err(|e| format!("it does not start: {e}"))?);
        Ok(())
    }

    /// Commits what is queued; a failing disk ends Reef, as it must.
    pub(crate) fn commit(&mut self) -> Result<(), Violation> {
        // An applier waits where a shard is too far behind; with one thread the shards have to go first.
        for shard in 0..self.plan.shards {
            self.catch_batches(shard, 200);
        }
        if !self.calm && self.plan.rng.chance(8) {
            let failure = if self.plan.rng.chance(500) {
                Failure::Kept
            } else {
                Failure::Lost
            };
            self.disk.fail_next(failure);
        }
        let Some(run) = &mut self.run else { return Ok(()) };
        let committed = run.applier.commit(&mut self.queue);
        self.trace.note(1, run.applier.last.0);
        let unsure = self.fates()?;
        if committed.is_err() != self.disk.failed() {
            return Err("a failed write must be fatal, and nothing else".to_owned());
        }
        if committed.is_err() {
            let power = self.plan.rng.chance(500);
            return self.crash(power, &unsure);
        }
        self.disk.mend();
        for device in &mut self.devices {
            device.floor[1] = device.floor[0];
        }
        Ok(())
    }

    /// Holds the tickets' fates against the model; what was told that the store failed may have happened or not.
    fn fates(&mut self) -> Result<Vec<Op>, Violation> {
        let mut unsure = Vec::new();
        let fates = std::mem::take(&mut *self.fates.lock().unwrap_or_else(|e| e.into_inner()));
        for (number, fate) in fates {
            let op = *self.ops.get(number).ok_or("a ticket of nobody")?;
            match fate {
                Err(Error::Store(_)) => unsure.push(op),
                fate => {
                    let expected = self.model.apply(op);
                    let got = fate.as_ref().ok().map(|applied| applied.seq.0);
                    if got != expected {
                        return Err(format!("{op:?} ended as {fate:?}, expected {expected:?}"));
                    }
                }
            }
        }
        Ok(unsure)
    }

    /// Reef ends at once, with the machine or without, and starts again.
    pub(crate) fn crash(&mut self, power: bool, unsure: &[Op]) -> Result<(), Violation> {
        self.trace.note(2, u64::from(power));
        self.run = None;
        self.queue.clear();
        if power {
            self.disk.lose_power(&mut self.plan.rng);
        } else {
            self.disk.mend();
        }
        let last = rows::get::<Seq>(&*self.disk, Family::META, keys::SEQ).map_err(|e| e.to_string())?;
        if last.unwrap_or_default().0 != self.model.last {
            for op in unsure {
                self.model.apply(*op);
            }
        }
        check_rows(&self.disk, &self.model, self.plan.shards)?;
        for at in 0..self.devices.len() {
            if !power {
                self.check_floor(at)?;
            }
            if let Some(device) = self.devices.get_mut(at) {
                device.connection = None;
                device.receiver.crashed();
                device.acknowledged.clear();
                device.floor = [0; 2];
            }
        }
        self.start()
    }

    /// What a device had acknowledged some passes of checkpoints ago is on the disk when only the process ended.
    fn check_floor(&self, at: usize) -> Result<(), Violation> {
        let Some(device) = self.devices.get(at).filter(|device| device.connection.is_some()) else {
            return Ok(());
        };
        let name = jid(device.user);
        let Some(id) = rows::subscriber_id(&*self.disk, &name).map_err(|e| e.to_string())? else {
            return Ok(());
        };
        let cursors = outbox::cursors_of(&*self.disk, id, VShard::of(&name)).map_err(|e| e.to_string())?;
        let start = cursors.start(Some(&device.name)).0;
        let floor = device.floor[1];
        if start < floor {
            return Err(format!(
                "{name} begins at {start} and had acknowledged {floor} when checkpoints began that have ended"
            ));
        }
        Ok(())
    }

    pub(crate) fn now(&self) -> reef_engine::model::Timestamp {
        self.clock.now()
    }
}
