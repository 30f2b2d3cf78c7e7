//! The store on RocksDB: one database, a column family each, one write-ahead log.
//!
//! The only file that names RocksDB. Knows nothing of what the rows mean.

use super::keys::Family;
use super::known::Known;
use super::{Each, Range, Store, View, Write};
use crate::error::StoreError;
use crate::limits::Limits;
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, BottommostLevelCompaction, Cache, ColumnFamily, ColumnFamilyDescriptor,
    CompactOptions, DB, DBCompressionType, FlushOptions, Options, ReadOptions, WriteBatch, WriteOptions,
    checkpoint::Checkpoint,
};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Bytes that a scan of everything reads ahead.
const READ_AHEAD: usize = 2 << 20;

/// Bytes of rows that are not yet in a file.
const WRITE_BUFFERS: usize = 256 << 20;

/// Seconds after which a file is rewritten although nothing else asks for it: then what was removed is gone from the disk, too.
const REWRITTEN_SECONDS: u64 = 30 * 86_400;

/// Where a range has no end.
const NO_BOUND: Option<&[u8]> = None;

/// A RocksDB. Reads block on the disk: shard threads never call it.
pub struct RocksStore {
    db: DB,
    /// Column family names by number of the family; a gap is an empty name.
    names: Vec<String>,
    /// Of the thread that writes, which alone takes it: for as long as its lookups take.
    known: Mutex<Known>,
}

impl RocksStore {
    /// Opens or makes the store at `dir` with the engine's families and `tables`, numbered from [`Family::TABLES`].
    ///
    /// # Errors
    /// [`StoreError::InUse`] where another process has it; [`StoreError::Io`] otherwise.
    pub fn open(dir: &Path, tables: &[&str], limits: &Limits) -> Result<RocksStore, StoreError> {
        let mut names: Vec<String> = Family::NAMES.iter().map(|n| (*n).to_owned()).collect();
        names.resize(usize::from(Family::TABLES), String::new());
        names.extend(tables.iter().map(|t| (*t).to_owned()));
        let cache = Cache::new_lru_cache(limits.block_cache_mib << 20);
        let mut wanted: Vec<String> = names.iter().filter(|n| !n.is_empty()).cloned().collect();
        // RocksDB refuses to open without a family that exists: those of a newer table are carried along.
        for found in DB::list_cf(&Options::default(), dir).unwrap_or_default() {
            if found != "default" && !wanted.contains(&found) {
                wanted.push(found);
            }
        }
        let families = wanted
            .iter()
            .map(|n| ColumnFamilyDescriptor::new(n, family_options(n, &cache)));
        std::fs::create_dir_all(dir).map_err(|e| StoreError::Io(format!("{}: {e}", dir.display())))?;
        let db = DB::open_cf_descriptors(&database_options(limits), dir, families).map_err(|e| opening(&e, dir))?;
        Ok(RocksStore {
            db,
            names,
            known: Mutex::default(),
        })
    }

    fn family(&self, family: Family) -> Result<&ColumnFamily, StoreError> {
        let name = self.names.get(usize::from(family.0)).map_or("", String::as_str);
        self.db.cf_handle(name).ok_or(StoreError::Corrupt("column families"))
    }

    /// Rows are lent, not copied: a start reads a hundred million.
    fn walk(&self, family: Family, range: &Range, mut options: ReadOptions, each: Each<'_>) -> Result<(), StoreError> {
        options.set_iterate_lower_bound(range.start.clone());
        if let Some(end) = &range.end {
            options.set_iterate_upper_bound(end.clone());
        }
        let mut rows = self.db.raw_iterator_cf_opt(self.family(family)?, options);
        if range.reverse {
            rows.seek_to_last();
        } else {
            rows.seek_to_first();
        }
        while let Some((key, value)) = rows.item() {
            if each(key, value).is_break() {
                return Ok(());
            }
            if range.reverse {
                rows.prev();
            } else {
                rows.next();
            }
        }
        rows.status().map_err(io)
    }
}

fn database_options(limits: &Limits) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_open_files(limits.store_files);
    options.increase_parallelism(2);
    // Read again after a crash: two or three seconds of the start.
    options.set_max_total_wal_size(128 << 20);
    // All families together: what is not yet in a file is bounded like what is cached.
    options.set_db_write_buffer_size(WRITE_BUFFERS);
    options.set_bytes_per_sync(1 << 20);
    options.set_keep_log_file_num(4);
    options.set_max_log_file_size(4 << 20);
    // What was acked must come back, and a torn tail that was never acked must not stop the start.
    options.set_wal_recovery_mode(rocksdb::DBRecoveryMode::PointInTime);
    options
}

