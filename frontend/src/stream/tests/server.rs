//! The server's side of the tests: listeners, certificate, and a host in memory.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use jid::BareJid;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::listen::serve_c2s;
use crate::sasl::{Basis, Credentials, Tokens};
use crate::stream::{Authenticated, C2s, Host, HostError, Invited, Mode, RegisterError};
use crate::tls::Tls;

/// A client's stream header to a domain.
pub(super) fn header(to: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream to='{to}' version='1.0' xml:lang='de' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    )
}

pub(super) struct FakeHost {
    accounts: Mutex<HashMap<String, Credentials>>,
    handed: mpsc::Sender<Authenticated>,
}

impl Host for FakeHost {
    async fn credentials(&self, user: &BareJid) -> Result<Option<Credentials>, HostError> {
        match user.node().map(|node| node.as_str()) {
            Some("suspended") => Err(HostError::Disabled),
            Some("busy") => Err(HostError::Busy),
            _ => Ok(self.accounts.lock().unwrap().get(user.as_str()).cloned()),
        }
    }

    async fn tokens(&self, _: &BareJid, _: &str) -> Result<Option<Tokens>, HostError> {
        Ok(None)
    }

    async fn keep_tokens(&self, _: &BareJid, _: &str, _: Tokens, _: Basis) -> Result<(), HostError> {
        Err(HostError::Busy)
    }

    fn now(&self) -> u64 {
        0
    }

    async fn invited(&self, _: &str) -> Result<Option<Invited>, HostError> {
        Ok(None)
    }

    async fn register(&self, user: &BareJid, credentials: Credentials, _: Option<&str>) -> Result<(), RegisterError> {
        let mut accounts = self.accounts.lock().unwrap();
        if user.as_str().starts_with("admin@") {
            return Err(RegisterError::NotAllowed);
        }
        match accounts.insert(user.to_string(), credentials) {
            None => Ok(()),
            Some(before) => {
                accounts.insert(user.to_string(), before);
                Err(RegisterError::Conflict)
            }
        }
    }

    fn hand_over(&self, connection: Authenticated) {
        self.handed.try_send(connection).ok().unwrap();
    }
}

/// A server for `capulet.example` with the account juliet, password `r0m30`.
pub(super) struct Server {
    pub(super) starttls: SocketAddr,
    pub(super) direct: SocketAddr,
    pub(super) context: Arc<C2s<FakeHost>>,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) listeners: Vec<JoinHandle<()>>,
    handed: mpsc::Receiver<Authenticated>,
    _data_dir: tempfile::TempDir,
}

impl Server {
    pub(super) async fn start(sets: &[&str]) -> Self {
        Self::start_with(sets, |_| ()).await
    }

    pub(super) async fn start_with(sets: &[&str], change: impl FnOnce(&mut C2s<FakeHost>)) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let sets: Vec<String> = ["domain=capulet.example", "c2s.scram_iterations=4096"]
            .iter()
            .chain(sets)
            .map(ToString::to_string)
            .collect();
        let config = Config::load(None, &sets, std::iter::empty()).unwrap();
        let tls = Arc::new(Tls::load(&config.tls, data_dir.path(), &config.domain).unwrap());
        let (sender, handed) = mpsc::channel(16);
        let juliet = Credentials::derive("r0m30", 4096, vec![7; 16]).unwrap();
        let accounts = Mutex::new(HashMap::from([("juliet@capulet.example".to_owned(), juliet)]));
        let mut context = C2s::new(
            FakeHost {
                accounts,
                handed: sender,
            },
            &config,
            tls,
            [7; 32],
        )
        .unwrap();
        change(&mut context);
        let context = Arc::new(context);
        let (stop, stopped) = watch::channel(false);
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for mode in [Mode::StartTls, Mode::DirectTls] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push(listener.local_addr().unwrap());
            listeners.push(tokio::spawn(serve_c2s(
                listener,
                mode,
                Arc::clone(&context),
                stopped.clone(),
            )));
        }
        let certificate = CertificateDer::from_pem_file(data_dir.path().join(Path::new("tls/cert.pem"))).unwrap();
        let (starttls, direct) = (addresses[0], addresses[1]);
        Self {
            starttls,
            direct,
            context,
            certificate,
            stop,
            listeners,
            handed,
            _data_dir: data_dir,
        }
    }

    /// The next connection that was handed over.
    pub(super) async fn handed(&mut self) -> Authenticated {
        self.handed.recv().await.unwrap()
    }
}
