//! A connection that is dialled again whenever it is lost, and what becomes of submits meanwhile: nobody has them.
//!
//! One task each; a pair is two of them, of which one takes the submits.

use super::again::{Again, random};
use super::config::EsmeConfig;
use super::connection::{Outside, carry, stopped};
use super::dial::{Stream, dial};
use super::event::{Event, Why};
use super::place::{Places, Queued};
use super::session::{DELIVERS_MAX, Session};
use crate::pdu::Mode;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;

/// Starts the connections that a configuration wants.
pub(super) fn start(
    tasks: &mut JoinSet<()>,
    config: Arc<EsmeConfig>,
    tls: Option<TlsConnector>,
    (queue, places): (mpsc::Receiver<Queued>, &Arc<Places>),
    events: mpsc::Sender<Event>,
    stop: &watch::Receiver<bool>,
) {
    let mut queue = Some(queue);
    for mode in config.bind.modes() {
        let kept = Kept {
            mode: *mode,
            config: config.clone(),
            tls: tls.clone(),
            queue: if mode.submits() { queue.take() } else { None },
            places: places.clone(),
            events: events.clone(),
            stop: stop.clone(),
        };
        tasks.spawn(kept.run());
    }
}

struct Kept {
    mode: Mode,
    config: Arc<EsmeConfig>,
    tls: Option<TlsConnector>,
    queue: Option<mpsc::Receiver<Queued>>,
    places: Arc<Places>,
    events: mpsc::Sender<Event>,
    stop: watch::Receiver<bool>,
}

impl Kept {
    async fn run(mut self) {
        let mut again = Again::default();
        loop {
            let (why, bound_for) = self.once().await;
            let stopped = why == Why::Stopped || *self.stop.borrow();
            let wait = again.after(&self.config, &why, bound_for, random());
            let lost = Event::Lost {
                mode: self.mode,
                why,
                again: (!stopped).then_some(wait),
            };
            let told = self.events.send(lost).await;
            if stopped || told.is_err() {
                break;
            }
            if self.idle(sleep(wait)).await.is_none() {
                break;
            }
        }
        self.refuse_queued().await;
    }

    /// One connection from dialling to its end; why, and how long it was bound.
    async fn once(&mut self) -> (Why, Option<Duration>) {
        let (config, tls) = (self.config.clone(), self.tls.clone());
        match self.idle(dial(&config, tls.as_ref())).await {
            None => (Why::Stopped, None),
            Some(Err(why)) => (Why::Unreachable(why), None),
            Some(Ok(stream)) => self.converse(stream).await,
        }
    }

    async fn converse(&mut self, stream: Stream) -> (Why, Option<Duration>) {
        let (to_answer, mut answers) = mpsc::channel(DELIVERS_MAX);
        let mut session = Session::new(self.config.clone(), self.mode, Instant::now(), to_answer);
        let mut outside = Outside {
            submits: self.queue.as_mut(),
            events: &self.events,
            answers: &mut answers,
            stop: &mut self.stop,
        };
        let submits = self.mode.submits();
        let places = &self.places;
        let on_bound = || {
            if submits {
                places.set_bound(true);
            }
        };
        let why = carry(&mut session, stream, &mut outside, on_bound).await;
        if submits {
            self.places.set_bound(false);
        }
        let bound_for = session.bound_for(Instant::now());
        session.give_up();
        for event in session.events.drain(..) {
            // Nobody is there any more; then nobody misses it.
            let _ = self.events.send(event).await;
        }
        self.refuse_queued().await;
        (why, bound_for)
    }

    /// Waits for something while not bound: whoever submits now has come too late. `None` if it shall stop.
    async fn idle<T>(&mut self, what: impl Future<Output = T>) -> Option<T> {
        let mut what = std::pin::pin!(what);
        loop {
            tokio::select! {
                done = what.as_mut() => return Some(done),
                () = stopped(&mut self.stop) => return None,
                Some(queued) = next(&mut self.queue) => refuse(queued, &self.events).await,
            }
        }
    }

    /// What waits in the queue was never written.
    async fn refuse_queued(&mut self) {
        while let Some(queued) = self.queue.as_mut().and_then(|queue| queue.try_recv().ok()) {
            refuse(queued, &self.events).await;
        }
    }
}

async fn next(queue: &mut Option<mpsc::Receiver<Queued>>) -> Option<Queued> {
    queue.as_mut()?.recv().await
}

async fn refuse(queued: Queued, events: &mpsc::Sender<Event>) {
    let Queued { submit, place } = queued;
    drop(place);
    // As above.
    let _ = events.send(Event::Unwritten { token: submit.token }).await;
}
