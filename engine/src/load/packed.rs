//! A packed copy of all edges: one file beside the store's own, segment by segment, with a checksum each.
//!
//! The store says which file is valid (`meta`, [`PackedRow`]), so that a file of another time or of another store is never
//! taken for it. A file is complete before it gets its name. Reading it may fail in any way, and then the rows are read:
//! it holds nothing that they do not. Knows no row and no index.

use super::segment::Damaged;
use crate::store::journal::PackedRow;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"reefedge";
const VERSION: u32 = 1;
/// Bytes of a part's entry in the directory, and of what ends the file.
const ENTRY: usize = 36;
const FOOTER: usize = 60;

/// A segment within a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The segment's number.
    pub(super) number: u32,
    at: u64,
    /// Bytes.
    pub(super) bytes: u64,
    hash: u64,
    /// Edges.
    pub(super) edges: u64,
}

/// Eight bytes at a time; finds what disks and copies do to files, not what an enemy does.
fn hash(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, word: u64| {
        let mixed = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words
        .iter()
        .fold(bytes.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    mix(hash, u64::from_le_bytes(last))
}

/// Where the file of a copy lies.
fn path(dir: &Path, nonce: u128) -> PathBuf {
    dir.join(format!("{nonce:032x}"))
}

/// A file being written.
#[derive(Debug)]
pub(super) struct Writer {
    dir: PathBuf,
    nonce: u128,
    file: BufWriter<File>,
    at: u64,
    parts: Vec<Part>,
}

impl Writer {
    /// Begins a file; the folder is made if need be.
    pub(super) fn create(dir: &Path, nonce: u128) -> io::Result<Writer> {
        fs::create_dir_all(dir)?;
        let file = File::create(path(dir, nonce).with_extension("new"))?;
        Ok(Writer {
            dir: dir.to_owned(),
            nonce,
            file: BufWriter::with_capacity(1 << 20, file),
            at: 0,
            parts: Vec::new(),
        })
    }

    /// Adds a segment; they may come in any order.
    pub(super) fn put(&mut self, number: u32, bytes: &[u8], edges: u64) -> io::Result<()> {
        if edges == 0 {
            return Ok(());
        }
        self.file.write_all(bytes)?;
        self.parts.push(Part {
            number,
            at: self.at,
            bytes: bytes.len() as u64,
            hash: hash(bytes),
            edges,
        });
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Ends the file, which holds what the journal says up to `journal`; it is on the disk when this returns.
    pub(super) fn finish(mut self, journal: u64) -> io::Result<PackedRow> {
        self.parts.sort_by_key(|part| part.number);
        let mut end = Vec::new();
        for part in &self.parts {
            end.extend(part.number.to_le_bytes());
            for field in [part.at, part.bytes, part.hash, part.edges] {
                end.extend(field.to_le_bytes());
            }
        }
        end.extend(self.nonce.to_le_bytes());
        for field in [self.at, self.parts.len() as u64, journal] {
            end.extend(field.to_le_bytes());
        }
        end.extend(VERSION.to_le_bytes());
        end.extend(hash(&end).to_le_bytes());
        end.extend(MAGIC);
        self.file.write_all(&end)?;
        self.file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
        let to = path(&self.dir, self.nonce);
        fs::rename(to.with_extension("new"), &to)?;
        File::open(&self.dir)?.sync_all()?;
        Ok(PackedRow {
            nonce: self.nonce,
            journal,
        })
    }
}

/// A file that can be read. Threads may share it.
#[derive(Debug)]
pub(super) struct Copy {
    file: File,
    /// Its segments, in the order of their numbers.
    pub(super) parts: Vec<Part>,
}

impl Copy {
    /// Opens the file that the store names, and checks all of it but the segments.
    pub(super) fn open(dir: &Path, row: &PackedRow) -> io::Result<Copy> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, Damaged);
        let file = File::open(path(dir, row.nonce))?;
        let length = file.metadata()?.len();
        let mut footer = [0; FOOTER];
        file.read_exact_at(&mut footer, length.checked_sub(FOOTER as u64).ok_or_else(damaged)?)?;
        let mut footer = Fields(&footer);
        let nonce = footer.take().map(u128::from_le_bytes).ok_or_else(damaged)?;
        let [at, count, journal] = footer.numbers().ok_or_else(damaged)?;
        let version = footer.take().map(u32::from_le_bytes).ok_or_else(damaged)?;
        let [sum] = footer.numbers().ok_or_else(damaged)?;
        let whole = Some(length)
            == count
                .checked_mul(ENTRY as u64)
                .and_then(|n| n.checked_add(at + FOOTER as u64));
        if footer.0 != MAGIC || !whole || (nonce, journal, version) != (row.nonce, row.journal, VERSION) {
            return Err(damaged());
        }
        let mut end = vec![0; (length - at) as usize];
        file.read_exact_at(&mut end, at)?;
        let checked = end.len() - 16;
        if end.get(..checked).map(hash) != Some(sum) {
            return Err(damaged());
        }
        let mut fields = Fields(&end);
        let parts = (0..count).map(|_| {
            let number = u32::from_le_bytes(fields.take()?);
            let [at, bytes, hash, edges] = fields.numbers()?;
            Some(Part {
                number,
                at,
                bytes,
                hash,
                edges,
            })
        });
        let parts = parts.collect::<Option<Vec<Part>>>().ok_or_else(damaged)?;
        Ok(Copy { file, parts })
    }

    /// Reads a segment into `bytes`, and checks it.
    pub(super) fn read(&self, part: &Part, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.resize(part.bytes as usize, 0);
        self.file.read_exact_at(bytes, part.at)?;
        if hash(bytes) == part.hash {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, Damaged))
        }
    }
}

