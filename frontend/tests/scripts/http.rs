//! HTTP over real sockets: who may see the metrics, what `/health` says, and a port that is taken.
//!
//! Knows what operators do with curl and nothing of axum.

use super::client::{Client, header};
use super::server::{DOMAIN, Server};
use reef_frontend::config::{Config, HttpConfig};
use reef_frontend::server::{Running, StartError};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) async fn get(address: SocketAddr, path: &str, header: &str) -> String {
    ask(address, "GET", path, header).await
}

pub(crate) async fn ask(address: SocketAddr, method: &str, path: &str, header: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {DOMAIN}\r\nconnection: close\r\n{header}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(Duration::from_secs(20), socket.read_to_string(&mut answer)).await;
    read.expect("an answer").unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_for_the_machine_itself_and_health_for_everyone() {
    let server = Server::start(&[], &["romeo".to_owned()]).await;
    let http = *server.running.http.first().unwrap();
    let metrics = get(http, "/metrics", "").await;
    assert!(metrics.starts_with("HTTP/1.1 200 "), "{metrics}");
    assert!(
        metrics.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{metrics}"
    );
    // The account was a record.
    assert!(metrics.contains("\nreef_records_total 1\n"), "{metrics}");
    assert!(metrics.contains("\nreef_registrations_total 0\n"), "{metrics}");
    assert!(
        metrics.ends_with("# EOF\n") && metrics.matches("# EOF").count() == 1,
        "{metrics}"
    );
    let proxied = get(http, "/metrics", "X-Forwarded-For: 192.0.2.1\r\n").await;
    assert!(
        proxied.starts_with("HTTP/1.1 404 ") && !proxied.contains("reef_"),
        "{proxied}"
    );
    for header in ["", "X-Forwarded-For: 192.0.2.1\r\n"] {
        let health = get(http, "/health", header).await;
        assert!(
            health.starts_with("HTTP/1.1 200 ") && health.ends_with("ok\n"),
            "{health}"
        );
    }
    let other = get(http, "/", "").await;
    assert!(other.starts_with("HTTP/1.1 404 "), "{other}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_registers_is_counted_and_who_is_refused_is_not() {
    let server = Server::start(&["c2s.registration=open".to_owned()], &[]).await;
    let mut client = Client::connect(server.address()).await;
    client.send(&header()).await;
    assert_eq!(client.stanza().await.unwrap().name(), "features");
    for kind in ["result", "error"] {
        client
            .send(
                "<iq type='set' id='r'><query xmlns='jabber:iq:register'>\
                 <username>romeo</username><password>r0m30</password></query></iq>",
            )
            .await;
        let answer = client.stanza().await.unwrap();
        assert_eq!(answer.attr("type"), Some(kind), "{answer:?}");
    }
    let metrics = get(*server.running.http.first().unwrap(), "/metrics", "").await;
    assert!(metrics.contains("\nreef_registrations_total 1\n"), "{metrics}");
}

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_default_port_that_is_taken_is_a_warning_and_the_server_goes_on_without() {
    let default = *HttpConfig::default().listen.first().unwrap();
    // Where this fails somebody else has it, which is as good.
    let taken = TcpListener::bind(default);
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(log);
    let listen = format!("http.listen=[\"{default}\"]");
    let server = Server::start(&[listen], &["romeo".to_owned()]).await;
    drop(guard);
    assert_eq!(server.running.http, [], "{taken:?}");
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("WARN") && logged.contains("set http.listen"),
        "{logged}"
    );
    let mut romeo = Client::connect(server.address()).await;
    romeo.authenticate("romeo").await;
}

#[tokio::test]
async fn a_port_that_was_chosen_and_is_taken_stops_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let data = tempfile::tempdir().unwrap();
    let sets = [
        format!("domain={DOMAIN}"),
        format!("data_dir={}", data.path().display()),
        "c2s.listen=[\"127.0.0.1:0\"]".to_owned(),
        "c2s.listen_tls=[]".to_owned(),
        format!("http.listen=[\"{address}\"]"),
    ];
    let config = Config::load(None, &sets, std::iter::empty()).unwrap();
    let refused = Running::start(config).await.err();
    assert!(
        matches!(refused, Some(StartError::Listen(at, _)) if at == address),
        "{refused:?}"
    );
}