fn family_options(name: &str, cache: &Cache) -> Options {
    let edges = matches!(name, "follower" | "following");
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_format_version(5);
    // In parts of a few KiB: a whole filter of a large file would not fit the cache, and would be read for each row.
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_cache_index_and_filter_blocks(true);
    table.set_cache_index_and_filter_blocks_with_high_priority(true);
    table.set_pin_top_level_index_and_filter(true);
    if edges {
        // Keys of an edge differ in a few bytes, and are mostly read one after the other.
        table.set_block_size(16 << 10);
    }
    if name != "following" {
        // What one follows is only ever walked.
        table.set_bloom_filter(10.0, false);
    }
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_bottommost_compression_type(DBCompressionType::Zstd);
    options.set_periodic_compaction_seconds(REWRITTEN_SECONDS);
    options.set_write_buffer_size(if edges || name == "log" { 64 << 20 } else { 16 << 20 });
    options
}

fn opening(error: &rocksdb::Error, dir: &Path) -> StoreError {
    let text = error.to_string();
    // Held by another process, or by another engine of this one.
    let held = ["Resource temporarily unavailable", "lock hold by", "held by"];
    if text.contains("LOCK") && held.iter().any(|words| text.contains(words)) {
        return StoreError::InUse(dir.display().to_string());
    }
    StoreError::Io(text)
}

fn io(error: rocksdb::Error) -> StoreError {
    StoreError::Io(error.to_string())
}

impl View for RocksStore {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf(self.family(family)?, key).map_err(io)
    }

    fn scan(&self, family: Family, range: &Range, each: Each<'_>) -> Result<(), StoreError> {
        self.walk(family, range, ReadOptions::default(), each)
    }

    fn scan_once(&self, family: Family, range: &Range, each: Each<'_>) -> Result<(), StoreError> {
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        options.set_readahead_size(READ_AHEAD);
        self.walk(family, range, options, each)
    }

    fn read_many(&self, family: Family, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        if let [key] = keys {
            return Ok(vec![self.get(family, key)?]);
        }
        let rows = self
            .db
            .batched_multi_get_cf(self.family(family)?, keys.iter().copied(), false);
        rows.into_iter()
            .map(|row| Ok(row.map_err(io)?.map(|value| value.to_vec())))
            .collect()
    }

    fn get_many(&self, family: Family, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        if !Known::covers(family) {
            return self.read_many(family, keys);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<_> = keys.iter().map(|key| known.get(family, key)).collect();
        let missing: Vec<&[u8]> = keys
            .iter()
            .zip(&found)
            .filter(|(_, row)| row.is_none())
            .map(|(key, _)| *key)
            .collect();
        let mut rows = missing.iter().zip(self.read_many(family, &missing)?);
        for slot in found.iter_mut().filter(|slot| slot.is_none()) {
            if let Some((key, Some(row))) = rows.next() {
                known.put(family, key, &row);
                *slot = Some(row);
            }
        }
        Ok(found)
    }
}

impl Store for RocksStore {
    fn write(&self, writes: Vec<Write>, sync: bool) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        for write in &writes {
            let family = self.family(write.family)?;
            match &write.value {
                Some(value) => batch.put_cf(family, &write.key, value),
                None => batch.delete_cf(family, &write.key),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        self.db.write_opt(batch, &options).map_err(io)?;
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .written(&writes);
        Ok(())
    }

    fn checkpoint(&self, dir: &Path) -> Result<(), StoreError> {
        Checkpoint::new(&self.db)
            .map_err(io)?
            .create_checkpoint(dir)
            .map_err(io)
    }

    /// All families are flushed together, so that the write-ahead log that has removed rows goes as a whole.
    fn compact(&self) -> Result<(), StoreError> {
        let handles = self.names.iter().filter_map(|name| self.db.cf_handle(name));
        let families: Vec<&ColumnFamily> = handles.collect();
        let all: Vec<_> = families.iter().collect();
        self.db.flush_cfs_opt(&all, &FlushOptions::default()).map_err(io)?;
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        for family in families {
            self.db.compact_range_cf_opt(family, NO_BOUND, NO_BOUND, &options);
        }
        Ok(())
    }
}
