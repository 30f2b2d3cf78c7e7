//! What other servers would miss of a domain of ours: its name in our certificate, and its place in DNS.
//!
//! Asked before a server is started, not while it runs. Knows no stream. Next: `cli/check.rs`, which says it.

use super::names::domain as normal;
use super::resolve::Resolver;
use super::trust::server_name;
use crate::config::Config;
use crate::limits::CHECK_DNS_SECONDS;
use rustls::client::verify_server_name;
use rustls::server::ParsedCertificate;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::path::Path;
use std::time::Duration;

/// What is missing of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The certificate does not name it.
    Certificate,
    /// It cannot be found, and why.
    Address(String),
}

/// What is missing of each domain, in their order; found by the name servers that the configuration names.
///
/// # Errors
/// The certificate cannot be read, or the name servers cannot be used.
pub(crate) async fn missing(config: &Config, domains: &[String]) -> Result<Vec<(String, Missing)>, String> {
    let cert = &config.tls.cert;
    let resolver = Resolver::new(&config.s2s).map_err(|error| format!("name servers cannot be used: {error}"))?;
    let mut found = Vec::new();
    for domain in domains {
        let name = normal(domain).ok_or_else(|| format!("{domain:?} is no domain"))?;
        if !cert.as_os_str().is_empty() && !names(cert, &name)? {
            found.push((name.clone(), Missing::Certificate));
        }
        let find = tokio::time::timeout(Duration::from_secs(CHECK_DNS_SECONDS), resolver.find(&name)).await;
        match find {
            Ok(Ok(_)) => {}
            Ok(Err(why)) => found.push((name, Missing::Address(why.to_string()))),
            Err(_) => found.push((name, Missing::Address("the name servers do not answer".to_owned()))),
        }
    }
    Ok(found)
}

/// Whether the certificate in a file is one for a domain.
fn names(cert: &Path, domain: &str) -> Result<bool, String> {
    let unreadable = |why: String| format!("tls.cert {} cannot be read: {why}", cert.display());
    let chain = CertificateDer::from_pem_file(cert).map_err(|error| unreadable(error.to_string()))?;
    let parsed = ParsedCertificate::try_from(&chain).map_err(|error| unreadable(error.to_string()))?;
    Ok(server_name(domain).is_some_and(|name| verify_server_name(&parsed, &name).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_names_domains_below_a_wildcard_and_addresses() {
        let sans = ["a.example", "*.a.example", "127.0.0.5"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(sans).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cert.pem");
        std::fs::write(&path, made.cert.pem()).unwrap();
        for named in ["a.example", "pubsub.a.example", "127.0.0.5"] {
            assert_eq!(names(&path, named), Ok(true), "{named}");
        }
        for other in ["b.example", "x.pubsub.a.example", "127.0.0.6"] {
            assert_eq!(names(&path, other), Ok(false), "{other}");
        }
        assert!(names(&dir.path().join("none"), "a.example").is_err());
    }
}
