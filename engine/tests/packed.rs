//! Promise: a start from the packed copy has the same edges as one from the rows, however the last run ended.

mod world;

use reef_engine::Engine;
use reef_engine::index::Index;
use reef_engine::limits::Limits;
use reef_engine::load::{self, Packed, Source};
use reef_engine::log::record::Change;
use reef_engine::store::journal;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;
use world::{World, blog};

const AUTHORS: u64 = 12;
const USERS: u64 = 60;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % n
    }
}

fn author(number: u64) -> String {
    format!("author{number}@reef.test")
}

fn user(number: u64) -> String {
    format!("user{number}@reef.test")
}

/// Something that changes edges, or is refused.
fn act(engine: &Engine, random: &mut Random) {
    let (author, user) = (author(random.below(AUTHORS)), user(random.below(USERS)));
    let node = blog(&author);
    let (by, change) = match random.below(40) {
        0 => (author, Change::DeleteNode { node, redirect: None }),
        1..4 => (author.clone(), world::publish(&author, "item", "<entry/>")),
        4 => (user.clone(), Change::RemoveUser { user: user.into() }),
        5..15 => (
            user.clone(),
            Change::Unfollow {
                node,
                subscriber: user.into(),
            },
        ),
        15..18 => {
            let subscribers = (0..20).map(|_| self::user(random.below(USERS)).into()).collect();
            (String::new(), Change::ImportFollowers { node, subscribers })
        }
        _ => (user.clone(), Change::follow(node, user.into())),
    };
    // What is refused changes nothing.
    let _ = engine.admission.submit_and_wait(&by, change);
}

fn acts(world: &mut World, random: &mut Random, count: u64) {
    for _ in 0..count {
        act(&world.engine, random);
        world.settle(&mut []);
    }
}

/// Packs, as the packer does; `written` is false where the row never gets there.
fn pack(engine: &Engine, dir: &Path, written: bool) {
    let packed = load::pack(engine.view(), &load::packed_dir(dir), 0, &AtomicBool::new(false)).expect("it packs");
    // Otherwise too little has changed.
    if let (Packed::Done(row, _), true) = (packed, written) {
        engine.admission.cursors(vec![load::packed_write(&row)]);
    }
}

#[track_caller]
fn check(engine: &Engine, indexes: &[&Index]) {
    let rows = load::indexes(engine.view(), indexes.len()).expect("the store reads");
    for (ours, rows) in indexes.iter().zip(&rows) {
        assert!(ours.nodes().eq(rows.nodes()));
        for node in rows.nodes() {
            let of = |index: &Index| index.followers(node).map(|followers| followers.to_vec());
            assert_eq!(of(ours), of(rows), "{node:?}");
        }
        assert_eq!(ours.edges(), rows.edges());
    }
}

fn indexes(world: &World) -> Vec<&Index> {
    world.seats.iter().map(|seat| seat.shard.index()).collect()
}

#[test]
fn the_packed_copy_and_the_journal_are_the_rows_after_anything() {
    let mut random = Random(5);
    let mut world = World::new();
    assert_eq!(world.engine.source, Source::Rows);
    for round in 0..60 {
        let count = random.below(60);
        acts(&mut world, &mut random, count);
        let packs = random.below(3);
        if packs > 0 {
            pack(&world.engine, world.dir.path(), packs == 1 || round == 0);
        }
        // The background removes rows of who is gone, and of the journal.
        for _ in 0..random.below(4) {
            world.pass(1000);
        }
        let dir = world.dir.path().to_owned();
        if random.below(10) == 0 {
            // The live index, before it is built anew.
            world.settle(&mut []);
            check(&world.engine, &indexes(&world));
        }
        if random.below(8) == 0 {
            let _ = std::fs::remove_dir_all(load::packed_dir(&dir));
        }
        world = world.restart();
        check(&world.engine, &indexes(&world));
    }
    assert!(journal::extent(world.engine.view()).unwrap().trimmed > 0);
    assert_eq!(world.engine.source, Source::Packed);
}

