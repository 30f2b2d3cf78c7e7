//! What is rebuilt from the store at start: the index by shard, and the recent order.
//!
//! The bridge between `store/` and `index/`, which know nothing of each other. Edges come from their packed copy and the
//! journal behind it where that is valid, else from their rows; both lead to the same index. Next: `engine.rs` gives each
//! shard its own, and `pack.rs` packs anew while the engine runs.

mod changes;
mod pack;
mod packed;
mod place;
mod recent;
mod rows;
mod segment;
mod workers;

pub(crate) use pack::Packing;
pub use pack::{Packed, Packer, pack};
pub use recent::recent;

use crate::clock;
use crate::error::StoreError;
use crate::index::Index;
use crate::store::journal::{self, Extent, PackedRow};
use crate::store::keys::{self, Family};
use crate::store::{Store, View, Write};
use changes::Changes;
use packed::{Copy, Writer};
use place::{Indexes, Placer};
use std::path::{Path, PathBuf};
use workers::in_parallel;

/// Where packed copies lie, beside the store at `dir`.
pub fn packed_dir(dir: &Path) -> PathBuf {
    dir.join("packed")
}

/// Where edges came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The packed copy and the journal behind it.
    Packed,
    /// The rows.
    Rows,
}

/// What a start has of the edges.
pub struct Loaded {
    /// The edges of each shard.
    pub indexes: Vec<Index>,
    /// Where they came from.
    pub source: Source,
    /// Changes of edges that no packed copy holds, or an upper bound.
    pub unpacked: u64,
}

/// The edges of each of `threads` shards, as fast as can be: from the packed copy in `dir` if it is valid, else from the
/// rows, which are packed for the next start where there are at least `pack_after` of them.
///
/// # Errors
/// The store's failures. What is wrong with a copy is no failure: it is logged.
pub fn edges(store: &dyn Store, threads: usize, dir: &Path, pack_after: u64) -> Result<Loaded, StoreError> {
    let extent = journal::extent(store)?;
    if let Some(row) = journal::packed(store)? {
        match from_packed(store, threads, dir, &row, extent) {
            Ok((indexes, unpacked)) => {
                packed::remove_others(dir, &[row.nonce]);
                return Ok(Loaded {
                    indexes,
                    source: Source::Packed,
                    unpacked,
                });
            }
            Err(error) => tracing::warn!(%error, "the packed copy of the edges is not used: the rows are read"),
        }
    }
    from_rows(store, threads, dir, pack_after, extent)
}

fn from_rows(
    store: &dyn Store,
    threads: usize,
    dir: &Path,
    pack_after: u64,
    extent: Extent,
) -> Result<Loaded, StoreError> {
    let nonce = u128::from_be_bytes(clock::random().map_err(|e| StoreError::Io(e.to_string()))?);
    let writer = Writer::create(dir, nonce);
    let failed =
        |error: &std::io::Error| tracing::warn!(%error, "the edges cannot be packed: the next start reads more");
    let packing = rows::Packing::new(writer.inspect_err(failed).ok());
    let indexes = Indexes::new(store, threads)?;
    rows::read(store, &indexes, &packing)?;
    let indexes = indexes.into_inner();
    let edges: u64 = indexes.iter().map(Index::edges).sum();
    // Without a copy the journal has to go back to the first edge; a copy that the store names and that is not there is
    // replaced.
    let wanted = edges >= pack_after || extent.trimmed > 0 || journal::packed(store)?.is_some();
    let file = packing.into_inner().filter(|_| wanted);
    let row = file.map(|file| file.and_then(|writer| writer.finish(extent.last)));
    let row = row.and_then(|row| row.inspect_err(failed).ok());
    if let Some(row) = &row {
        store.write(vec![packed_write(row)], true)?;
    }
    packed::remove_others(dir, &row.iter().map(|row| row.nonce).collect::<Vec<_>>());
    Ok(Loaded {
        indexes,
        source: Source::Rows,
        unpacked: if row.is_some() { 0 } else { pack_after },
    })
}

/// The edges of each of `threads` shards, from their rows.
///
/// # Errors
/// The store's failures.
pub fn indexes(view: &dyn View, threads: usize) -> Result<Vec<Index>, StoreError> {
    let indexes = Indexes::new(view, threads)?;
    rows::read(view, &indexes, &rows::Packing::new(None))?;
    Ok(indexes.into_inner())
}

/// The edges of each of `threads` shards, from the journal alone: for tests of a store that never packed, whose journal
/// goes back to the first edge.
///
/// # Errors
/// The store's failures.
pub fn journalled(view: &dyn View, threads: usize) -> Result<Vec<Index>, StoreError> {
    let indexes = Indexes::new(view, threads)?;
    let changes = changes_since(view, 0, journal::extent(view)?)?;
    let mut placer = Placer::new(&indexes, 0);
    for number in changes.segments() {
        changes::decode(&[], changes.of_segment(number), |node, ids| placer.node(node, ids))
            .map_err(|_| StoreError::Corrupt("journal"))?;
    }
    placer.give();
    drop(placer);
    Ok(indexes.into_inner())
}

/// The journal's changes above `from`, sorted.
fn changes_since(view: &dyn View, from: u64, extent: Extent) -> Result<Changes, StoreError> {
    let mut changes = Changes::default();
    if from < extent.trimmed || from > extent.last {
        return Err(StoreError::Corrupt("journal"));
    }
    journal::read(view, from, extent.last, &mut |change| changes.push(change))?;
    changes.sort();
    Ok(changes)
}

fn from_packed(
    view: &dyn View,
    threads: usize,
    dir: &Path,
    row: &PackedRow,
    extent: Extent,
) -> Result<(Vec<Index>, u64), StoreError> {
    let io = |e: std::io::Error| StoreError::Io(e.to_string());
    let copy = Copy::open(dir, row).map_err(io)?;
    let changes = changes_since(view, row.journal, extent)?;
    let indexes = Indexes::new(view, threads)?;
    let mut numbers: Vec<u32> = copy
        .parts
        .iter()
        .map(|part| part.number)
        .chain(changes.segments())
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    // The largest first, so that no thread begins with it when the others are done.
    let part = |number: u32| {
        copy.parts
            .binary_search_by_key(&number, |p| p.number)
            .ok()
            .and_then(|at| copy.parts.get(at))
    };
    numbers.sort_by_key(|number| std::cmp::Reverse(part(*number).map_or(0, |part| part.bytes)));
    let placers = in_parallel(
        numbers.len(),
        |worker| (Placer::new(&indexes, worker), Vec::new()),
        |(placer, bytes), at| {
            let number = numbers.get(at).copied().unwrap_or(0);
            bytes.clear();
            if let Some(part) = part(number) {
                copy.read(part, bytes).map_err(io)?;
            }
            changes::decode(bytes, changes.of_segment(number), |node, ids| placer.node(node, ids))
                .map_err(|_| StoreError::Corrupt("the packed edges"))
        },
    )?;
    for (mut placer, _) in placers {
        placer.give();
    }
    Ok((indexes.into_inner(), changes.len()))
}

/// The write that makes a copy the valid one.
pub fn packed_write(row: &PackedRow) -> Write {
    Write {
        family: Family::META,
        key: keys::PACKED.to_vec(),
        value: Some(crate::store::rows::encode(row)),
    }
}
