//! Archives over a store of their own: bounds, times, who it is with, preferences, and the end of an account.

use super::{ArchiveId, ArchivePreferences, Archived, NotRead, Wanted, ends, page};
use crate::tables::{FrontTables, Op, Outcome};
use reef_engine::clock::Clock;
use reef_engine::limits::Limits;
use reef_engine::log::record::{self, Change};
use reef_engine::model::Timestamp;
use reef_engine::store::Range;
use reef_engine::{Engine, Options};
use std::ops::{ControlFlow, RangeInclusive};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const JULIET: &str = "juliet@capulet.lit";
const ROMEO: &str = "romeo@capulet.lit";

/// Time that stands still until the test moves it.
#[derive(Default)]
struct Still(AtomicU64);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct World {
    engine: Arc<Engine>,
    clock: Arc<Still>,
    most: u32,
    days: u32,
    _dir: tempfile::TempDir,
}

impl World {
    /// With both accounts, at second 1000.
    fn new(most: u32, days: u32) -> World {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Still(AtomicU64::new(1_000_000)));
        let options = Options {
            dir: dir.path().to_owned(),
            limits: Limits::default(),
            sync: false,
            tables: Arc::new(FrontTables::new("capulet.lit", None)),
            clock: clock.clone(),
            wakers: vec![Arc::new(|| {})],
            applier_starts: || (),
        };
        let (engine, _) = Engine::open(options).unwrap();
        let world = World {
            engine,
            clock,
            most,
            days,
            _dir: dir,
        };
        world.create(JULIET);
        world.create(ROMEO);
        world
    }

    fn submit(&self, op: &Op) -> Outcome {
        let change = Change::Table {
            owner: JULIET.into(),
            op: op.encode(),
        };
        match self.engine.admission.submit_and_wait("", change).unwrap().outcome {
            record::Outcome::Table(bytes) => Outcome::decode(&bytes),
            other => panic!("{other:?}"),
        }
    }

    fn create(&self, user: &str) {
        self.submit(&Op::CreateAccount {
            user: user.into(),
            credentials: Vec::new(),
        });
    }

    /// A message whose id and text are a number; whether its receiver's archive has it.
    fn send(&self, from: &str, to: &str, number: u128) -> bool {
        let op = Op::Archive {
            id: ArchiveId(number),
            from: from.into(),
            to: to.into(),
            stanza: number.to_string().into_bytes(),
            most: self.most,
            days: self.days,
            waiting: crate::tables::OutgoingLimits::NONE,
        };
        self.submit(&op).archived
    }

    /// Messages of Romeo's to Juliet.
    fn receive(&self, numbers: RangeInclusive<u128>) {
        for number in numbers {
            assert!(self.send("romeo@capulet.lit/o", JULIET, number));
        }
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            most: 100,
            most_bytes: 1000,
            days: self.days,
            now: self.clock.now(),
            ..Wanted::default()
        }
    }

    /// The numbers on a page; with a `+` behind them where there are more.
    fn page(&self, user: &str, wanted: &Wanted) -> String {
        let page = page(self.engine.view(), user, wanted).unwrap();
        let numbers = page
            .messages
            .into_iter()
            .map(|row| String::from_utf8(row.stanza).unwrap());
        let more = (!page.complete).then(|| "+".to_owned());
        numbers.chain(more).collect::<Vec<_>>().join(" ")
    }

    fn all(&self, user: &str) -> String {
        self.page(user, &self.wanted())
    }

    fn pass(&self, ms: u64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Rows of the archives' family.
    fn rows(&self) -> usize {
        let mut rows = 0;
        let count = &mut |_: &[u8], _: &[u8]| {
            rows += 1;
            ControlFlow::Continue(())
        };
        self.engine.view().scan(super::ARCHIVE, &Range::all(), count).unwrap();
        rows
    }

    /// The background does a step; its end is known when a record behind it is answered.
    fn sweep(&self) {
        for _ in 0..2 {
            self.pass(1000);
            self.submit(&Op::TakeOffline {
                user: "nobody@capulet.lit".into(),
                upto: 0,
            });
        }
    }
}

#[test]
fn both_sides_have_a_message_once_and_in_order() {
    let world = World::new(0, 0);
    assert!(world.send("juliet@capulet.lit/balcony", ROMEO, 1));
    assert!(world.send("romeo@capulet.lit/orchard", JULIET, 2));
    assert!(world.send("juliet@capulet.lit/balcony", JULIET, 3));
    assert!(!world.send("juliet@capulet.lit/balcony", "nobody@capulet.lit", 4));
    assert_eq!(world.all(JULIET), "1 2 3");
    assert_eq!(world.all(ROMEO), "1 2");
}

