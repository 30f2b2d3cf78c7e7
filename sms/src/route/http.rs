//! A way by HTTP: each message is a request to a provider, as many at once as the window has (`sms.md` §1.6).
//!
//! Whether a message's number has said STOP is asked when its body is written, not before. Knows no number's owner. Next:
//! `provider.rs` says what is written and what an answer means.

use super::provider::{Meaning, Provider};
use super::{May, Told, Way};
use crate::config::Route;
use crate::limits::{ANSWER_BYTES, HTTP_REST_MS, HTTP_STOP, HTTP_WRONG};
use crate::number::Phone;
use crate::schedule::{Outgoing, Status};
use axum::http::{Method, Request, Uri};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use reef_engine::clock::Clock;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

/// What the way says, and hears by the way.
#[derive(Debug)]
pub enum Event {
    /// Of a part, or of the way.
    Told(Told),
    /// This number has said STOP to the provider.
    OptedOut(Phone),
}

/// Requests to a provider.
pub struct Http {
    line: Arc<Line>,
    tasks: JoinSet<()>,
    runtime: Handle,
}

/// What all requests share.
struct Line {
    client: Client<HttpsConnector<HttpConnector>, Late>,
    provider: Provider,
    url: Uri,
    window: usize,
    /// As many permits as the window has.
    room: Arc<Semaphore>,
    /// How long an answer is waited for.
    patience: Duration,
    health: Health,
    clock: Arc<dyn Clock>,
    events: mpsc::Sender<Event>,
}

/// Whether the provider can be reached and takes what we say.
#[derive(Default)]
struct Health {
    /// It rests.
    rests: AtomicBool,
    /// It has rested, and has not answered since: one request alone finds out.
    tries: AtomicBool,
    /// Rests in a row.
    failures: AtomicUsize,
}

impl Http {
    /// Takes messages at once; what happens comes as events. Within a runtime.
    ///
    /// # Errors
    /// Why that cannot be, in one line.
    pub fn start(route: &Route, clock: Arc<dyn Clock>, events: mpsc::Sender<Event>) -> Result<Http, String> {
        let ca = (!route.ca.as_os_str().is_empty()).then_some(route.ca.as_path());
        let tls = reef_smpp::esme::client_config(ca).map_err(|error| error.to_string())?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(route.submit_timeout.unsigned_abs()));
        // Without TLS only to this machine: the settings see to that.
        let https = HttpsConnectorBuilder::new().with_tls_config(tls);
        let https = https.https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(usize::from(route.window))
            .build(https);
        let window = usize::from(route.window);
        // The channel is new and has room.
        let _ = events.try_send(Event::Told(Told::Up));
        let line = Line {
            client,
            provider: Provider::new(route)?,
            url: route.url.parse().map_err(|_| "url is no URL".to_owned())?,
            window,
            room: Arc::new(Semaphore::new(window)),
            patience: route.submit_timeout.unsigned_abs(),
            health: Health::default(),
            clock,
            events,
        };
        Ok(Http {
            line: Arc::new(line),
            tasks: JoinSet::new(),
            runtime: Handle::current(),
        })
    }
}

impl Way for Http {
    fn free(&self) -> usize {
        let line = &self.line;
        let free = line.room.available_permits();
        match (line.health.is_resting(), line.health.is_trying()) {
            (true, _) => 0,
            (false, true) => usize::from(free == line.window),
            (false, false) => free,
        }
    }

    fn submit(&mut self, part: Outgoing, may: May) -> Result<(), u64> {
        while self.tasks.try_join_next().is_some() {}
        let place = match self.free() {
            0 => None,
            _ => self.line.room.clone().try_acquire_owned().ok(),
        };
        let Some(place) = place else { return Err(part.token) };
        self.tasks
            .spawn_on(self.line.clone().deliver(part, may, place), &self.runtime);
        Ok(())
    }

    fn stop(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (line, mut tasks) = (self.line.clone(), std::mem::take(&mut self.tasks));
        Box::pin(async move {
            let all = u32::try_from(line.window).unwrap_or(u32::MAX);
            // What is not answered by then is in doubt at the next start.
            let _ = tokio::time::timeout(HTTP_STOP, line.room.acquire_many(all)).await;
            tasks.shutdown().await;
        })
    }
}

