//! A certificate with its key, ready for handshakes.
//!
//! It must not know where the files came from. What comes next: a connection takes one of the configurations and keeps
//! the [`Identity`] for its channel binding.

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::unjudged::Unjudged;
use super::{TlsError, end_point};

/// The protocol name that direct TLS offers (XEP-0368 §5).
const ALPN_XMPP_CLIENT: &[u8] = b"xmpp-client";
/// The same between servers.
const ALPN_XMPP_SERVER: &[u8] = b"xmpp-server";
/// What browsers are served with.
const ALPN_HTTP: &[u8] = b"http/1.1";

/// A certificate with its key and what follows from them.
#[derive(Debug)]
pub struct Identity {
    /// For STARTTLS: no ALPN.
    pub starttls: Arc<ServerConfig>,
    /// For direct TLS: ALPN `xmpp-client`; a client that sends no ALPN is accepted, one that wants another is not.
    pub direct: Arc<ServerConfig>,
    /// For HTTP: ALPN `http/1.1`.
    pub web: Arc<ServerConfig>,
    /// `tls-server-end-point` of the certificate, if it is defined for it.
    pub end_point: Option<Vec<u8>>,
    /// For streams from and to other servers.
    pub(crate) peers: PeerConfigs,
}

/// What handshakes with other servers are made with. Their certificates are asked for and not judged: that is done after
/// the handshake, where it is known which domain they are to stand for, and what stands in for them (XEP-0220).
#[derive(Debug)]
pub(crate) struct PeerConfigs {
    /// For STARTTLS from a peer.
    pub(crate) starttls: Arc<ServerConfig>,
    /// For direct TLS from a peer: ALPN `xmpp-server`.
    pub(crate) direct: Arc<ServerConfig>,
    /// For STARTTLS to a peer, with our certificate.
    pub(crate) dial_starttls: Arc<ClientConfig>,
    /// For direct TLS to a peer.
    pub(crate) dial_direct: Arc<ClientConfig>,
}

impl Identity {
    /// Reads PEM files: the certificate with its chain, ours first, and its key. Fails if they do not match.
    pub(super) fn from_files(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_file_iter(cert)
            .and_then(|certs| certs.collect::<Result<Vec<_>, _>>())
            .map_err(|cause| TlsError::Pem {
                path: cert.to_owned(),
                cause,
            })?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|cause| TlsError::Pem {
            path: key.to_owned(),
            cause,
        })?;
        let end_point = chain.first().and_then(|cert| end_point(cert));
        let peers = PeerConfigs::new(&chain, &key)?;
        let starttls = server_config(chain, key, None)?;
        let direct = with_alpn(&starttls, ALPN_XMPP_CLIENT);
        let web = with_alpn(&starttls, ALPN_HTTP);
        Ok(Self {
            starttls: Arc::new(starttls),
            direct: Arc::new(direct),
            web: Arc::new(web),
            end_point,
            peers,
        })
    }
}

impl PeerConfigs {
    fn new(chain: &[CertificateDer<'static>], key: &PrivateKeyDer<'static>) -> Result<Self, TlsError> {
        let unjudged = Arc::new(Unjudged::new());
        let starttls = server_config(chain.to_vec(), key.clone_key(), Some(unjudged.clone()))?;
        let direct = with_alpn(&starttls, ALPN_XMPP_SERVER);
        let mut dial = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .dangerous()
            .with_custom_certificate_verifier(unjudged)
            .with_client_auth_cert(chain.to_vec(), key.clone_key())?;
        dial.resumption = Resumption::disabled();
        let mut dial_direct = dial.clone();
        dial_direct.alpn_protocols = vec![ALPN_XMPP_SERVER.to_vec()];
        Ok(Self {
            starttls: Arc::new(starttls),
            direct: Arc::new(direct),
            dial_starttls: Arc::new(dial),
            dial_direct: Arc::new(dial_direct),
        })
    }
}

fn with_alpn(config: &ServerConfig, protocol: &[u8]) -> ServerConfig {
    let mut config = config.clone();
    config.alpn_protocols = vec![protocol.to_vec()];
    config
}

/// TLS 1.2 and 1.3 with ring, which is never made the process's default: another crate may want another one.
fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let builder = match clients {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key)?;
    // A stream lives for hours: resumption saves little and would cost memory for each.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}
