//! The certificate of an operator who has none yet: self-signed, made once, kept in the data directory.
//!
//! It must not know how it is used. What comes next: `identity` reads the files like any other.

use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::{TlsError, private_file};

/// The paths of certificate and key for `names` in `directory`; made if they are not there, or are for other names
/// because the domain was changed.
pub(super) fn ensure(directory: &Path, names: &[String]) -> Result<(PathBuf, PathBuf), TlsError> {
    let (cert, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    if !(key.exists() && is_for(&cert, names)) {
        let (cert_pem, key_pem) = make(names)?;
        private_file::write(&key, key_pem.as_bytes())?;
        private_file::write(&cert, cert_pem.as_bytes())?;
    }
    Ok((cert, key))
}

fn make(names: &[String]) -> Result<(String, String), TlsError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    if let Some(domain) = names.first() {
        params.distinguished_name.push(DnType::CommonName, domain);
    }
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

/// Whether the certificate has each name as a dNSName: context tag 2, length, text (RFC 5280 §4.2.1.6). Every name but
/// an address's is written so; for an address only its subdomains are looked for.
fn is_for(cert: &Path, names: &[String]) -> bool {
    let Ok(der) = CertificateDer::from_pem_file(cert) else {
        return false;
    };
    let is_dns_name = |name: &&String| name.parse::<std::net::IpAddr>().is_err();
    names.iter().filter(is_dns_name).all(|name| {
        let Ok(len) = u8::try_from(name.len()) else {
            return false;
        };
        let entry = [&[0x82, len], name.as_bytes()].concat();
        der.windows(entry.len()).any(|window| window == entry)
    })
}
