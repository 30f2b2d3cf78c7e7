//! Rows that the store remembers, read by several threads while one writes, and rows that are read together.

use reef_engine::limits::Limits;
use reef_engine::model::SubscriberId;
use reef_engine::store::keys::{self, Family};
use reef_engine::store::{RocksStore, Store, View, Write, rows};
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

#[test]
fn names_are_found_together_as_one_by_one_wherever_their_ids_lie() {
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let store = RocksStore::open(dir.path(), &[], &Limits::default()).expect("the store opens");
    let writes = (0..300_u32).filter(|id| id % 5 != 3).map(|id| Write {
        family: Family::SUBSCRIBER,
        key: keys::subscriber(SubscriberId(id)).to_vec(),
        value: Some(rows::encode(&format!("u{id}@reef.test"))),
    });
    store.write(writes.collect(), false).expect("they are written");
    let far = [SubscriberId(7), SubscriberId(u32::MAX)];
    let all = |from: u32, to: u32, step: usize| (from..to).step_by(step).map(SubscriberId).collect::<Vec<_>>();
    let backwards: Vec<SubscriberId> = all(10, 100, 2).into_iter().rev().collect();
    let few = all(0, 4, 1);
    for ids in [
        all(0, 50, 1),
        all(290, 320, 1),
        all(0, 300, 15),
        backwards,
        few,
        far.to_vec(),
        Vec::new(),
    ] {
        let one_by_one = ids
            .iter()
            .map(|id| rows::subscriber_name(&store, *id).expect("it is read"));
        let one_by_one: Vec<_> = one_by_one.collect();
        let together = rows::subscriber_names(&store, &ids).expect("they are read");
        assert_eq!(together, one_by_one, "{ids:?}");
    }
}
