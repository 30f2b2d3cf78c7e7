//! TLS of our listeners: the certificate, the two server configurations made of it, their replacement while serving,
//! and the channel bindings that SASL ties itself to.
//!
//! It must not know streams, and never installs a process-wide provider. What comes next: `stream::connection` performs
//! handshakes with [`Identity::starttls`] or [`Identity::direct`].

mod binding;
mod channel;
mod exporter;
mod identity;
mod private_file;
mod self_signed;
mod unjudged;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::config::TlsConfig;

pub(crate) use binding::bindings;
pub use binding::end_point;
pub(crate) use channel::Channel;
pub use identity::Identity;
pub use private_file::load_or_create;

/// Our certificate as it is now; shared by all listeners.
pub struct Tls {
    source: Source,
    /// Guards one pointer: it is held to copy or replace that, never during a handshake or while files are read.
    current: RwLock<Arc<Identity>>,
}

/// Where certificate and key come from.
#[derive(Debug, Clone)]
enum Source {
    Files { cert: PathBuf, key: PathBuf },
    SelfSigned { directory: PathBuf, names: Vec<String> },
}

/// Why there is no usable certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}: {cause}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// A file is not the PEM that it should be.
    #[error("{path}: no usable PEM ({cause})", path = .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: rustls_pki_types::pem::Error,
    },
    /// Key and certificate do not belong together, or are of a kind that is not supported.
    #[error("certificate and key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// No certificate can be made for these names.
    #[error("no certificate can be made: {0}; set tls.cert and tls.key")]
    SelfSigned(#[from] rcgen::Error),
}

impl Tls {
    /// Loads the certificate that the configuration names; if it names none, the self-signed one in
    /// `data_dir/tls`, made if it is not there or is for other names, with a warning in the log. Blocks on files.
    pub fn load(config: &TlsConfig, data_dir: &Path, domain: &str) -> Result<Self, TlsError> {
        let source = if config.cert.as_os_str().is_empty() {
            let names = vec![
                domain.to_owned(),
                format!("pubsub.{domain}"),
                format!("comments.{domain}"),
                format!("upload.{domain}"),
            ];
            Source::SelfSigned {
                directory: data_dir.join("tls"),
                names,
            }
        } else {
            Source::Files {
                cert: config.cert.clone(),
                key: config.key.clone(),
            }
        };
        let current = RwLock::new(Arc::new(source.load()?));
        Ok(Self { source, current })
    }

    /// Reads the files again. Connections that exist keep what they have; on an error everything stays as it was.
    /// Blocks on files.
    pub fn reload(&self) -> Result<(), TlsError> {
        let identity = Arc::new(self.source.load()?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = identity;
        Ok(())
    }

    /// The certificate for the next handshake.
    pub fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Source {
    fn load(&self) -> Result<Identity, TlsError> {
        match self {
            Self::Files { cert, key } => Identity::from_files(cert, key),
            Self::SelfSigned { directory, names } => {
                let (cert, key) = self_signed::ensure(directory, names)?;
                tracing::warn!(
                    cert = %cert.display(),
                    "the certificate is self-signed: other servers and clients will not trust it; set tls.cert and tls.key"
                );
                Identity::from_files(&cert, &key)
            }
        }
    }
}
