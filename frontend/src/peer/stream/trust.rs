//! Whom we trust, and whether a certificate is one for a domain (RFC 6120 §13.7.2): its chain leads to a root of the
//! system's or of `tls.ca`, and it names the domain as dNSName or the address as iPAddress.
//!
//! Must not know TLS connections. Certificates of peers are judged as those of servers also where they dial: public
//! authorities issue no others any more.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::resolve::{ascii, ip_literal};
use crate::tls::TlsError;

/// The roots. `None`: there are none, so that nothing is valid.
#[derive(Debug)]
pub(super) struct Trust(Option<Arc<WebPkiServerVerifier>>);

impl Trust {
    /// The system's roots and those in a file, if one is named. Blocks on files.
    pub(super) fn load(ca: &Path) -> Result<Self, TlsError> {
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
            return Ok(Self(None));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        verifier
            .map(|verifier| Self(Some(verifier)))
            .map_err(|error| rustls::Error::General(error.to_string()).into())
    }

    /// Whether this chain, its holder's first, is one for this domain now. That he holds the key was proved by the
    /// handshake.
    pub(super) fn proves(&self, chain: &[CertificateDer<'_>], domain: &str) -> bool {
        let (Some(verifier), Some((own, rest)), Some(name)) = (&self.0, chain.split_first(), server_name(domain))
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

/// A domain as TLS names it.
pub(super) fn server_name(domain: &str) -> Option<ServerName<'static>> {
    match ip_literal(domain) {
        Some(ip) => Some(ServerName::IpAddress(ip.into())),
        None => ServerName::try_from(ascii(domain)?).ok(),
    }
}
