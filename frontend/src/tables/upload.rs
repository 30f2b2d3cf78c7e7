//! What accounts upload (XEP-0363): a row for each slot and each file, and what each account has in all.
//!
//! A slot counts from the commit that promises it, so that what was promised is never more than an account may have. Knows
//! no file: the rows say which there may be. Next: `upload/`, which keeps them.

use super::{Outcome, UPLOAD, UPLOADED, account, key};
use crate::limits::{UPLOADS_FORGOTTEN, UPLOADS_LAPSED};
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::store::{Range, View, rows};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;

/// What a file is called in the rows and on the disk: nobody can guess it.
pub(crate) type UploadId = [u8; 16];

const DAY_MS: u64 = 86_400_000;

/// A slot, or a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Upload {
    /// Whose.
    pub(crate) owner: Arc<str>,
    /// Its `Content-Type`, as its owner said it; empty: nothing was said.
    pub(crate) kind: Arc<str>,
    /// How large it is.
    pub(crate) bytes: u64,
    /// Of a slot: when it lapses. Of a file: when it came.
    pub(crate) at: u64,
    /// Whether it has come.
    pub(crate) kept: bool,
}

impl Upload {
    /// When it goes; `None` for a file that stays.
    pub(crate) fn ends(&self, days: u32) -> Option<u64> {
        match (self.kept, days) {
            (false, _) => Some(self.at),
            (true, 0) => None,
            (true, days) => Some(self.at.saturating_add(u64::from(days) * DAY_MS)),
        }
    }

    /// Its key among its owner's: slots first, by when they lapse, then files by when they came.
    fn own(&self, id: &UploadId) -> Vec<u8> {
        key(
            &self.owner,
            &[&[1 + u8::from(self.kept)], &self.at.to_be_bytes()[..], id].concat(),
        )
    }
}

/// What an account wants to upload.
pub(super) struct Wish<'w> {
    pub(super) id: UploadId,
    pub(super) upload: &'w Upload,
    pub(super) most: u64,
    pub(super) days: u32,
}

/// A slot or a file.
pub(crate) fn upload(view: &dyn View, id: &UploadId) -> Result<Option<Upload>, StoreError> {
    rows::get(view, UPLOAD, id)
}

/// Bytes of an account's files, and of those that it was promised to have room for.
pub(crate) fn uploaded(view: &dyn View, user: &str) -> Result<u64, StoreError> {
    Ok(rows::get(view, UPLOADED, &key(user, b""))?.unwrap_or_default())
}

