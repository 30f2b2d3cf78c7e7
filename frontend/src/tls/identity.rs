//! A certificate with its key, ready for handshakes.
//!
//! It must not know where the files came from. What comes next: a connection takes one of the configurations and keeps
//! the [`Identity`] for its channel binding.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{TlsError, end_point};

/// The protocol name that direct TLS offers (XEP-0368 §5).
const ALPN_XMPP_CLIENT: &[u8] = b"xmpp-client";

/// A certificate with its key and what follows from them.
#[derive(Debug)]
pub struct Identity {
    /// For STARTTLS: no ALPN.
    pub starttls: Arc<ServerConfig>,
    /// For direct TLS: ALPN `xmpp-client`; a client that sends no ALPN is accepted, one that wants another is not.
    pub direct: Arc<ServerConfig>,
    /// `tls-server-end-point` of the certificate, if it is defined for it.
    pub end_point: Option<Vec<u8>>,
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
        let starttls = server_config(chain, key)?;
        let mut direct = starttls.clone();
        direct.alpn_protocols = vec![ALPN_XMPP_CLIENT.to_vec()];
        Ok(Self {
            starttls: Arc::new(starttls),
            direct: Arc::new(direct),
            end_point,
        })
    }
}

/// TLS 1.2 and 1.3 with ring, which is never made the process's default: another crate may want another one.
fn server_config(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // A stream lives for hours: resumption saves little and would cost memory for each.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}