#[test]
fn another_number_of_shards_has_the_same_edges() {
    let mut random = Random(8);
    let mut world = World::new();
    acts(&mut world, &mut random, 400);
    pack(&world.engine, world.dir.path(), true);
    acts(&mut world, &mut random, 100);
    world.engine.close();
    let World {
        dir,
        engine,
        seats,
        clock,
        ..
    } = world;
    drop((engine, seats));
    for shards in [1, 3, 16] {
        let wake: reef_engine::fanout::Wake = Arc::new(|| {});
        let options = reef_engine::Options {
            wakers: vec![wake; shards],
            applier_starts: || (),
            ..world::options(
                dir.path(),
                Limits::default(),
                Arc::new(reef_engine::log::apply::NoTables),
                clock.clone(),
            )
        };
        let (engine, seats) = Engine::open(options).unwrap();
        assert_eq!(engine.source, Source::Packed);
        check(
            &engine,
            &seats.iter().map(|seat| seat.shard.index()).collect::<Vec<_>>(),
        );
        // The next opens the same store.
        drop(seats);
    }
}

#[test]
fn a_damaged_or_foreign_copy_is_not_trusted_and_is_replaced() {
    let mut random = Random(6);
    let mut world = World::new();
    acts(&mut world, &mut random, 300);
    pack(&world.engine, world.dir.path(), true);
    world = world.restart();
    assert_eq!(world.engine.source, Source::Packed);
    let file = || {
        let mut files = std::fs::read_dir(load::packed_dir(world.dir.path())).unwrap();
        files.next().unwrap().unwrap().path()
    };
    let mut bytes = std::fs::read(file()).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    std::fs::write(file(), &bytes).unwrap();
    world = world.restart();
    assert_eq!(world.engine.source, Source::Rows);
    check(&world.engine, &indexes(&world));
    world = world.restart();
    assert_eq!(world.engine.source, Source::Packed);
    check(&world.engine, &indexes(&world));
}

#[test]
fn a_backup_has_the_edges_of_its_own_time() {
    let mut random = Random(3);
    let mut world = World::new();
    acts(&mut world, &mut random, 300);
    pack(&world.engine, world.dir.path(), true);
    acts(&mut world, &mut random, 50);
    let copy = TempDir::new().unwrap();
    world.engine.admission.backup(copy.path().join("store")).unwrap();
    let then: u64 = load::indexes(world.engine.view(), 1).unwrap()[0].edges();
    acts(&mut world, &mut random, 300);
    pack(&world.engine, world.dir.path(), true);
    world = world.restart();
    // The backup's store under the packed copies of the running one, as who copies files by hand may leave it.
    let dir = copy.path().join("store");
    let (from, to) = (load::packed_dir(world.dir.path()), load::packed_dir(&dir));
    std::fs::create_dir_all(&to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    let tables = Arc::new(reef_engine::log::apply::NoTables);
    let options = world::options(&dir, Limits::default(), tables, world.clock.clone());
    let (engine, seats) = Engine::open(options).unwrap();
    assert_eq!(engine.source, Source::Rows);
    let indexes: Vec<&Index> = seats.iter().map(|seat| seat.shard.index()).collect();
    check(&engine, &indexes);
    assert_eq!(indexes.iter().map(|index| index.edges()).sum::<u64>(), then);
}

/// What `kill_nine_at_any_moment_loses_no_edge` kills: this test, in a process of its own.
#[test]
fn child_that_is_killed() {
    let Some(dir) = std::env::var_os("REEF_TEST_KILLED") else {
        return;
    };
    let dir = Path::new(&dir);
    let tables = Arc::new(reef_engine::log::apply::NoTables);
    let (engine, seats) = Engine::open(world::options(dir, Limits::default(), tables, Arc::default())).unwrap();
    check(
        &engine,
        &seats.iter().map(|seat| seat.shard.index()).collect::<Vec<_>>(),
    );
    println!("from {:?}", engine.source);
    let mut random = Random(u64::from(std::process::id()));
    for number in 0_u64.. {
        act(&engine, &mut random);
        if random.below(25) == 0 {
            pack(&engine, dir, true);
        }
        seats.iter().for_each(|seat| seat.batches.try_iter().for_each(drop));
        println!("did {number}");
    }
}

#[test]
fn kill_nine_at_any_moment_loses_no_edge() {
    let dir = TempDir::new().unwrap();
    let mut sources = Vec::new();
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_is_killed", "--nocapture"])
            .env("REEF_TEST_KILLED", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut done = 0;
        for line in lines {
            sources.extend(line.find("from ").map(|at| line[at..].to_owned()));
            done += usize::from(line.starts_with("did"));
            if done > 150 + round * 7 {
                break;
            }
        }
        assert!(done > 150, "it has checked its edges and gone on");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(
        sources.iter().filter(|source| source.ends_with("Packed")).count() >= 6,
        "{sources:?}"
    );
}