#[test]
fn the_oldest_leave_with_what_comes_where_there_are_too_many() {
    let mut world = World::new(0, 0);
    world.receive(1..=10);
    world.most = 3;
    // A few at a time, and no more than are too many.
    for (number, expected) in [
        (11, "5 6 7 8 9 10 11"),
        (12, "9 10 11 12"),
        (13, "11 12 13"),
        (14, "12 13 14"),
    ] {
        world.send("romeo@capulet.lit/o", JULIET, number);
        assert_eq!(world.all(JULIET), expected);
    }
    let whole = page(world.engine.view(), JULIET, &world.wanted()).unwrap();
    assert_eq!(whole.count, Some(3));
    // Nothing is left of those that left: a message, its id, his bare JID, and where it is known his full one; the state.
    assert_eq!(world.rows(), (3 * 4 + 1) + (3 * 3 + 1));
}

#[test]
fn what_is_too_old_is_not_shown_and_leaves_with_what_comes() {
    let mut world = World::new(0, 0);
    world.send("romeo@capulet.lit/o", JULIET, 1);
    world.pass(86_400_000);
    world.send("romeo@capulet.lit/o", JULIET, 2);
    world.days = 1;
    assert_eq!(world.all(JULIET), "1 2");
    world.pass(1);
    assert_eq!(world.all(JULIET), "2");
    let before = world.rows();
    world.send("romeo@capulet.lit/o", JULIET, 3);
    assert_eq!(world.all(JULIET), "2 3");
    assert_eq!(world.rows(), before);
}

#[test]
fn times_bound_a_page_on_both_sides_and_never_go_backwards() {
    let world = World::new(0, 0);
    for number in 1..=20 {
        world.send("romeo@capulet.lit/o", JULIET, number);
        world.pass(10);
    }
    let at = |ms: u64| Some(Timestamp(1_000_000 + ms));
    let check = |start: Option<Timestamp>, end: Option<Timestamp>, expected: &str| {
        let wanted = Wanted {
            start,
            end,
            ..world.wanted()
        };
        assert_eq!(world.page(JULIET, &wanted), expected, "{start:?} to {end:?}");
    };
    check(at(170), None, "18 19 20");
    check(at(171), None, "19 20");
    check(None, at(20), "1 2 3");
    check(None, at(19), "1 2");
    check(at(50), at(70), "6 7 8");
    check(at(51), at(59), "");
    check(at(70), at(50), "");
    check(at(1000), None, "");
    world.clock.0.store(500_000, Ordering::SeqCst);
    world.send("romeo@capulet.lit/o", JULIET, 21);
    check(at(190), None, "20 21");
    check(None, at(0), "1");
}

#[test]
fn a_page_is_bounded_by_number_and_bytes_and_goes_on_from_its_ends() {
    let world = World::new(0, 0);
    world.receive(1..=9);
    let page = |backwards: bool, after: Option<u128>, before: Option<u128>, most: usize, most_bytes: usize| {
        let wanted = Wanted {
            page_after: after.map(ArchiveId),
            page_before: before.map(ArchiveId),
            backwards,
            most,
            most_bytes,
            ..world.wanted()
        };
        world.page(JULIET, &wanted)
    };
    assert_eq!(page(false, None, None, 4, 1000), "1 2 3 4 +");
    assert_eq!(page(false, Some(4), None, 5, 1000), "5 6 7 8 9");
    assert_eq!(page(true, None, None, 4, 1000), "6 7 8 9 +");
    assert_eq!(page(true, None, Some(6), 5, 1000), "1 2 3 4 5");
    assert_eq!(page(false, None, None, 9, 3), "1 2 3 +");
    assert_eq!(page(true, None, None, 9, 0), "9 +");
    let around = Wanted {
        around: 4,
        most_bytes: 12,
        ..world.wanted()
    };
    assert_eq!(world.page(JULIET, &around), "1 2 +");
    assert_eq!(page(false, Some(9), None, 9, 1000), "");
    assert_eq!(page(false, None, None, 0, 1000), "+");
}

#[test]
fn ids_choose_messages_and_one_that_is_not_there_is_said() {
    let world = World::new(0, 0);
    world.receive(1..=5);
    let ids = |ids: &[u128]| Wanted {
        ids: Some(ids.iter().copied().map(ArchiveId).collect()),
        ..world.wanted()
    };
    assert_eq!(world.page(JULIET, &ids(&[4, 2, 4])), "2 4");
    let between = Wanted {
        after: Some(ArchiveId(1)),
        before: Some(ArchiveId(4)),
        ..world.wanted()
    };
    assert_eq!(world.page(JULIET, &between), "2 3");
    let missing = [
        ids(&[1, 6]),
        Wanted {
            after: Some(ArchiveId(6)),
            ..world.wanted()
        },
        Wanted {
            page_before: Some(ArchiveId(6)),
            ..world.wanted()
        },
    ];
    for wanted in missing {
        let refused = page(world.engine.view(), JULIET, &wanted);
        assert!(matches!(refused, Err(NotRead::NoSuchId)), "{refused:?}");
    }
}

