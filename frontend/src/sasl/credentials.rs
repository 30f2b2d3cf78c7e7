//! What the server keeps of a password: salted keys for both hashes, never the password (RFC 5802 §3).
//!
//! It must not know where they are stored: [`Credentials::to_bytes`] is a record's value to the store. What comes
//! next: `scram` and `plain` verify against them.

use std::fmt;

use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::Hash;

/// The stored form's first byte; another layout takes another number.
const VERSION: u8 = 1;

/// The keys for one hash function of `N` bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys<const N: usize> {
    /// `StoredKey`: proves the client to us.
    pub stored: [u8; N],
    /// `ServerKey`: proves us to the client.
    pub server: [u8; N],
}

/// Everything that verifies one account's password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// The account's own salt, at most 255 bytes.
    pub salt: Vec<u8>,
    /// Keys for SCRAM-SHA-1.
    pub sha1: Keys<20>,
    /// Keys for SCRAM-SHA-256 and PLAIN.
    pub sha256: Keys<32>,
}

/// Why a password or stored credentials are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The password is empty once prepared.
    #[error("the password is empty")]
    Empty,
    /// SASLprep (RFC 4013) refuses a character of the password.
    #[error("the password has characters that SASLprep does not allow")]
    Unprepared,
    /// The stored bytes are of another version or cut short.
    #[error("the stored credentials cannot be read")]
    Stored,
}

impl Credentials {
    /// Bytes of a new account's salt.
    pub const SALT_BYTES: usize = 16;

    /// The keys of a password, prepared with SASLprep. `salt` is random, [`Self::SALT_BYTES`] long. Cost: two PBKDF2
    /// of `iterations` rounds, about 10 ms at 10,000: never on a thread that serves sockets.
    pub fn derive(password: &str, iterations: u32, salt: Vec<u8>) -> Result<Self, CredentialsError> {
        let prepared = prepare(password)?;
        let mut salted_sha1 = [0; 20];
        pbkdf2::pbkdf2_hmac::<Sha1>(prepared.as_bytes(), &salt, iterations, &mut salted_sha1);
        let salted_sha256 = salt_sha256(&prepared, iterations, &salt);
        let sha1 = keys(Hash::Sha1, &salted_sha1);
        let sha256 = keys(Hash::Sha256, &salted_sha256);
        Ok(Self {
            iterations,
            salt,
            sha1,
            sha256,
        })
    }

    /// Whether this is the password; compares in constant time. Cost: one PBKDF2 of `iterations` rounds, about 5 ms at
    /// 10,000, also for a password that SASLprep refuses.
    pub fn verify(&self, password: &str) -> bool {
        let (prepared, usable) = match prepare(password) {
            Ok(prepared) => (prepared, true),
            Err(_) => ("".into(), false),
        };
        let salted = salt_sha256(&prepared, self.iterations, &self.salt);
        let found: Keys<32> = keys(Hash::Sha256, &salted);
        usable & bool::from(found.stored.ct_eq(&self.sha256.stored))
    }

    /// The stored key and server key for a hash.
    pub fn keys(&self, hash: Hash) -> (&[u8], &[u8]) {
        match hash {
            Hash::Sha1 => (&self.sha1.stored, &self.sha1.server),
            Hash::Sha256 => (&self.sha256.stored, &self.sha256.server),
        }
    }

