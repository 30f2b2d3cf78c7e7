//! TLS 1.3's exporter (RFC 8446 §7.5), for channel binding (RFC 9266).
//!
//! rustls' unbuffered interface does not offer it, but tells the exporter's master secret to the connection's key log: one
//! that keeps this one secret, in memory, until the handshake is over, and no other. HKDF itself is `hkdf`'s.

use hkdf::Hkdf;
use rustls::{CipherSuite, KeyLog};
use sha2::{Digest, Sha256, Sha384};
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// The label of `tls-exporter` (RFC 9266 §2); its context is empty.
const CHANNEL_BINDING: &[u8] = b"EXPORTER-Channel-Binding";
/// What NSS's key log calls the secret; rustls says it in these words.
const EXPORTER_SECRET: &str = "EXPORTER_SECRET";

/// Keeps a connection's exporter secret until it is asked for.
#[derive(Default)]
pub(super) struct Kept(Mutex<Option<Vec<u8>>>);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl KeyLog for Kept {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        if label == EXPORTER_SECRET {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret.to_vec());
        }
    }

    fn will_log(&self, label: &str) -> bool {
        label == EXPORTER_SECRET
    }
}

impl Kept {
    /// The 32 bytes of `tls-exporter`, and forgets the secret.
    pub(super) fn channel_binding(&self, suite: CipherSuite) -> Option<[u8; 32]> {
        let secret = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        if suite == CipherSuite::TLS13_AES_256_GCM_SHA384 {
            let empty = Sha384::digest(b"");
            let derived = expand::<48>(&secret, CHANNEL_BINDING, &empty, true)?;
            expand(&derived, b"exporter", &empty, true)
        } else {
            let empty = Sha256::digest(b"");
            let derived = expand::<32>(&secret, CHANNEL_BINDING, &empty, false)?;
            expand(&derived, b"exporter", &empty, false)
        }
    }
}

/// HKDF-Expand-Label (RFC 8446 §7.1) with SHA-384 or SHA-256.
fn expand<const N: usize>(secret: &[u8], label: &[u8], context: &[u8], sha384: bool) -> Option<[u8; N]> {
    let mut info = Vec::with_capacity(label.len() + context.len() + 10);
    info.extend_from_slice(&u16::try_from(N).ok()?.to_be_bytes());
    info.push(u8::try_from(label.len() + 6).ok()?);
    info.extend_from_slice(b"tls13 ");
    info.extend_from_slice(label);
    info.push(u8::try_from(context.len()).ok()?);
    info.extend_from_slice(context);
    let mut out = [0; N];
    if sha384 {
        Hkdf::<Sha384>::from_prk(secret).ok()?.expand(&info, &mut out).ok()?;
    } else {
        Hkdf::<Sha256>::from_prk(secret).ok()?.expand(&info, &mut out).ok()?;
    }
    Some(out)
}
