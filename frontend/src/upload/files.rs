//! The files on the disk: one for each id, whole or not there at all.
//!
//! What arrives has another name until all of it is on the disk. All of it blocks on files. Knows no row and no account.

use crate::tables::UploadId;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The folder of what has not come to its end.
const UNFINISHED: &str = "unfinished";

/// The folder, `uploads/` in the data folder.
pub(crate) struct Files {
    dir: PathBuf,
}

/// A file that arrives; dropped before it is whole, nothing of it stays.
pub(crate) struct Arriving {
    file: File,
    unfinished: PathBuf,
    whole: PathBuf,
    done: bool,
}

impl Files {
    pub(super) fn at(dir: PathBuf) -> Files {
        Files { dir }
    }

    /// A folder for each first byte, so that none gets too long.
    fn path(&self, id: &UploadId) -> PathBuf {
        let name: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let (folder, _) = name.split_at(2);
        self.dir.join(folder).join(&name)
    }

    /// Begins a file.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn arrive(&self, id: &UploadId) -> io::Result<Arriving> {
        let whole = self.path(id);
        let unfinished = self.dir.join(UNFINISHED).join(whole.file_name().unwrap_or_default());
        let folder = parent(&whole);
        let new = !folder.is_dir();
        for folder in [folder, parent(&unfinished)] {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        if new {
            // The folder's own name is to last, too.
            File::open(&self.dir)?.sync_all()?;
        }
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        Ok(Arriving {
            file,
            unfinished,
            whole,
            done: false,
        })
    }

    /// A file that is there.
    ///
    /// # Errors
    /// It is not, or the disk's.
    pub(crate) fn open(&self, id: &UploadId) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Removes one, which need not be there.
    pub(crate) fn remove(&self, id: &UploadId) {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "an uploaded file cannot be removed");
            }
            _ => {}
        }
    }

    /// Removes what has not come to its end, where nothing arrives yet; once at the start.
    pub(super) fn remove_unfinished(&self) {
        // What stays is looked at with the next start; mostly nothing is there.
        let _ = fs::remove_dir_all(self.dir.join(UNFINISHED));
    }

    /// The ids of all that is there, folder by folder.
    pub(super) fn ids(&self, each: &mut dyn FnMut(UploadId)) {
        // Without the folder nothing has been uploaded.
        let folders = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        for folder in folders.filter(|folder| folder.file_name() != UNFINISHED) {
            let files = fs::read_dir(folder.path()).into_iter().flatten().flatten();
            let ids = files.filter_map(|file| file.file_name().to_str().and_then(id));
            ids.for_each(&mut *each);
        }
    }
}

impl Arriving {
    /// The next bytes.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// All of it has come: once this returns it stays.
    ///
    /// # Errors
    /// The disk's; then it does not.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.unfinished, &self.whole)?;
        self.done = true;
        File::open(parent(&self.whole))?.sync_all()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if !self.done {
            // What cannot be removed now is with the next start.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn id(name: &str) -> Option<UploadId> {
    let number = u128::from_str_radix(name, 16).ok();
    number.filter(|_| name.len() == 32).map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_file_is_there_once_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::at(dir.path().join("uploads"));
        let id = [0xAB; 16];
        let mut arriving = files.arrive(&id).unwrap();
        arriving.write(b"half").unwrap();
        assert!(files.open(&id).is_err());
        drop(arriving);
        let mut arriving = files.arrive(&id).unwrap();
        arriving.write(b"who").unwrap();
        arriving.write(b"le").unwrap();
        arriving.finish().unwrap();
        let mut text = String::new();
        files.open(&id).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "whole");
        let mut found = Vec::new();
        files.ids(&mut |id| found.push(id));
        assert_eq!(found, [id]);
        files.remove(&id);
        files.remove(&id);
        assert!(files.open(&id).is_err());
    }

    #[test]
    fn what_a_crash_left_half_done_goes_with_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::at(dir.path().to_owned());
        std::mem::forget(files.arrive(&[1; 16]).unwrap());
        files.arrive(&[2; 16]).unwrap().finish().unwrap();
        let left = || fs::read_dir(dir.path().join(UNFINISHED)).map_or(0, Iterator::count);
        assert_eq!(left(), 1);
        files.remove_unfinished();
        assert_eq!(left(), 0);
        assert!(files.open(&[2; 16]).is_ok());
    }
}
