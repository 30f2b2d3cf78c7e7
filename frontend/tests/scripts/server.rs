//! A server in this process, on a port of its own, without TLS.

use reef_frontend::admin::{Request, Response};
use reef_frontend::config::Config;
use reef_frontend::server::Running;
use std::net::SocketAddr;

pub(crate) const DOMAIN: &str = "capulet.lit";
pub(crate) const PASSWORD: &str = "r0m30";

/// A running server with its data.
pub(crate) struct Server {
    pub(crate) running: Running,
    _data: tempfile::TempDir,
}

impl Server {
    /// Starts one with overrides of the configuration and with accounts.
    pub(crate) async fn start(sets: &[String], accounts: &[String]) -> Server {
        let data = tempfile::tempdir().unwrap();
        let own = [
            format!("domain={DOMAIN}"),
            format!("data_dir={}", data.path().display()),
            "c2s.listen=[\"127.0.0.1:0\"]".to_owned(),
            "c2s.listen_tls=[]".to_owned(),
            "http.listen=[\"127.0.0.1:0\"]".to_owned(),
            "c2s.require_tls=false".to_owned(),
            "c2s.scram_iterations=4096".to_owned(),
            "store.durability=os".to_owned(),
        ];
        let sets: Vec<String> = own.iter().chain(sets).cloned().collect();
        let config = Config::load(None, &sets, std::iter::empty()).unwrap();
        let running = Running::start(config).await.unwrap();
        let server = Server { running, _data: data };
        for account in accounts {
            server.add(account).await;
        }
        server
    }

    pub(crate) async fn add(&self, user: &str) {
        let jid = format!("{user}@{DOMAIN}");
        let password = PASSWORD.to_owned();
        self.ask(Request::UserAdd { jid, password }).await;
    }

    /// What an operator asks; it must be done.
    pub(crate) async fn ask(&self, request: Request) {
        let performer = self.running.performer();
        let response = tokio::task::spawn_blocking(move || performer.perform(request))
            .await
            .unwrap();
        assert!(!matches!(response, Response::Failed(_)), "{response:?}");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        *self.running.c2s.first().unwrap()
    }
}
