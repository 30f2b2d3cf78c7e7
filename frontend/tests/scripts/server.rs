//! A server in this process, on a port of its own, without TLS.

use reef_frontend::admin::{Request, Response};
use reef_frontend::config::Config;

use reef_frontend::part::Part;
use reef_frontend::server::Running;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tempfile::TempDir;
use tokio::net::UdpSocket;

pub(crate) const DOMAIN: &str = "capulet.lit";
pub(crate) const PASSWORD: &str = "r0m30";

/// A running server with its data.
pub(crate) struct Server {
    pub(crate) running: Running,
    data: TempDir,
}

impl Server {
    /// Starts one with overrides of the configuration and with accounts.
    pub(crate) async fn start(sets: &[String], accounts: &[String]) -> Server {
        Server::start_with(sets, accounts, None).await
    }

    /// The same with another part.
    pub(crate) async fn start_with(sets: &[String], accounts: &[String], part: Option<Arc<dyn Part>>) -> Server {
        Server::start_on(tempfile::tempdir().unwrap(), sets, accounts, part).await
    }

    /// The same on data that may be there.
    pub(crate) async fn start_on(
        data: TempDir,
        sets: &[String],
        accounts: &[String],
        part: Option<Arc<dyn Part>>,
    ) -> Server {
        Server::start_made(data, sets, accounts, move |_| Ok(part)).await
    }

    /// The same with the part that the configuration asks for.
    pub(crate) async fn start_made(
        data: TempDir,
        sets: &[String],
        accounts: &[String],
        make: impl FnOnce(&Config) -> Result<Option<Arc<dyn Part>>, String>,
    ) -> Server {
        let names = nobody_elsewhere().await;
        let own = [
            format!("domain={DOMAIN}"),
            format!("data_dir={}", data.path().display()),
            "c2s.listen=[\"127.0.0.1:0\"]".to_owned(),
            "c2s.listen_tls=[]".to_owned(),
            "http.listen=[\"127.0.0.1:0\"]".to_owned(),
            "c2s.require_tls=false".to_owned(),
            "c2s.scram_iterations=4096".to_owned(),
            "store.durability=os".to_owned(),
            "s2s.listen=[]".to_owned(),
            format!("s2s.dns=[\"{names}\"]"),
        ];
        let sets: Vec<String> = own.iter().chain(sets).cloned().collect();
        let config = Config::load(None, &sets, std::iter::empty()).unwrap();
        let part = make(&config).unwrap();
        let running = Running::start_with(config, part).await.unwrap();
        let server = Server { running, data };
        for account in accounts {
            server.add(account).await;
        }
        server
    }

    /// Stops it; its data stays.
    pub(crate) async fn stop(self) -> TempDir {
        self.running.stop().await;
        self.data
    }

    pub(crate) async fn add(&self, user: &str) {
        let jid = format!("{user}@{DOMAIN}");
        let password = PASSWORD.to_owned();
        self.ask(Request::UserAdd { jid, password }).await;
    }

    /// What an operator asks; it must be done.
    pub(crate) async fn ask(&self, request: Request) -> Response {
        let performer = self.running.performer();
        let response = tokio::task::spawn_blocking(move || performer.perform(request))
            .await
            .unwrap();
        assert!(!matches!(response, Response::Failed(_)), "{response:?}");
        response
    }

    /// Where its data is.
    pub(crate) fn data(&self) -> &std::path::Path {
        self.data.path()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        *self.running.c2s.first().unwrap()
    }
}

/// An address for a server that others must know before it starts: on an address of this machine that nobody else takes.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, high | 64, low, NEXT.fetch_add(1, Ordering::Relaxed));
    let free = TcpListener::bind((address, 0)).unwrap();
    free.local_addr().unwrap()
}

/// A name server that knows no name: there are no other servers.
async fn nobody_elsewhere() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let mut answer = buffer[..length].to_vec();
            // RFC 1035 §4.1.1: the question again, as an answer, recursive, NXDOMAIN; nothing behind the question.
            answer[2..4].copy_from_slice(&[0x81, 0x83]);
            answer[6..12].fill(0);
            let question = 12 + answer[12..].iter().position(|byte| *byte == 0).unwrap_or(0) + 5;
            answer.truncate(question);
            let _ = socket.send_to(&answer, from).await;
        }
    });
    address
}