/// Fields of fixed size, one after the other.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn numbers<const N: usize>(&mut self) -> Option<[u64; N]> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = u64::from_le_bytes(self.take()?);
        }
        Some(numbers)
    }
}

/// Removes all files but these copies. What cannot be removed only takes room.
pub(super) fn remove_others(dir: &Path, kept: &[u128]) {
    let kept: Vec<PathBuf> = kept.iter().map(|nonce| path(dir, *nonce)).collect();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if !kept.contains(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(dir: &Path, nonce: u128) -> PackedRow {
        let mut writer = Writer::create(dir, nonce).unwrap();
        writer.put(7, b"seven", 5).unwrap();
        writer.put(2, b"two and more", 3).unwrap();
        writer.put(3, b"", 0).unwrap();
        writer.finish(42).unwrap()
    }

    #[test]
    fn a_file_reads_back_and_only_under_the_name_that_the_store_knows() {
        let dir = tempfile::TempDir::new().unwrap();
        let row = written(dir.path(), 9);
        let copy = Copy::open(dir.path(), &row).unwrap();
        let mut bytes = Vec::new();
        assert_eq!(
            copy.parts.iter().map(|p| (p.number, p.edges)).collect::<Vec<_>>(),
            [(2, 3), (7, 5)]
        );
        copy.read(&copy.parts[1], &mut bytes).unwrap();
        assert_eq!(bytes, b"seven");
        let other = PackedRow { journal: 41, ..row };
        assert!(Copy::open(dir.path(), &other).is_err());
        fs::copy(path(dir.path(), 9), path(dir.path(), 8)).unwrap();
        assert!(Copy::open(dir.path(), &PackedRow { nonce: 8, ..row }).is_err());
        remove_others(dir.path(), &[9]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn no_byte_of_a_file_changes_unseen() {
        let dir = tempfile::TempDir::new().unwrap();
        let row = written(dir.path(), 9);
        let file = path(dir.path(), 9);
        let right = fs::read(&file).unwrap();
        let reads = |bytes: &[u8]| {
            fs::write(&file, bytes).unwrap();
            Copy::open(dir.path(), &row).is_ok_and(|copy| {
                let mut read = Vec::new();
                copy.parts.iter().all(|part| copy.read(part, &mut read).is_ok())
            })
        };
        assert!(reads(&right));
        for at in 0..right.len() {
            let mut wrong = right.clone();
            wrong[at] ^= 0x10;
            assert!(!reads(&wrong), "byte {at}");
            assert!(!reads(&right[..at]), "cut at {at}");
        }
    }
}
