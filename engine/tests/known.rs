//! Rows that the store remembers, read by several threads while one writes.

use reef_engine::limits::Limits;
use reef_engine::store::keys::Family;
use reef_engine::store::{RocksStore, Store, View, Write};
use std::sync::atomic::{AtomicU64, Ordering};

fn row(store: &RocksStore, key: &[u8]) -> u64 {
    let rows = store.get_many(Family::FOLLOWS, &[key, b"nobody"]).expect("it is read");
    let row = rows.into_iter().next().flatten();
    row.map_or(0, |row| u64::from_be_bytes(row.try_into().expect("eight bytes")))
}

#[test]
fn who_reads_while_another_writes_never_sees_a_row_older_than_one_that_was_written() {
    const ROUNDS: u64 = 20_000;
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let store = RocksStore::open(dir.path(), &[], &Limits::default()).expect("the store opens");
    let written: Vec<AtomicU64> = (0..4).map(|_| AtomicU64::new(0)).collect();
    std::thread::scope(|scope| {
        for reader in 0..2 {
            let (store, written) = (&store, &written);
            scope.spawn(move || {
                let mut at = reader;
                while written[3].load(Ordering::Acquire) < ROUNDS {
                    at = (at + 1) % 4;
                    let least = written[at].load(Ordering::Acquire);
                    let found = row(store, &[at as u8]);
                    assert!(found >= least, "row {at} is {found} after {least} was written");
                }
            });
        }
        for value in 1..=ROUNDS {
            for (at, last) in written.iter().enumerate() {
                let write = Write {
                    family: Family::FOLLOWS,
                    key: vec![at as u8],
                    value: Some(value.to_be_bytes().to_vec()),
                };
                store.write(vec![write], false).expect("it is written");
                last.store(value, Ordering::Release);
                assert_eq!(row(&store, &[at as u8]), value);
            }
        }
    });
}