    /// The stored form: version, iterations (big-endian), length of the salt, salt, SHA-1 stored and server key,
    /// SHA-256 stored and server key.
    pub fn to_bytes(&self) -> Vec<u8> {
        let salt_len = u8::try_from(self.salt.len()).expect("salts are made 16 bytes long and read with a length byte");
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.iterations.to_be_bytes());
        bytes.push(salt_len);
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&self.sha1.stored);
        bytes.extend_from_slice(&self.sha1.server);
        bytes.extend_from_slice(&self.sha256.stored);
        bytes.extend_from_slice(&self.sha256.server);
        bytes
    }

    /// Reads the stored form; anything but exactly [`Self::to_bytes`]'s layout is an error.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CredentialsError> {
        let mut rest = bytes;
        let [version] = take(&mut rest)?;
        if version != VERSION {
            return Err(CredentialsError::Stored);
        }
        let iterations = u32::from_be_bytes(take(&mut rest)?);
        let [salt_len] = take(&mut rest)?;
        let (salt, mut rest) = rest
            .split_at_checked(usize::from(salt_len))
            .ok_or(CredentialsError::Stored)?;
        let sha1 = Keys {
            stored: take(&mut rest)?,
            server: take(&mut rest)?,
        };
        let sha256 = Keys {
            stored: take(&mut rest)?,
            server: take(&mut rest)?,
        };
        if !rest.is_empty() || iterations == 0 {
            return Err(CredentialsError::Stored);
        }
        Ok(Self {
            iterations,
            salt: salt.to_vec(),
            sha1,
            sha256,
        })
    }
}

/// Keys are as good as a password on this server: they stay out of logs.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

fn prepare(password: &str) -> Result<std::borrow::Cow<'_, str>, CredentialsError> {
    let prepared = stringprep::saslprep(password).map_err(|_| CredentialsError::Unprepared)?;
    if prepared.is_empty() {
        Err(CredentialsError::Empty)
    } else {
        Ok(prepared)
    }
}

fn salt_sha256(prepared: &str, iterations: u32, salt: &[u8]) -> [u8; 32] {
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(prepared.as_bytes(), salt, iterations, &mut salted);
    salted
}

/// `StoredKey` and `ServerKey` of RFC 5802 §3.
fn keys<const N: usize>(hash: Hash, salted: &[u8; N]) -> Keys<N> {
    let client = hash.hmac(salted, b"Client Key");
    let stored = hash
        .digest(&client)
        .try_into()
        .expect("a hash of N bytes fills N bytes");
    let server = hash
        .hmac(salted, b"Server Key")
        .try_into()
        .expect("an HMAC of N bytes fills N bytes");
    Keys { stored, server }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], CredentialsError> {
    let (head, tail) = bytes.split_first_chunk::<N>().ok_or(CredentialsError::Stored)?;
    *bytes = tail;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_bytes_round_trip_and_their_layout_is_fixed() {
        let credentials = Credentials::derive("pencil", 4, vec![7; 16]).unwrap();
        let bytes = credentials.to_bytes();
        assert_eq!(bytes.len(), 1 + 4 + 1 + 16 + 20 + 20 + 32 + 32);
        assert_eq!(bytes[..6], [1, 0, 0, 0, 4, 16]);
        assert!(Credentials::from_bytes(&bytes) == Ok(credentials));
    }

    #[test]
    fn damaged_stored_bytes_are_refused() {
        let bytes = Credentials::derive("pencil", 4, vec![7; 16]).unwrap().to_bytes();
        for len in 0..bytes.len() {
            assert_eq!(
                Credentials::from_bytes(&bytes[..len]),
                Err(CredentialsError::Stored),
                "{len} bytes"
            );
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(Credentials::from_bytes(&longer), Err(CredentialsError::Stored));
        let mut newer = bytes;
        newer[0] = 2;
        assert_eq!(Credentials::from_bytes(&newer), Err(CredentialsError::Stored));
    }

    #[test]
    fn passwords_are_prepared_before_they_are_hashed() {
        let credentials = Credentials::derive("I\u{ad}X", 4, vec![1; 16]).unwrap();
        assert!(credentials.verify("IX"));
        assert!(!credentials.verify("ix"));
        assert_eq!(Credentials::derive("", 4, vec![]), Err(CredentialsError::Empty));
        assert_eq!(
            Credentials::derive("\u{7}", 4, vec![]),
            Err(CredentialsError::Unprepared)
        );
    }

    #[test]
    fn debug_output_names_no_key() {
        let credentials = Credentials::derive("pencil", 4, vec![7; 16]).unwrap();
        assert_eq!(format!("{credentials:?}"), "Credentials { iterations: 4, .. }");
    }
}
