//! Files that accounts upload (XEP-0363): slots, what is under way, and the files themselves.
//!
//! Which there may be is said by rows of the tables, so that a quota is exact whatever happens; the files lie beside the
//! store, by ids that nobody can guess. Knows no stanza and no request of HTTP. Next: `http/upload/`, which takes and gives
//! them; `xep/xep0363_upload.rs`, which promises them.

mod files; //  on the disk
mod sweep; //  what has gone
mod token; //  what stands in an address

pub(crate) use files::{Arriving, Files};
pub(crate) use sweep::sweep;
pub(crate) use token::Token;

use crate::config::Config;
use crate::limits::{UPLOAD_BYTES_PER_SECOND, UPLOAD_READS, UPLOAD_SLOT_SECONDS, UPLOADS_AT_ONCE};
use crate::tables::UploadId;
use crate::tls::{self, TlsError};
use reef_engine::clock::random;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

const MINUTE_MS: u64 = 60_000;

/// All that is kept of uploads while the server runs.
pub(crate) struct Uploads {
    pub(crate) files: Arc<Files>,
    /// Whether there is an address under which they are found.
    pub(crate) offered: bool,
    /// Permits to read the store for who asks for a file.
    pub(crate) turns: Semaphore,
    secret: Vec<u8>,
    per_minute: u32,
    /// Slots of this minute, by account: held for one look-up.
    asked: Mutex<(u64, HashMap<String, u32>)>,
    /// What arrives, and whose it is: the same.
    arriving: Mutex<HashMap<UploadId, Arc<str>>>,
}

/// Why a file cannot come just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrives {
    /// It already does.
    Already,
    /// Too many of its owner's do.
    TooMany,
}

/// Something that arrives, for as long as it does.
pub(crate) struct UnderWay<'u>(&'u Uploads, UploadId);

impl Uploads {
    /// With the secret of the data folder, which is made where there is none. Blocks on files.
    ///
    /// # Errors
    /// The secret cannot be read or made.
    pub(crate) fn open(config: &Config) -> Result<Uploads, TlsError> {
        let made = || random::<32>().unwrap_or_default().to_vec();
        let secret = tls::load_or_create(&config.data_dir.join("upload-secret"), made)?;
        let listens = !config.http.listen.is_empty() || !config.http.listen_tls.is_empty();
        let files = Files::at(config.data_dir.join("uploads"));
        files.remove_unfinished();
        Ok(Uploads {
            files: Arc::new(files),
            offered: listens && crate::uri::web_base(config).is_some(),
            turns: Semaphore::new(UPLOAD_READS),
            secret,
            per_minute: config.limits.uploads_per_minute,
            asked: Mutex::default(),
            arriving: Mutex::default(),
        })
    }

    /// An id for a file of this name, and what stands in its address.
    pub(crate) fn token(&self, id: UploadId, name: &str) -> Token {
        Token::sign(&self.secret, id, name)
    }

    /// The id, where it was made here for this name.
    pub(crate) fn verify(&self, token: &str, name: &str) -> Option<UploadId> {
        Token::verify(&self.secret, token, name)
    }

    /// Counts one more slot of an account.
    ///
    /// # Errors
    /// When it may have the next.
    pub(crate) fn count(&self, account: &str, now: u64) -> Result<(), u64> {
        let minute = now / MINUTE_MS;
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.0 != minute {
            *asked = (minute, HashMap::new());
        }
        let count = asked.1.entry(account.to_owned()).or_default();
        if self.per_minute > 0 && *count >= self.per_minute {
            return Err((minute + 1) * MINUTE_MS);
        }
        *count += 1;
        Ok(())
    }

    /// A file begins to arrive.
    ///
    /// # Errors
    /// It may not now.
    pub(crate) fn begin(&self, id: UploadId, owner: &Arc<str>) -> Result<UnderWay<'_>, Arrives> {
        let mut arriving = self.arriving();
        if arriving.contains_key(&id) {
            return Err(Arrives::Already);
        }
        if arriving.values().filter(|other| *other == owner).count() >= UPLOADS_AT_ONCE {
            return Err(Arrives::TooMany);
        }
        arriving.insert(id, owner.clone());
        Ok(UnderWay(self, id))
    }

    fn arriving(&self) -> std::sync::MutexGuard<'_, HashMap<UploadId, Arc<str>>> {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes files that have no rows any more. Blocks on files.
    pub(crate) fn forget(&self, ids: Vec<UploadId>) {
        for id in ids {
            self.files.remove(&id);
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.arriving().remove(&self.1);
    }
}

/// How long a file of so many bytes may take, in milliseconds, once it has begun to come.
pub(crate) fn transfer_ms(bytes: u64) -> u64 {
    (60 + bytes / UPLOAD_BYTES_PER_SECOND) * 1_000
}

/// When a slot that is promised now lapses: one that begins in time can come to its end.
pub(crate) fn lapses(now: u64, bytes: u64) -> u64 {
    now.saturating_add(UPLOAD_SLOT_SECONDS * 1_000)
        .saturating_add(transfer_ms(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uploads(sets: &[&str]) -> (Uploads, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let mut sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        sets.push(format!("data_dir={}", dir.path().display()));
        let config = Config::load(None, &sets, std::iter::empty()).unwrap();
        (Uploads::open(&config).unwrap(), dir)
    }

    #[test]
    fn slots_of_a_minute_are_counted_by_account() {
        let (uploads, _dir) = uploads(&["limits.uploads_per_minute=2"]);
        let slot = |who, now| uploads.count(who, now);
        assert_eq!((slot("a", 60_000), slot("a", 60_001)), (Ok(()), Ok(())));
        assert_eq!(slot("a", 119_999), Err(120_000));
        assert_eq!((slot("b", 119_999), slot("a", 120_000)), (Ok(()), Ok(())));
    }

    #[test]
    fn a_file_arrives_once_at_a_time_and_few_of_an_account() {
        let (uploads, _dir) = uploads(&[]);
        let owner: Arc<str> = "a".into();
        let first = uploads.begin([0; 16], &owner).ok();
        assert_eq!(uploads.begin([0; 16], &owner).err(), Some(Arrives::Already));
        let more: Vec<_> = (1..8).map(|n| uploads.begin([n; 16], &owner).ok().unwrap()).collect();
        assert_eq!(uploads.begin([9; 16], &owner).err(), Some(Arrives::TooMany));
        assert!(uploads.begin([9; 16], &"b".into()).is_ok());
        drop((first, more));
        assert!(uploads.begin([0; 16], &owner).is_ok());
    }

    #[test]
    fn where_nobody_can_fetch_a_file_none_is_taken() {
        assert!(uploads(&[]).0.offered);
        assert!(!uploads(&["http.listen=[]"]).0.offered);
        assert!(
            !uploads(&["http.listen=[]", "http.public_url=https://a.example"])
                .0
                .offered
        );
        assert!(!uploads(&["domain=a.example"]).0.offered);
        assert!(
            uploads(&["domain=a.example", "http.public_url=https://a.example"])
                .0
                .offered
        );
    }
}
