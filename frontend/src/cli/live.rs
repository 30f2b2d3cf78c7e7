//! The demo's follower: an ordinary client, tokio-xmpp's, over direct TLS, that waits for a post.
//!
//! It trusts the one certificate that this server has made for itself. Knows nothing of the server's inside.

use super::Exit;
use futures::StreamExt;
use minidom::Element;
use reef_stanza::ns;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sasl::common::ChannelBinding;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_xmpp::connect::ServerConnector;
use tokio_xmpp::jid::Jid;
use tokio_xmpp::xmlstream::{PendingFeaturesRecv, StreamHeader, Timeouts, initiate_stream};
use tokio_xmpp::{Client, Error, Event, Stanza};
use xmpp_parsers::presence::Presence;

/// How long the demo waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client that is logged in and available.
pub(super) struct Follower(Client);

impl Follower {
    pub(super) async fn login(
        address: SocketAddr,
        certificate: &Path,
        jid: &str,
        password: &str,
    ) -> Result<Self, Exit> {
        let pinned = CertificateDer::from_pem_file(certificate).map_err(Exit::failed)?;
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(Pinned {
            pinned,
            provider: provider.clone(),
        });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Exit::failed)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        let connector = Direct {
            address,
            config: Arc::new(config),
        };
        let jid: Jid = format!("{jid}/demo").parse().map_err(Exit::failed)?;
        let mut client = Client::new_with_connector(jid, password, connector, Timeouts::default());
        match tokio::time::timeout(PATIENCE, client.next()).await {
            Ok(Some(Event::Online { .. })) => {}
            _ => return Err(Exit::failed("the demo's follower cannot log in: see the log")),
        }
        client
            .send_stanza(Presence::available().into())
            .await
            .map_err(Exit::failed)?;
        Ok(Follower(client))
    }

    /// Waits for a post with this title; the title that came.
    pub(super) async fn hears(&mut self, title: &str) -> Result<String, Exit> {
        let wait = async {
            while let Some(event) = self.0.next().await {
                let Event::Stanza(Stanza::Message(message)) = event else {
                    continue;
                };
                let heard = message.payloads.iter().find_map(heard).filter(|heard| heard == title);
                if heard.is_some() {
                    return heard;
                }
            }
            None
        };
        let heard = tokio::time::timeout(PATIENCE, wait).await.ok().flatten();
        heard.ok_or_else(|| Exit::failed("the demo's post did not arrive: see the log"))
    }

    pub(super) async fn leave(self) -> Result<(), Exit> {
        // It may be gone already: the demo has shown what it wanted.
        let _ = tokio::time::timeout(PATIENCE, self.0.send_end()).await;
        Ok(())
    }
}

/// The title of the entry in an event.
fn heard(payload: &Element) -> Option<String> {
    let items = payload
        .is("event", ns::PUBSUB_EVENT)
        .then(|| payload.get_child("items", ns::PUBSUB_EVENT))??;
    let entry = items
        .get_child("item", ns::PUBSUB_EVENT)?
        .get_child("entry", ns::ATOM)?;
    Some(entry.get_child("title", ns::ATOM)?.text())
}

/// TLS from the first byte (XEP-0368), to one address.
#[derive(Clone, Debug)]
struct Direct {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

impl ServerConnector for Direct {
    type Stream = BufStream<TlsStream<TcpStream>>;

    async fn connect(
        &self,
        jid: &Jid,
        namespace: &'static str,
        timeouts: Timeouts,
    ) -> Result<(PendingFeaturesRecv<Self::Stream>, ChannelBinding), Error> {
        let socket = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from(jid.domain().to_string());
        let name = name.map_err(|e| std::io::Error::new(std::io::ErrorKind::InvalidInput, e))?;
        let stream = TlsConnector::from(self.config.clone()).connect(name, socket).await?;
        let header = StreamHeader {
            to: Some(Cow::Borrowed(jid.domain().as_str())),
            from: None,
            id: None,
        };
        let stream = initiate_stream(BufStream::new(stream), namespace, header, timeouts).await?;
        Ok((stream, ChannelBinding::None))
    }
}

/// Trusts one certificate and no other.
#[derive(Debug)]
struct Pinned {
    pinned: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.pinned {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General("the certificate is not the demo's own".into()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