/// Those that have gone by now, of all accounts, from behind an id; at most so many rows are looked at. With where to go on.
pub(crate) fn gone(
    view: &dyn View,
    behind: Option<UploadId>,
    (now, days, rows): (u64, u32, usize),
) -> Result<(Vec<UploadId>, Option<UploadId>), StoreError> {
    let start = behind.map(|id| [&id[..], &[0]].concat()).unwrap_or_default();
    let range = Range { start, ..Range::all() };
    let (mut gone, mut seen, mut last, mut bad) = (Vec::new(), 0, None, None);
    view.scan_once(UPLOAD, &range, &mut |id, row| {
        match (UploadId::try_from(id), rows::decode::<Upload>(UPLOAD, row)) {
            (Ok(id), Ok(upload)) => {
                gone.extend(upload.ends(days).filter(|ends| *ends <= now).map(|_| id));
                last = Some(id);
            }
            (_, Err(error)) => bad = Some(error),
            (Err(_), _) => bad = Some(StoreError::Corrupt("uploads")),
        }
        seen += 1;
        match seen < rows && bad.is_none() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    match bad {
        Some(error) => Err(error),
        None => Ok((gone, last.filter(|_| seen == rows))),
    }
}

/// Promises a slot, where there is room for it; else the outcome says when there may be. Slots that have lapsed make room first.
pub(super) fn promise(apply: &mut Apply<'_, '_>, wish: &Wish<'_>, outcome: &mut Outcome) -> Result<(), ApplyError> {
    let Wish { id, upload, most, days } = wish;
    let (owner, now) = (&upload.owner, apply.at.0);
    account(apply.tx, owner)?.ok_or(Reject::ItemNotFound)?;
    if self::upload(apply.tx, id)?.is_some() {
        return Err(Reject::Conflict.into());
    }
    let lapsed = Range::between(key(owner, &[1]), key(owner, &[&[1], &now.to_be_bytes()[..]].concat()));
    for id in own(apply.tx, &lapsed, UPLOADS_LAPSED)? {
        take(apply, &id, outcome)?;
    }
    let has = uploaded(apply.tx, owner)?;
    if *most > 0 && has.saturating_add(upload.bytes) > *most {
        let range = Range::prefix(&key(owner, &[1]));
        let slot = own(apply.tx, &range, 1)?;
        let file = own(apply.tx, &Range::prefix(&key(owner, &[2])), 1)?;
        let mut room = None;
        for id in slot.iter().chain(&file) {
            let ends = self::upload(apply.tx, id)?.and_then(|upload| upload.ends(*days));
            room = room.into_iter().chain(ends).min();
        }
        outcome.no_room = true;
        outcome.room_at = room;
        return Ok(());
    }
    put(apply, id, upload);
    apply
        .tx
        .put(UPLOADED, key(owner, b""), rows::encode(&(has + upload.bytes)));
    Ok(())
}

/// The file of a slot has come.
pub(super) fn keep(apply: &mut Apply<'_, '_>, id: &UploadId) -> Result<(), ApplyError> {
    let upload = upload(apply.tx, id)?.ok_or(Reject::ItemNotFound)?;
    if upload.kept {
        return Err(Reject::Conflict.into());
    }
    apply.tx.delete(UPLOADED, upload.own(id));
    let at = apply.at.0;
    put(
        apply,
        id,
        &Upload {
            at,
            kept: true,
            ..upload
        },
    );
    Ok(())
}

/// Drops those of these that have gone by now.
pub(super) fn drop_gone(
    apply: &mut Apply<'_, '_>,
    ids: &[UploadId],
    days: u32,
    outcome: &mut Outcome,
) -> Result<(), ApplyError> {
    for id in ids {
        let ends = upload(apply.tx, id)?.and_then(|upload| upload.ends(days));
        if ends.is_some_and(|ends| ends <= apply.at.0) {
            take(apply, id, outcome)?;
        }
    }
    Ok(())
}

/// All that a removed account has.
pub(super) fn forget(apply: &mut Apply<'_, '_>, user: &str, outcome: &mut Outcome) -> Result<(), ApplyError> {
    for slots in [1, 2] {
        let all = own(apply.tx, &Range::prefix(&key(user, &[slots])), usize::MAX)?;
        for id in all {
            take(apply, &id, outcome)?;
        }
    }
    apply.tx.delete(UPLOADED, key(user, b""));
    Ok(())
}

fn put(apply: &mut Apply<'_, '_>, id: &UploadId, upload: &Upload) {
    apply.tx.put(UPLOADED, upload.own(id), []);
    apply.tx.put(UPLOAD, *id, rows::encode(upload));
}

fn take(apply: &mut Apply<'_, '_>, id: &UploadId, outcome: &mut Outcome) -> Result<(), ApplyError> {
    let Some(upload) = upload(apply.tx, id)? else {
        return Ok(());
    };
    apply.tx.delete(UPLOADED, upload.own(id));
    apply.tx.delete(UPLOAD, *id);
    let left = uploaded(apply.tx, &upload.owner)?.saturating_sub(upload.bytes);
    apply.tx.put(UPLOADED, key(&upload.owner, b""), rows::encode(&left));
    // Those beyond are found by who looks at the files.
    if outcome.files.len() < UPLOADS_FORGOTTEN {
        outcome.files.push(*id);
    }
    Ok(())
}

/// The ids of an account's, of a range of its rows.
fn own(view: &dyn View, range: &Range, most: usize) -> Result<Vec<UploadId>, StoreError> {
    let mut found = Vec::new();
    view.scan(UPLOADED, range, &mut |row, _| {
        found.extend(row.last_chunk::<16>());
        match found.len() < most {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{FrontTables, Op};
    use reef_engine::clock::Clock;
    use reef_engine::limits::Limits;
    use reef_engine::log::record::{self, Change};
    use reef_engine::model::Timestamp;
    use reef_engine::{Engine, Options};
    use std::sync::atomic::{AtomicU64, Ordering};

    const USER: &str = "juliet@capulet.lit";

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
        _dir: tempfile::TempDir,
    }

    impl World {
        fn new() -> World {
            let dir = tempfile::tempdir().unwrap();
            let clock = Arc::new(Still::default());
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
                _dir: dir,
            };
            world.submit(&Op::CreateAccount {
                user: USER.into(),
                credentials: Vec::new(),
            });
            world
        }

        fn submit(&self, op: &Op) -> Outcome {
            let change = Change::Table {
                owner: USER.into(),
                op: op.encode(),
            };
            match self.engine.admission.submit_and_wait(USER, change).unwrap().outcome {
                record::Outcome::Table(bytes) => Outcome::decode(&bytes),
                other => panic!("{other:?}"),
            }
        }

        /// A slot of 6 of at most 10 bytes, which lapses then.
        fn promise(&self, id: u8, at: u64) -> Outcome {
            self.submit(&Op::PromiseUpload {
                id: [id; 16],
                upload: Upload {
                    owner: USER.into(),
                    kind: "".into(),
                    bytes: 6,
                    at,
                    kept: false,
                },
                most: 10,
                days: 2,
            })
        }

        fn has(&self) -> u64 {
            uploaded(self.engine.view(), USER).unwrap()
        }
    }

    #[test]
    fn a_slot_that_lapsed_makes_room_and_a_file_when_it_is_old() {
        let world = World::new();
        assert!(!world.promise(1, 100).no_room);
        let full = world.promise(2, 100);
        assert_eq!((full.no_room, full.room_at, world.has()), (true, Some(100), 6));
        world.clock.0.store(101, Ordering::SeqCst);
        let lapsed = world.promise(2, 200);
        assert_eq!((lapsed.no_room, lapsed.files, world.has()), (false, vec![[1; 16]], 6));
        world.submit(&Op::KeepUpload { id: [2; 16] });
        let full = world.promise(3, 300);
        assert_eq!((full.no_room, full.room_at), (true, Some(101 + 2 * DAY_MS)));
        let gone = |at| gone(world.engine.view(), None, (at, 2, 10)).unwrap().0;
        assert!(gone(100 + 2 * DAY_MS).is_empty());
        assert_eq!(gone(101 + 2 * DAY_MS), [[2; 16]]);
        // Whether it has gone is judged again where it is done.
        let drop = Op::DropUploads {
            ids: vec![[2; 16], [9; 16]],
            days: 2,
        };
        assert_eq!((world.submit(&drop).files, world.has()), (Vec::new(), 6));
        world.clock.0.store(101 + 2 * DAY_MS, Ordering::SeqCst);
        assert_eq!((world.submit(&drop).files, world.has()), (vec![[2; 16]], 0));
    }

    #[test]
    fn all_is_looked_at_in_steps() {
        let world = World::new();
        world.promise(1, 1);
        world.clock.0.store(2, Ordering::SeqCst);
        world.promise(2, 3);
        let first = gone(world.engine.view(), None, (9, 0, 1)).unwrap();
        assert_eq!(first, (vec![[2; 16]], Some([2; 16])));
        assert_eq!(
            gone(world.engine.view(), first.1, (9, 0, 1)).unwrap(),
            (Vec::new(), None)
        );
    }
}
