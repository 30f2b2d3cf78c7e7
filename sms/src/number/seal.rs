//! The keys of the gateway: numbers are looked up by a keyed hash and kept encrypted, so that the store alone tells nobody's.
//!
//! One secret of 32 bytes lies in the data folder (mode 0600), apart from the store and its backups; both keys derive from
//! it. Knows no table.

use super::Phone;
use reef_engine::clock::random;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::hmac;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// By which a number is found: a keyed hash, cut to 16 bytes.
pub type Hash = [u8; 16];

/// The secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file.
    #[error("the key of phone numbers {0} cannot be read or made: {1}")]
    File(String, io::Error),
    /// It is no key.
    #[error("the key of phone numbers {0} has not 32 bytes: put the right one there")]
    Length(String),
    /// The system has no randomness.
    #[error("the system gives no randomness")]
    Randomness,
}

/// The keys.
pub struct Keys {
    lookup: hmac::Key,
    seal: LessSafeKey,
}

impl Keys {
    /// From the file, which is made where there is none.
    ///
    /// # Errors
    /// It cannot be read or made, or is none.
    pub fn load(path: &Path) -> Result<Keys, KeyError> {
        let fail = |error: io::Error| KeyError::File(path.display().to_string(), error);
        let secret = match File::open(path) {
            Ok(file) => {
                let mut secret = Vec::new();
                file.take(64).read_to_end(&mut secret).map_err(fail)?;
                secret
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secret = random::<32>().map_err(|_| KeyError::Randomness)?;
                let mut file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)
                    .map_err(fail)?;
                file.write_all(&secret).and_then(|()| file.sync_all()).map_err(fail)?;
                secret.to_vec()
            }
            Err(error) => return Err(fail(error)),
        };
        let secret: [u8; 32] = secret
            .try_into()
            .map_err(|_| KeyError::Length(path.display().to_string()))?;
        Ok(Keys::of(&secret))
    }

    /// From a secret.
    pub fn of(secret: &[u8; 32]) -> Keys {
        let derived = |name: &'static [u8]| {
            let mut key = [0; 32];
            let salt = Salt::new(HKDF_SHA256, b"reef sms").extract(secret);
            // The length is that of the algorithm, which is always allowed.
            if let Ok(out) = salt.expand(&[name], HKDF_SHA256) {
                out.fill(&mut key).expect("32 bytes of HKDF-SHA-256");
            }
            key
        };
        let seal = UnboundKey::new(&CHACHA20_POLY1305, &derived(b"seal")).expect("a key of 32 bytes");
        Keys {
            lookup: hmac::Key::new(hmac::HMAC_SHA256, &derived(b"look up")),
            seal: LessSafeKey::new(seal),
        }
    }

    /// By which a number is found.
    pub fn hash(&self, phone: &Phone) -> Hash {
        self.tag(phone.e164().as_bytes())
    }

    /// A keyed hash of anything, for codes, PINs and what was heard already.
    pub fn tag(&self, bytes: &[u8]) -> Hash {
        let mut hash = Hash::default();
        let tag = hmac::sign(&self.lookup, bytes);
        hash.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        hash
    }

    /// Encrypts; twice the same gives two.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
        let nonce = random::<NONCE_LEN>().map_err(|_| KeyError::Randomness)?;
        let mut sealed = bytes.to_vec();
        self.seal
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .map_err(|_| KeyError::Randomness)?;
        sealed.extend(nonce);
        Ok(sealed)
    }

    /// Decrypts; `None` where it was sealed with another key.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (sealed, nonce) = sealed.split_last_chunk::<NONCE_LEN>()?;
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.seal.open_in_place(nonce, Aad::empty(), &mut bytes).ok()?;
        Some(opened.to_vec())
    }

    /// The number that was sealed.
    pub fn phone(&self, sealed: &[u8]) -> Option<Phone> {
        Phone::of(std::str::from_utf8(&self.open(sealed)?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_same_key_alone() {
        let (keys, others) = (Keys::of(&[1; 32]), Keys::of(&[2; 32]));
        let phone = Phone::of("+491701234567").unwrap();
        let sealed = keys.seal(phone.e164().as_bytes()).unwrap();
        assert_eq!(keys.phone(&sealed), Some(phone.clone()));
        assert_eq!(others.phone(&sealed), None);
        assert_eq!(keys.open(&sealed[1..]), None);
        assert_eq!(keys.open(b"short"), None);
        assert_ne!(keys.seal(b"x").unwrap(), keys.seal(b"x").unwrap());
        assert_ne!(keys.hash(&phone), others.hash(&phone));
    }

    #[test]
    fn the_secret_is_made_once_and_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sms-key");
        let sealed = Keys::load(&path).unwrap().seal(b"hello").unwrap();
        assert_eq!(Keys::load(&path).unwrap().open(&sealed).as_deref(), Some(&b"hello"[..]));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, b"short").unwrap();
        assert!(matches!(Keys::load(&path), Err(KeyError::Length(_))));
    }
}
