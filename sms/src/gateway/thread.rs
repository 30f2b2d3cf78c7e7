//! The thread that drives the sending side: it does what can be done, and sleeps until something happens or is due.
//!
//! Knows no meaning. Told by routes, rung by commits and by whoever has something to say.

use super::core::{Core, Step};
use super::lane::Shown;
use crate::route::Told;
use crate::tables::rows::RouteId;
use reef_engine::clock::Clock;
use reef_engine::model::{NodeId, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

/// What the thread is told.
#[derive(Debug)]
pub enum Tell {
    /// By a route.
    Route(usize, Told),
    /// Texts wait.
    Wake,
    /// A route waits from now on, or no longer.
    Pause(RouteId, bool),
    /// How long a publisher's posts still take: for each route seconds, how many are reached, of how many.
    Drains(NodeId, oneshot::Sender<Vec<(u64, u64, u64)>>),
    /// It ends.
    Stop(oneshot::Sender<()>),
}

/// The longest sleep: what nobody rang for is looked at all the same.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// How long it is waited at the end for the next answer that a route has and has not told, and for each commit.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// How often what others see is made anew while there is much to do.
const SHOW: Duration = Duration::from_millis(200);

/// What others see of the thread.
#[derive(Clone, Default)]
pub struct Window(Arc<Mutex<Vec<Shown>>>);

impl Window {
    /// The routes, as they were a moment ago.
    pub fn shown(&self) -> Vec<Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Runs until it is told to stop or the engine is closed.
pub fn run(
    mut core: Core,
    clock: &dyn Clock,
    mut told: mpsc::Receiver<Tell>,
    bell: &Notify,
    window: &Window,
    runtime: &tokio::runtime::Runtime,
) {
    let mut shown = Timestamp(0);
    loop {
        let now = clock.now();
        let next = match core.step(now) {
            Ok(Step::At(next)) => next,
            Ok(Step::Closed) => return,
            Err(error) => {
                tracing::error!(%error, "the gateway cannot read the store: nothing more is sent to phones");
                return;
            }
        };
        let sleep = next.map_or(SLEEP_MAX, |at| Duration::from_millis(at.0.saturating_sub(now.0)));
        // It walks all rings: not for each of very many steps.
        if sleep >= SHOW || now.0 >= shown.0 + SHOW.as_millis() as u64 {
            shown = now;
            *window.0.lock().unwrap_or_else(PoisonError::into_inner) = core.shown();
        }
        let first = runtime.block_on(async {
            tokio::select! {
                biased;
                tell = told.recv() => Some(tell),
                () = bell.notified() => None,
                () = tokio::time::sleep(sleep.min(SLEEP_MAX)) => None,
            }
        });
        let first = match first {
            Some(None) => return,
            Some(Some(tell)) => Some(tell),
            None => None,
        };
        let rest = std::iter::from_fn(|| told.try_recv().ok());
        for tell in first.into_iter().chain(rest) {
            let now = clock.now();
            match tell {
                Tell::Route(route, told) => core.told(route, told, now),
                Tell::Wake => core.wake(),
                Tell::Pause(route, paused) => core.pause(route, paused),
                Tell::Drains(node, answer) => drop(answer.send(core.drains(node))),
                Tell::Stop(done) => {
                    runtime.block_on(end(&mut core, clock, &mut told, bell));
                    let _ = done.send(());
                    return;
                }
            }
        }
    }
}

/// Ends the ways, all at once, and keeps what became of what was under way.
async fn end(core: &mut Core, clock: &dyn Clock, told: &mut mpsc::Receiver<Tell>, bell: &Notify) {
    let mut ends: Vec<_> = core.ways().map(|way| way.stop()).collect();
    for end in &mut ends {
        end.await;
    }
    // Answers that are on their way here.
    while core.awaits() {
        let Ok(Some(tell)) = timeout(LAST_WAIT, told.recv()).await else {
            break;
        };
        if let Tell::Route(route, told) = tell {
            core.told(route, told, clock.now());
        }
    }
    while core.close() {
        if timeout(LAST_WAIT, bell.notified()).await.is_err() {
            tracing::warn!("the store is too slow: what became of some messages is in doubt at the next start");
            return;
        }
    }
}
