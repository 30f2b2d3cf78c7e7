//! Files that only the server's own user may read: keys and secrets.
//!
//! It must not know what is in them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::TlsError;

/// The file's bytes; if it does not exist, it is made with mode 0600 from `make`, with its directory. Used for the
/// server's secrets, which must be the same after a restart. Blocks on files.
pub fn load_or_create(path: &Path, make: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>, TlsError> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let bytes = make();
            write(path, &bytes)?;
            Ok(bytes)
        }
        Err(cause) => Err(TlsError::File {
            path: path.to_owned(),
            cause,
        }),
    }
}

/// Writes the file whole or not at all: beside it under another name, synced, then renamed.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    let failed = |cause| TlsError::File {
        path: path.to_owned(),
        cause,
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    // Left behind by a crash, with whatever mode: made anew, so that the mode below counts.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)
}
