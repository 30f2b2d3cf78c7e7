//! The two hash functions of SCRAM behind one value, since the mechanism is chosen at run time.
//!
//! It must not know messages or keys' meaning. What comes next: `credentials` derives keys with it, `scram` checks
//! proofs with it.

use hmac::{Hmac, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// A hash function that SCRAM is used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, 20 bytes (RFC 5802).
    Sha1,
    /// SHA-256, 32 bytes (RFC 7677).
    Sha256,
}

impl Hash {
    /// `H(data)` of RFC 5802 §2.2.
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
        }
    }

    /// `HMAC(key, data)` of RFC 5802 §2.2.
    pub fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => {
                let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of every length");
                mac.update(data);
                mac.finalize().into_bytes().to_vec()
            }
            Self::Sha256 => {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
                mac.update(data);
                mac.finalize().into_bytes().to_vec()
            }
        }
    }
}