#[test]
fn a_bare_jid_is_with_all_its_resources_and_a_full_one_with_itself() {
    let world = World::new(0, 0);
    world.send("romeo@capulet.lit/orchard", JULIET, 1);
    world.send("romeo@capulet.lit/cell", JULIET, 2);
    world.send("juliet@capulet.lit/balcony", ROMEO, 3);
    world.send("juliet@capulet.lit/balcony", "romeo@capulet.lit/cell", 4);
    world.create("nurse@capulet.lit");
    world.send("nurse@capulet.lit/house", JULIET, 5);
    world.send("juliet@capulet.lit/balcony", JULIET, 6);
    let check = |with: &str, expected: &str| {
        let wanted = Wanted {
            with: Some(with.to_owned()),
            ..world.wanted()
        };
        assert_eq!(world.page(JULIET, &wanted), expected, "{with}");
    };
    check(ROMEO, "1 2 3 4");
    check("romeo@capulet.lit/cell", "2 4");
    check("romeo@capulet.lit/orchard", "1");
    check("nurse@capulet.lit", "5");
    // To oneself: where both sides are (XEP-0313 §4.1.1).
    check(JULIET, "6");
    check("juliet@capulet.lit/balcony", "6");
    check("paris@capulet.lit", "");
}

#[test]
fn preferences_say_whose_messages_are_kept() {
    let world = World::new(0, 0);
    let prefer = |default: Archived, always: &[&str], never: &[&str]| {
        let list = |jids: &[&str]| jids.iter().map(|jid| Arc::from(*jid)).collect();
        world.submit(&Op::SetArchivePreferences {
            user: JULIET.into(),
            preferences: ArchivePreferences {
                default,
                always: list(always),
                never: list(never),
            },
        });
    };
    let from = "romeo@capulet.lit/orchard";
    prefer(Archived::Never, &[], &[]);
    assert!(!world.send(from, JULIET, 1));
    prefer(Archived::Never, &[ROMEO], &[]);
    assert!(world.send(from, JULIET, 2));
    prefer(Archived::Always, &[ROMEO], &["romeo@capulet.lit/orchard"]);
    assert!(!world.send(from, JULIET, 3));
    assert!(world.send("romeo@capulet.lit/cell", JULIET, 4));
    prefer(Archived::Roster, &[], &[]);
    assert!(!world.send(from, JULIET, 5));
    world.submit(&Op::SetContact {
        user: JULIET.into(),
        contact: ROMEO.into(),
        name: "".into(),
        groups: Vec::new(),
        most: 10,
    });
    assert!(world.send(from, JULIET, 6));
    assert_eq!(world.all(JULIET), "2 4 6");
    // He has all that he wrote: her preferences are hers.
    assert_eq!(world.all(ROMEO), "1 2 3 4 5 6");
}

#[test]
fn who_takes_the_name_of_a_removed_account_inherits_nothing_and_its_rows_leave() {
    let world = World::new(0, 0);
    // More than one step removes.
    world.receive(1..=1500);
    world.submit(&Op::RemoveAccount { user: JULIET.into() });
    world.create(JULIET);
    assert_eq!(world.all(JULIET), "");
    let named = Wanted {
        ids: Some(vec![ArchiveId(1400)]),
        ..world.wanted()
    };
    let refused = page(world.engine.view(), JULIET, &named);
    assert!(matches!(refused, Err(NotRead::NoSuchId)), "{refused:?}");
    world.send("romeo@capulet.lit/o", JULIET, 2000);
    assert_eq!(world.all(JULIET), "2000");
    assert!(
        ends(world.engine.view(), JULIET, 0, world.clock.now())
            .unwrap()
            .is_some()
    );
    world.submit(&Op::RemoveAccount { user: ROMEO.into() });
    (0..6).for_each(|_| world.sweep());
    // The message, its id, whom it is with by both JIDs, and the state.
    assert_eq!(world.rows(), 5);
    assert_eq!(world.all(JULIET), "2000");
    world.submit(&Op::RemoveAccount { user: JULIET.into() });
    (0..3).for_each(|_| world.sweep());
    assert_eq!(world.rows(), 0);
    assert!(
        ends(world.engine.view(), JULIET, 0, world.clock.now())
            .unwrap()
            .is_none()
    );
}
