//! A peer that says what a test tells it: raw text over a socket, with or without TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::Ca;
use super::site::PATIENCE;

/// What a `Raw` speaks through.
pub(super) trait Pipe: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Pipe for T {}

pub(super) struct Raw<S = TlsStream<TcpStream>> {
    pub(super) socket: S,
    unread: String,
}

/// A stream header.
pub(super) fn header(from: &str, to: &str, id: &str) -> String {
    let id = if id.is_empty() {
        String::new()
    } else {
        format!("id='{id}'")
    };
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' \
         xmlns:db='jabber:server:dialback' from='{from}' to='{to}' {id} version='1.0'>"
    )
}

pub(super) const EXTERNAL: &str = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>";
pub(super) const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
pub(super) const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// How a raw peer dials: trusts the authority, and shows a certificate for these names.
fn client_config(ca: &Ca, names: &[&str]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca.root()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match names {
        [] => builder.with_no_client_auth(),
        names => {
            let (cert, key) = ca.pair(names);
            builder.with_client_auth_cert(vec![cert], key).unwrap()
        }
    }
}

/// How a raw peer accepts.
fn server_config(ca: &Ca, names: &[&str]) -> ServerConfig {
    let (cert, key) = ca.pair(names);
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .unwrap()
}

impl Raw<TcpStream> {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    /// The next connection to a listener.
    pub(super) async fn accept(listener: &TcpListener) -> Self {
        let accepted = tokio::time::timeout(PATIENCE, listener.accept()).await;
        Self::over(accepted.expect("nobody dials").unwrap().0)
    }

    pub(super) async fn connect_tls(self, ca: &Ca, names: &[&str]) -> Raw {
        let name = ServerName::try_from("reef.example").unwrap();
        let connector = TlsConnector::from(Arc::new(client_config(ca, names)));
        Raw::over(connector.connect(name, self.socket).await.unwrap().into())
    }

    pub(super) async fn accept_tls(self, ca: &Ca, names: &[&str]) -> Raw {
        let acceptor = TlsAcceptor::from(Arc::new(server_config(ca, names)));
        Raw::over(acceptor.accept(self.socket).await.unwrap().into())
    }
}

impl Raw {
    /// Dials `reef.example` as `from`, with a certificate for `names`, up to the features over TLS, which it also gives.
    pub(super) async fn dial(address: SocketAddr, ca: &Ca, from: &str, names: &[&str]) -> (Self, String) {
        let mut plain = Raw::connect(address).await;
        plain.send(&header(from, "reef.example", "")).await;
        plain.until("</stream:features>").await;
        plain.ask(STARTTLS, PROCEED).await;
        let mut raw = plain.connect_tls(ca, names).await;
        raw.send(&header(from, "reef.example", "")).await;
        let features = raw.until("</stream:features>").await;
        (raw, features)
    }

    /// Proves itself by its certificate, and gives the features of the stream that follows.
    pub(super) async fn external(&mut self, from: &str) -> String {
        self.ask(EXTERNAL, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
            .await;
        self.ask(&header(from, "reef.example", ""), "</stream:features>").await
    }

    /// Takes what dials as `names`' server, up to the features over TLS, which are these.
    pub(super) async fn answer(listener: &TcpListener, ca: &Ca, names: &[&str], features: &str) -> Self {
        let mut plain = Raw::accept(listener).await;
        plain.until("version='1.0'>").await;
        let offer = format!("<stream:features>{STARTTLS}</stream:features>");
        plain.send(&(header(names[0], "reef.example", "1") + &offer)).await;
        plain.until(STARTTLS).await;
        plain.send(PROCEED).await;
        let mut raw = plain.accept_tls(ca, names).await;
        raw.until("version='1.0'>").await;
        let features = format!("<stream:features>{features}</stream:features>");
        raw.send(&(header(names[0], "reef.example", "2") + &features)).await;
        raw
    }
}

impl<S: Pipe> Raw<S> {
    pub(super) fn over(socket: S) -> Self {
        Self {
            socket,
            unread: String::new(),
        }
    }

    pub(super) async fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).await.unwrap();
        self.socket.flush().await.unwrap();
    }

    /// Sends a message.
    pub(super) async fn chat(&mut self, from: &str, to: &str, body: &str) {
        let stanza = super::chat(from, to, body);
        self.send(str::from_utf8(&stanza).unwrap()).await;
    }

    /// Everything up to and with `end`.
    pub(super) async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.unread.find(end) {
                let rest = self.unread.split_off(at + end.len());
                return std::mem::replace(&mut self.unread, rest);
            }
            assert!(self.more().await, "closed after {:?}, before {end:?}", self.unread);
        }
    }

    /// Everything up to the end of the connection.
    pub(super) async fn rest(&mut self) -> String {
        while self.more().await {}
        std::mem::take(&mut self.unread)
    }

    /// Sends and gives the answer up to `end`.
    pub(super) async fn ask(&mut self, text: &str, end: &str) -> String {
        self.send(text).await;
        self.until(end).await
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 4_096];
        let read = tokio::time::timeout(PATIENCE, self.socket.read(&mut buffer)).await;
        let read = read.unwrap_or_else(|_| panic!("nothing comes after {:?}", self.unread));
        let read = read.unwrap();
        self.unread.push_str(str::from_utf8(&buffer[..read]).unwrap());
        read > 0
    }
}
