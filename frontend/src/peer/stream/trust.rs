//! Whom we trust, and whether a certificate is one for a domain (RFC 6120 §13.7.2): its chain leads to a root of the
//! system's or of `tls.ca`, and it names the domain as dNSName or the address as iPAddress.
//!
//! Must not know TLS connections. Certificates of peers are judged as those of servers also where they dial: public
//! authorities issue no others any more.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::resolve::{ascii, ip_literal};
use crate::tls::TlsError;

/// Whom we trust, as it is now.
#[derive(Debug)]
pub(super) struct Trust {
    ca: PathBuf,
    /// `None`: there are no roots, so that nothing is valid. Guards one pointer, never held while a chain is judged.
    roots: RwLock<Option<Arc<WebPkiServerVerifier>>>,
}

impl Trust {
    /// The system's roots and those in a file, if one is named. Blocks on files.
    pub(super) fn load(ca: &Path) -> Result<Self, TlsError> {
        Ok(Self {
            ca: ca.to_owned(),
            roots: RwLock::new(roots(ca)?),
        })
    }

    /// Reads them again; on an error everything stays as it was. Blocks on files.
    pub(super) fn reload(&self) -> Result<(), TlsError> {
        let roots = roots(&self.ca)?;
        *self.roots.write().unwrap_or_else(PoisonError::into_inner) = roots;
        Ok(())
    }

    /// Whether this chain, its holder's first, is one for this domain now. That he holds the key was proved by the
    /// handshake.
    pub(super) fn proves(&self, chain: &[CertificateDer<'_>], domain: &str) -> bool {
        let verifier = self.roots.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (Some(verifier), Some((own, rest)), Some(name)) = (verifier, chain.split_first(), server_name(domain))
        else {
            return false;
        };
        match verifier.verify_server_cert(own, rest, &name, &[], UnixTime::now()) {
            Ok(_) => true,
            Err(error) => {
                tracing::debug!(%error, domain, "a peer's certificate is not valid for it");
                false
            }
        }
    }
}

fn roots(ca: &Path) -> Result<Option<Arc<WebPkiServerVerifier>>, TlsError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    if let Some(error) = system.errors.first() {
        tracing::debug!(%error, "some of the system's roots cannot be read");
    }
    roots.add_parsable_certificates(system.certs);
    if !ca.as_os_str().is_empty() {
        let own = CertificateDer::pem_file_iter(ca)
            .and_then(|certs| certs.collect::<Result<Vec<_>, _>>())
            .map_err(|cause| TlsError::Pem {
                path: ca.to_owned(),
                cause,
            })?;
        for root in own {
            roots.add(root)?;
        }
    }
    if roots.is_empty() {
        return Ok(None);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let verifier = verifier.map_err(|error| rustls::Error::General(error.to_string()))?;
    Ok(Some(verifier))
}

/// A domain as TLS names it.
pub(super) fn server_name(domain: &str) -> Option<ServerName<'static>> {
    match ip_literal(domain) {
        Some(ip) => Some(ServerName::IpAddress(ip.into())),
        None => ServerName::try_from(ascii(domain)?).ok(),
    }
}
