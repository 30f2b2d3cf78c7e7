//! What hearing needs: the gateway's parts, with routes by number, and ways to wait for the log and the network.
//!
//! Knows no protocol and no meaning.

use super::counts::Counts;
use crate::config::{Route, Trust};
use crate::gateway::parts::Parts;
use crate::grammar::Stops;
use crate::limits::BUSY_MS;
use crate::network::{Action, Refused};
use crate::tables::rows::{Number, NumberId, RouteId, Usage};
use crate::tables::{Op, Outcome};
use reef_engine::Engine;
use reef_engine::error::{Error, StoreError};
use reef_engine::model::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Where texts are understood.
pub struct Hall {
    /// What the gateway is made of.
    pub parts: Arc<Parts>,
    /// Routes by their numbers, in the order of the settings.
    pub routes: Vec<RouteId>,
    /// What means STOP.
    pub stops: Stops,
    /// This server's domain.
    pub domain: String,
    /// Called when texts wait that did not.
    pub wake: Arc<dyn Fn() + Send + Sync>,
    /// What was heard.
    pub counts: Counts,
}

/// A number as it is when it says something.
#[derive(Clone, Debug)]
pub struct Caller {
    /// It.
    pub id: NumberId,
    /// What is known of it.
    pub number: Number,
    /// What it got and said.
    pub usage: Usage,
}

impl Hall {
    /// What an operator says of a route.
    pub fn route(&self, id: RouteId) -> Option<&Route> {
        let at = self.routes.iter().position(|route| *route == id)?;
        self.parts.settings.route.get(at)
    }

    /// Whether senders of a route are who they say.
    pub fn trusts(&self, id: RouteId) -> bool {
        self.route(id).is_some_and(|route| route.mo_trust == Trust::Carrier)
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.parts.commits.engine.clock.now()
    }

    /// So long from now.
    pub fn after(&self, milliseconds: u64) -> Timestamp {
        Timestamp(self.now().0.saturating_add(milliseconds))
    }

    /// When an answer is too old.
    pub fn answer_expires(&self) -> Timestamp {
        self.after(self.parts.settings.answer_expiry.as_millis() as u64)
    }

    /// Reads on a reader's thread.
    ///
    /// # Errors
    /// Too many wait, or the store failed.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Hall>,
        job: impl FnOnce(&Hall, &Engine) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, waits) = oneshot::channel();
        let hall = self.clone();
        self.parts.commits.engine.read(move |engine| {
            // Whoever asked may be gone.
            drop(answer.send(job(&hall, engine)));
        })?;
        Ok(waits.await.map_err(|_| Error::Closed)??)
    }

    /// A number, as it is now; for who may wait for the disk.
    ///
    /// # Errors
    /// The store's failures.
    pub fn caller_now(&self, id: NumberId) -> Result<Option<Caller>, StoreError> {
        let rows = self.parts.rows();
        let Some(number) = rows.number(id)? else {
            return Ok(None);
        };
        let usage = rows.usage(id)?;
        Ok(Some(Caller { id, number, usage }))
    }

    /// Commits.
    ///
    /// # Errors
    /// It was refused, or the engine is busy or closed.
    pub async fn commit(&self, op: Op) -> Result<Outcome, Error> {
        let (answer, waits) = oneshot::channel();
        self.parts.commits.submit(&op, move |fate| drop(answer.send(fate)));
        waits.await.map_err(|_| Error::Closed)?
    }

    /// Does something again, a bounded time, where too much waits for the store.
    ///
    /// # Errors
    /// As what it does.
    pub(super) async fn insist<T, F>(self: &Arc<Hall>, mut what: impl FnMut(Arc<Hall>) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        for pause in BUSY_MS {
            match what(self.clone()).await {
                Err(Error::Busy) => tokio::time::sleep(Duration::from_millis(pause)).await,
                done => return done,
            }
        }
        what(self.clone()).await
    }

    /// Does something in the name of an account, and waits for it.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn act(&self, account: &str, action: Action) -> Result<(), Refused> {
        let (answer, waits) = oneshot::channel();
        let done = Box::new(move |fate| drop(answer.send(fate)));
        self.parts.network.act(account, action, done);
        waits.await.unwrap_or(Err(Refused::Busy))
    }
}
