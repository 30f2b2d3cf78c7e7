//! The client's side of the tests: raw text over a socket, with or without TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Server, header};

/// Longer than anything in these tests takes; a test that hangs fails instead.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Client<S = TcpStream> {
    pub(super) socket: S,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self {
            socket: TcpStream::connect(address).await.unwrap(),
        }
    }

    /// Connects and goes through STARTTLS, up to the features of the encrypted stream, which it also gives.
    pub(super) async fn secure(server: &Server) -> (Client<TlsStream<TcpStream>>, String) {
        let mut client = Self::connect(server.starttls).await;
        client.send(&header("capulet.example")).await;
        client.until("</stream:features>").await;
        client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await;
        client.until("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await;
        let versions = [&rustls::version::TLS13];
        let mut client = client.handshake(&server.certificate, &versions, &[]).await.unwrap();
        client.send(&header("capulet.example")).await;
        let features = client.until("</stream:features>").await;
        (client, features)
    }

    pub(super) async fn handshake(
        self,
        certificate: &CertificateDer<'static>,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&str],
    ) -> std::io::Result<Client<TlsStream<TcpStream>>> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("capulet.example").unwrap();
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, self.socket);
        let socket = tokio::time::timeout(PATIENCE, handshake)
            .await
            .expect("the handshake hangs")?;
        Ok(Client { socket })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(super) async fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).await.unwrap();
        self.socket.flush().await.unwrap();
    }

    /// Everything up to and with `end`, which must be the last that was sent.
    pub(super) async fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let mut buffer = [0; 1024];
            let read = tokio::time::timeout(PATIENCE, self.socket.read(&mut buffer)).await;
            let read = read
                .unwrap_or_else(|_| panic!("{end:?} does not come after {text:?}"))
                .unwrap();
            assert!(read > 0, "closed after {text:?}, before {end:?}");
            text.push_str(str::from_utf8(&buffer[..read]).unwrap());
        }
        text
    }

    /// Everything up to the end of the connection, which must be an orderly one (with TLS: close_notify).
    pub(super) async fn rest(&mut self) -> String {
        let mut text = String::new();
        let read = self.socket.read_to_string(&mut text);
        tokio::time::timeout(PATIENCE, read)
            .await
            .expect("the server does not close")
            .unwrap();
        text
    }

    /// Sends and gives the answer up to `end`.
    pub(super) async fn ask(&mut self, text: &str, end: &str) -> String {
        self.send(text).await;
        self.until(end).await
    }
}