impl Line {
    /// One message from its request to what became of it; then a rest, if the provider wants one.
    async fn deliver(self: Arc<Line>, part: Outgoing, may: May, place: OwnedSemaphorePermit) {
        let asked = Arc::new(AtomicU8::new(UNASKED));
        let body = Late {
            bytes: Some(self.provider.body(&part, self.clock.now()).into()),
            may: Some(may),
            asked: asked.clone(),
        };
        let answer = tokio::time::timeout(self.patience, self.exchange(body)).await;
        let (meaning, failed) = match answer {
            Ok(Ok(meaning)) => {
                let failed = meaning.wrong.clone().map(|why| (why, Some(HTTP_WRONG)));
                (meaning, failed)
            }
            silent => {
                let why = match silent {
                    Ok(Err(why)) => why,
                    _ => "no answer in time".to_owned(),
                };
                match asked.load(Ordering::SeqCst) {
                    UNASKED => (Meaning::of(Status::Unwritten), Some((why, None))),
                    VOID => (Meaning::of(Status::Void), None),
                    _ => (Meaning::of(Status::InDoubt), Some((why, None))),
                }
            }
        };
        if failed.is_none() && meaning.status != Status::Void {
            self.health.good();
        }
        let rests = failed.filter(|_| !self.health.rests.swap(true, Ordering::SeqCst));
        drop(place);
        if meaning.opted_out {
            self.say(Event::OptedOut(part.phone)).await;
        }
        self.say(Event::Told(Told::Said(part.token, meaning.status))).await;
        if let Some((why, pause)) = rests {
            let pause = pause.unwrap_or_else(|| self.health.pause());
            self.say(Event::Told(Told::Down(why))).await;
            tokio::time::sleep(pause).await;
            self.health.tries.store(true, Ordering::SeqCst);
            self.health.rests.store(false, Ordering::SeqCst);
            self.say(Event::Told(Told::Up)).await;
        }
    }

    /// Asks, and reads the answer.
    async fn exchange(&self, body: Late) -> Result<Meaning, String> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        request.headers_mut().clone_from(&self.provider.headers);
        let answer = self.client.request(request).await.map_err(|error| reason(&error))?;
        let status = answer.status();
        // Its status says what became of the message, even if the rest does not come.
        let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        Ok(self.provider.meaning(status, &body))
    }

    async fn say(&self, event: Event) {
        // Whoever listened has ended: then so does this.
        let _ = self.events.send(event).await;
    }
}

impl Health {
    fn is_resting(&self) -> bool {
        self.rests.load(Ordering::SeqCst)
    }

    fn is_trying(&self) -> bool {
        self.tries.load(Ordering::SeqCst)
    }

    /// It answers.
    fn good(&self) {
        self.tries.store(false, Ordering::SeqCst);
        self.failures.store(0, Ordering::SeqCst);
    }

    /// How long it rests after one more failure.
    fn pause(&self) -> Duration {
        let failures = self.failures.fetch_add(1, Ordering::SeqCst).min(16) as u32;
        let (first, most) = HTTP_REST_MS;
        Duration::from_millis(first.saturating_mul(1 << failures).min(most))
    }
}

/// An error with what led to it: "connection refused" is the third of them.
fn reason(error: &dyn std::error::Error) -> String {
    let mut all = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        all.push(error.to_string());
        source = error.source();
    }
    all.join(": ")
}

/// Whether a body was asked for, and what it was.
const UNASKED: u8 = 0;
/// See there.
const WRITTEN: u8 = 1;
/// See there.
const VOID: u8 = 2;

/// A body that looks whether its number has said STOP when the connection is there and it is to be written.
struct Late {
    bytes: Option<Bytes>,
    may: Option<May>,
    asked: Arc<AtomicU8>,
}

/// Its number wants nothing any more.
#[derive(Debug, thiserror::Error)]
#[error("void")]
struct Void;

impl Body for Late {
    type Data = Bytes;
    type Error = Void;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Void>>> {
        let Some(bytes) = self.bytes.take() else {
            return Poll::Ready(None);
        };
        let may = self.may.take().is_some_and(|may| may());
        self.asked.store(if may { WRITTEN } else { VOID }, Ordering::SeqCst);
        Poll::Ready(Some(if may { Ok(Frame::data(bytes)) } else { Err(Void) }))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
