//! The socket: TCP, and TLS over it where that is wanted.
//!
//! Knows no SMPP. Errors are texts for people; what follows from one is always the same.

use super::config::{EsmeConfig, Tls, Wrong};
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Probes of a silent connection; `enquire_link` is earlier, this is for its end that went away while we only write.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// What a session talks over.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
/// A connection of any kind.
pub(super) type Stream = Box<dyn Io>;

/// Connects, within `response_timeout`.
pub(super) async fn dial(config: &EsmeConfig, tls: Option<&TlsConnector>) -> Result<Stream, String> {
    let connected = timeout(config.response_timeout, connect(config, tls)).await;
    match connected {
        Ok(stream) => stream.map_err(|error| error.to_string()),
        Err(_) => Err("no connection in time".to_owned()),
    }
}

async fn connect(config: &EsmeConfig, tls: Option<&TlsConnector>) -> io::Result<Stream> {
    let stream = TcpStream::connect(&config.address).await?;
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    let Some(connector) = tls else {
        return Ok(Box::new(stream));
    };
    let name = ServerName::try_from(config.tls_name().to_owned()).map_err(io::Error::other)?;
    Ok(Box::new(connector.connect(name, stream).await?))
}

/// As [`client_config`] has it.
pub(super) fn connector(tls: &Tls) -> Result<TlsConnector, Wrong> {
    Ok(TlsConnector::from(Arc::new(client_config(tls.ca.as_deref())?)))
}

/// TLS towards servers whose certificates the system's roots, or those of a file in PEM, vouch for. Blocks on files.
///
/// # Errors
/// The file is none.
pub fn client_config(ca: Option<&Path>) -> Result<ClientConfig, Wrong> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca {
        let wrong = |cause: String| Wrong::Certificates {
            path: path.to_owned(),
            cause,
        };
        for root in certificates(path).map_err(wrong)? {
            roots.add(root).map_err(|error| wrong(error.to_string()))?;
        }
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| Wrong::Value("TLS has no version that is safe"))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    all.map_err(|error| error.to_string())
}
