//! Credentials for accounts that do not exist, so that a stranger cannot ask which names are taken.
//!
//! The salt of an unknown name is the same each time, as an account's is, and differs from name to name. It must not
//! know the store. What comes next: `scram` and `plain` run the whole exchange against a decoy and fail at its end.

use std::fmt;

use super::{Credentials, Hash, Keys};

/// Makes decoys from a secret of the server.
#[derive(Clone)]
pub struct Decoys {
    secret: [u8; 32],
    iterations: u32,
}

impl Decoys {
    /// `secret` must be the same after a restart, or the change of a salt gives the name away; `iterations` is what new
    /// accounts get.
    pub fn new(secret: [u8; 32], iterations: u32) -> Self {
        Self { secret, iterations }
    }

    /// The decoy for a prepared name: nobody knows a password for it. Cost: six HMACs.
    pub fn credentials(&self, name: &str) -> Credentials {
        let mut salt = self.derive(b"salt", name).to_vec();
        salt.truncate(Credentials::SALT_BYTES);
        Credentials {
            iterations: self.iterations,
            salt,
            sha1: Keys {
                stored: self.derive_sha1(b"stored", name),
                server: self.derive_sha1(b"server", name),
            },
            sha256: Keys {
                stored: self.derive(b"stored", name),
                server: self.derive(b"server", name),
            },
        }
    }

    fn derive(&self, purpose: &[u8], name: &str) -> [u8; 32] {
        let message = [purpose, b"\0", name.as_bytes()].concat();
        Hash::Sha256
            .hmac(&self.secret, &message)
            .try_into()
            .expect("HMAC-SHA-256 is 32 bytes")
    }

    fn derive_sha1(&self, purpose: &[u8], name: &str) -> [u8; 20] {
        let message = [purpose, b"\0", name.as_bytes()].concat();
        Hash::Sha1
            .hmac(&self.secret, &message)
            .try_into()
            .expect("HMAC-SHA-1 is 20 bytes")
    }
}

/// The secret stays out of logs.
impl fmt::Debug for Decoys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoys").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_salt_of_an_unknown_name_is_stable_and_its_own() {
        let decoys = Decoys::new([1; 32], 10_000);
        let again = Decoys::new([1; 32], 10_000);
        assert_eq!(decoys.credentials("romeo").salt, again.credentials("romeo").salt);
        assert_ne!(decoys.credentials("romeo").salt, decoys.credentials("juliet").salt);
        assert_ne!(
            decoys.credentials("romeo").salt,
            Decoys::new([2; 32], 10_000).credentials("romeo").salt
        );
        assert_eq!(decoys.credentials("romeo").salt.len(), Credentials::SALT_BYTES);
        assert_eq!(decoys.credentials("romeo").iterations, 10_000);
    }
}
