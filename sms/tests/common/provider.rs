//! A whole gateway with a route by HTTP, and a provider that it talks to over real sockets.

#![allow(clippy::unwrap_used, reason = "a test's own world: what fails ends the test")]

use super::FIRST;
use super::house::House;
use super::town::Later;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use reef_sms::gateway::web;
use reef_sms::number::{Keys, Phone};
use reef_sms::tables::read::Rows;
use reef_sms::tables::rows::{Progress, State as NumberState};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Where the provider tells us things.
pub(crate) const PATH: &str = "/sms/web/0123456789abcdef";
/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request that the provider got.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) body: Value,
    pub(crate) id: String,
    pub(crate) authorization: String,
}

impl Sent {
    pub(crate) fn text(&self) -> &str {
        self.body["text"].as_str().unwrap()
    }
}

/// What the provider does.
struct Desk {
    /// What the next requests are answered; then they are taken. A status of 0 is no answer.
    answers: Mutex<VecDeque<(u16, Value)>>,
    all: Mutex<Vec<Sent>>,
    taken: mpsc::Sender<Sent>,
    refused: mpsc::Sender<Sent>,
    /// What is refused is not answered while somebody holds it for writing.
    held: Arc<RwLock<()>>,
}

impl Desk {
    fn note(&self, body: Value, authorization: String) -> Sent {
        let mut all = self.all.lock().unwrap();
        let sent = Sent {
            body,
            id: format!("SM{}", all.len()),
            authorization,
        };
        all.push(sent.clone());
        sent
    }
}

pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    desk: Arc<Desk>,
    taken: mpsc::Receiver<Sent>,
    refused: mpsc::Receiver<Sent>,
    serving: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Provider {
    async fn new(tls: Option<TlsAcceptor>) -> Provider {
        let (taken, takes) = mpsc::channel(1000);
        let (refused, refuses) = mpsc::channel(1000);
        let desk = Desk {
            answers: Mutex::default(),
            all: Mutex::default(),
            taken,
            refused,
            held: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut provider = Provider {
            address: listener.local_addr().unwrap(),
            desk: Arc::new(desk),
            taken: takes,
            refused: refuses,
            serving: None,
        };
        match tls {
            None => provider.serve(listener),
            Some(acceptor) => provider.serve(Tls(listener, acceptor)),
        }
        provider
    }

    fn serve<L: axum::serve::Listener<Addr = SocketAddr>>(&mut self, listener: L) {
        let router = Router::new()
            .route("/messages", post(message))
            .with_state(self.desk.clone());
        let (stop, stops) = oneshot::channel::<()>();
        let serving = axum::serve(listener, router).with_graceful_shutdown(async { _ = stops.await });
        let task = tokio::spawn(async { serving.into_future().await.unwrap() });
        self.serving = Some((stop, task));
    }

    /// Nobody listens any more, and what was open is closed.
    pub(crate) async fn closes(&mut self) {
        let (stop, task) = self.serving.take().unwrap();
        drop(stop);
        task.await.unwrap();
    }

    pub(crate) async fn opens(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    pub(crate) fn answers(&self, answers: &[(u16, Value)]) {
        self.desk.answers.lock().unwrap().extend(answers.iter().cloned());
    }

    /// Nobody hears that he is refused, until what this returns is dropped.
    pub(crate) async fn holds(&self) -> OwnedRwLockWriteGuard<()> {
        self.desk.held.clone().write_owned().await
    }

    /// The next message that was taken.
    pub(crate) async fn gets(&mut self) -> Sent {
        timeout(PATIENCE, self.taken.recv()).await.expect("a message").unwrap()
    }

    /// The words of the next that was not.
    pub(crate) async fn refused(&mut self) -> String {
        let sent = timeout(PATIENCE, self.refused.recv())
            .await
            .expect("a message")
            .unwrap();
        sent.text().to_owned()
    }

    /// How often these words came.
    pub(crate) fn count(&self, text: &str) -> usize {
        let all = self.desk.all.lock().unwrap();
        all.iter().filter(|sent| sent.body["text"] == text).count()
    }
}

async fn message(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let is_form = header("content-type").unwrap().contains("form");
    let body = match is_form {
        true => Value::Object(
            form_urlencoded::parse(&body)
                .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
                .collect(),
        ),
        false => serde_json::from_slice(&body).unwrap(),
    };
    let sent = desk.note(body, header("authorization").unwrap_or_default());
    let id = sent.id.clone();
    let answer = desk.answers.lock().unwrap().pop_front();
    let Some((status, body)) = answer else {
        desk.taken.try_send(sent).unwrap();
        let name = if is_form { "sid" } else { "id" };
        return (StatusCode::CREATED, json!({ name: id }).to_string()).into_response();
    };
    desk.refused.try_send(sent).unwrap();
    drop(desk.held.read().await);
    match StatusCode::from_u16(status) {
        Ok(status) => (status, body.to_string()).into_response(),
        Err(_) => std::future::pending().await,
    }
}

/// A listener over TLS.
struct Tls(TcpListener, TlsAcceptor);

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, peer) = self.0.accept().await.unwrap();
            if let Ok(stream) = self.1.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A certificate for this machine's address, whose PEM is written to `path`.
fn certificate(path: &Path) -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(path, made.cert.pem()).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// The gateway with its provider.
pub(crate) struct Office {
    dir: TempDir,
    house: House,
    pub(crate) provider: Provider,
    web: SocketAddr,
}

impl Office {
    /// With further keys of the route, and tables below it.
    pub(crate) async fn new(keys: &str, tables: &str) -> Office {
        let provider = Provider::new(None).await;
        let url = format!("http://{}/messages", provider.address);
        Office::open(tempfile::tempdir().unwrap(), provider, &url, keys, tables).await
    }

    /// The provider speaks HTTPS, with a certificate that only our settings vouch for.
    pub(crate) async fn https() -> Office {
        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca.pem");
        let provider = Provider::new(Some(certificate(&ca))).await;
        let url = format!("https://{}/messages", provider.address);
        Office::open(dir, provider, &url, &format!("ca = '{}'", ca.display()), "").await
    }

    async fn open(dir: TempDir, provider: Provider, url: &str, keys: &str, tables: &str) -> Office {
        let config = format!(
            "quiet = 'off'
            [[route]]
            name = 'web'
            kind = 'http'
            url = '{url}'
            authorization = 'Bearer secret-token'
            webhook_secret = '0123456789abcdef'
            number = '40404'
            rate = 1000
            mo_trust = 'carrier'
            {keys}
            {tables}
            [[country]]
            prefix = '+1'
            sender = '40404'
            price = 0.0"
        );
        let house = House::new(dir.path(), Arc::new(Later::default()), &config);
        house.open();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let web = listener.local_addr().unwrap();
        let router = web::routes(&house.gateway).unwrap();
        tokio::spawn(axum::serve(listener, router).into_future());
        Office {
            dir,
            house,
            provider,
            web,
        }
    }

    pub(crate) fn publisher(&self, name: &str) {
        super::publisher(&self.house.engine, &self.house.names, name);
    }

    pub(crate) fn post(&self, name: &str, item: &str, words: &str) {
        super::post(&self.house.engine, &self.house.names, name, item, words);
    }

    /// Makes an author, whom a phone follows.
    pub(crate) async fn subscribes(&mut self, phone: &str, name: &str) {
        self.publisher(name);
        for (text, id) in [(format!("follow {name}"), "s1"), ("yes".to_owned(), "s2")] {
            assert_eq!(self.says(phone, &text, id).await, 200);
            self.provider.gets().await;
        }
    }

    /// The provider tells that a phone texted.
    pub(crate) async fn says(&self, phone: &str, text: &str, id: &str) -> u16 {
        self.webhook(&json!({"from": phone, "to": "40404", "text": text, "id": id}))
            .await
    }

    /// As providers do: an event that was not taken is told again.
    pub(crate) async fn tells_until_taken(&self, event: &Value) {
        let telling = async { while self.webhook(event).await == 503 {} };
        timeout(PATIENCE, telling).await.expect("it is taken");
    }

    pub(crate) async fn webhook(&self, body: &Value) -> u16 {
        self.told(PATH, "application/json", body.to_string()).await
    }

    /// A request to us; its status.
    pub(crate) async fn told(&self, path: &str, kind: &str, body: String) -> u16 {
        let mut stream = TcpStream::connect(self.web).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // Who is refused by his length is not read to the end.
        let _ = stream.write_all(body.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        answer.split(' ').nth(1).expect("a status").parse().unwrap()
    }

    fn rows(&self) -> Rows<'_> {
        Rows {
            view: self.house.engine.view(),
            families: FIRST,
        }
    }

    /// Waits until what became of messages is so.
    pub(crate) async fn until(&self, so: impl Fn(&[Progress]) -> bool) {
        let looked = async {
            loop {
                let closed = self.rows().closed(1000).unwrap();
                let all: Vec<Progress> = closed.into_iter().map(|(_, row)| row.progress).collect();
                if so(&all) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, looked).await.expect("it is settled so");
    }

    /// Holds the store, as `common::jam` does.
    pub(crate) async fn jam(&self) -> OwnedRwLockWriteGuard<()> {
        super::jam(&self.house.engine, &self.house.gate).await
    }

    /// How often the store had no room.
    pub(crate) fn refusals(&self) -> u64 {
        self.house.engine.metrics.refused.get()
    }

    pub(crate) fn metrics(&self) -> String {
        self.house.gateway.metrics()
    }

    /// Waits until the route is seen not to take messages.
    pub(crate) async fn until_down(&self) {
        self.until_counted("reef_sms_bound{route=\"web\"} 0").await;
    }

    /// Waits until the metrics say so.
    pub(crate) async fn until_counted(&self, row: &str) {
        super::until(row, || self.house.gateway.metrics().contains(row)).await;
    }

    pub(crate) fn state(&self, phone: &str) -> NumberState {
        let keys = Keys::load(&self.dir.path().join("sms-key")).unwrap();
        let hash = keys.hash(&Phone::of(phone).unwrap());
        let id = self.rows().by_hash(&hash).unwrap().unwrap();
        self.rows().number(id).unwrap().unwrap().state
    }

    pub(crate) async fn leave(self) {
        self.house.gateway.stop().await;
        self.house.engine.close();
    }
}
