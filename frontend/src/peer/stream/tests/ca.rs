//! A test's certificate authority.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// An authority and the folder in which it keeps what it issues.
#[derive(Clone)]
pub(super) struct Ca(Arc<Inner>);

struct Inner {
    issuer: Issuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Ca {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Not the name that certificates have by default: one issued by its own name passes for self-signed.
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let own = params.self_signed(&key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), own.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Self(Arc::new(Inner { issuer, folder }))
    }

    pub(super) fn root(&self) -> PathBuf {
        self.0.folder.path().join("ca.pem")
    }

    /// The files with a certificate for these names, and its key.
    pub(super) fn place(&self, names: &[&str]) -> (PathBuf, PathBuf) {
        let path = |kind: &str| self.0.folder.path().join(format!("{}-{kind}.pem", names.join("+")));
        (path("cert"), path("key"))
    }

    /// Writes them.
    pub(super) fn issue(&self, names: &[&str]) -> (PathBuf, PathBuf) {
        let place = self.place(names);
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = DistinguishedName::new();
        let cert = params.signed_by(&key, &self.0.issuer).unwrap();
        std::fs::write(&place.0, cert.pem()).unwrap();
        std::fs::write(&place.1, key.serialize_pem()).unwrap();
        place
    }

    /// The same in memory.
    pub(super) fn pair(&self, names: &[&str]) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let (cert, key) = self.issue(names);
        (
            CertificateDer::from_pem_file(cert).unwrap(),
            PrivateKeyDer::from_pem_file(key).unwrap(),
        )
    }
}
