//! Our side of a session: bound to an SMSC, and bound again whenever it is lost.
//!
//! One task a connection. `session` is the state, without I/O; `connection` drives it; `dial` opens the socket; `keep` dials again, `again` says when.
//! Knows no queue and no retry of a text: the gateway's scheduler decides what to submit, and what an answer means.

mod again;
mod config;
mod connection;
mod dial;
mod event;
mod incoming;
mod keep;
mod place;
mod session;
#[cfg(test)]
mod tests;
mod timers;

pub use config::{Binding, EsmeConfig, Tls, Wrong};
pub use dial::client_config;
pub use event::{Deliver, Event, Respond, Submit, Why};

use place::{Places, Queued};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// A session that is kept up until it is stopped. Dropped, it is cut off, and nothing more is said of what is under way.
#[derive(Debug)]
pub struct Esme {
    submits: mpsc::Sender<Queued>,
    places: Arc<Places>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Esme {
    /// Starts to dial. What happens comes as events; who does not take them holds up the session, and nothing is lost by it.
    ///
    /// Must be called within a tokio runtime. Loads the system's certificates, if it is to use TLS.
    ///
    /// # Errors
    /// The configuration cannot be: no window, or a file of certificates that is none.
    pub fn start(config: EsmeConfig, events: mpsc::Sender<Event>) -> Result<Esme, Wrong> {
        config.check()?;
        let tls = config.tls.as_ref().map(dial::connector).transpose()?;
        let places = Arc::new(Places::new(config.window + config.queue));
        let (submits, queue) = mpsc::channel(config.window + config.queue);
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        keep::start(&mut tasks, Arc::new(config), tls, (queue, &places), events, &stopping);
        Ok(Esme {
            submits,
            places,
            stop,
            tasks,
        })
    }

    /// Hands over what is to be submitted. Never blocks; each accepted submit gets an event that ends it: `Answered`, `Unwritten`,
    /// `InDoubt` or `Voided`.
    ///
    /// # Errors
    /// Not bound, or no place free: it is given back.
    #[allow(clippy::result_large_err, reason = "it is given back as it came")]
    pub fn try_submit(&self, submit: Submit) -> Result<(), Submit> {
        let Some(place) = self.places.take() else {
            return Err(submit);
        };
        let queued = Queued { submit, place };
        self.submits.try_send(queued).map_err(|error| error.into_inner().submit)
    }

    /// How many submits would be taken now; none while not bound.
    pub fn free(&self) -> usize {
        self.places.free()
    }

    /// Takes nothing more, waits for what is under way, unbinds and closes. Up to seven seconds by default.
    pub async fn stop(mut self) {
        // The tasks hold the other end until they are done.
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}
