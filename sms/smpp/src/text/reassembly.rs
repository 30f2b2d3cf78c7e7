//! Parts of texts, kept until all have come: in any order, some of them twice.
//!
//! Bounded in parts, octets, time, sets of one sender and octets of all. Time is passed in, in milliseconds of any clock that
//! goes forward only. Knows no route: one of these is for one. Whole texts go to `decode`.

use super::alphabet::Convention;
use super::decode::{Undecodable, decode};
use super::header::Join;
use std::collections::HashMap;

/// How long parts wait for the others.
pub const WAIT_MS: u64 = 5 * 60 * 1000;
/// Parts of one text.
pub const PARTS_MAX: u8 = 64;
/// Octets of one text.
pub const OCTETS_MAX: usize = 4096;
/// Texts of one sender that wait.
pub const SENDER_SETS_MAX: usize = 8;
/// Texts of all senders that wait.
pub const SETS_MAX: usize = 8192;

/// A part that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Who sent it.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Which part of which text.
    pub join: Join,
    /// How its octets are coded.
    pub data_coding: u8,
    /// Without header.
    pub octets: Vec<u8>,
}

/// What became of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It was the last one.
    Whole(Whole),
    /// Others are to come.
    Waiting,
    /// It was here already; others are to come.
    Repeated,
    /// Its text was handed out.
    Over,
    /// More parts or octets than one text may have: nothing of this text is kept.
    TooLong,
}

/// The parts of a text in their order: data coding and octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// From the first to the last that came.
    pub parts: Vec<(u8, Vec<u8>)>,
}

impl Whole {
    /// The text. Octets of parts that are coded alike are joined first, so that what was cut in the middle is whole again.
    ///
    /// # Errors
    /// A part is no text.
    pub fn text(&self, default: Convention) -> Result<String, Undecodable> {
        let alike = self.parts.chunk_by(|(one, _), (other, _)| one == other);
        alike
            .map(|run| {
                let octets: Vec<u8> = run.iter().flat_map(|(_, octets)| octets.iter().copied()).collect();
                decode(run.first().map_or(0, |(data_coding, _)| *data_coding), &octets, default)
            })
            .collect()
    }
}

/// A text some of whose parts never came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// Who sent it.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Its first part that came.
    pub join: Join,
    /// What there is of it.
    pub whole: Whole,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    from: String,
    to: String,
    reference: u16,
    wide: bool,
    total: u8,
}

impl Key {
    fn new(from: String, to: String, join: Join) -> Key {
        Key {
            from,
            to,
            reference: join.reference,
            wide: join.wide,
            total: join.total,
        }
    }
}

struct Set {
    since_ms: u64,
    /// By number; all there means that it was handed out, and is kept so that repeats are known.
    parts: Vec<Option<(u8, Vec<u8>)>>,
}

/// Texts that wait for parts.
#[derive(Default)]
pub struct Reassembly {
    sets: HashMap<Key, Set>,
}

impl Reassembly {
    /// Takes a part. Cost: a look-up; a pass over the keys of all sets where it begins one.
    pub fn add(&mut self, now_ms: u64, piece: Piece) -> Added {
        let Piece {
            from,
            to,
            join,
            data_coding,
            octets,
        } = piece;
        if join.total > PARTS_MAX || octets.len() > OCTETS_MAX {
            return Added::TooLong;
        }
        let key = Key::new(from, to, join);
        let part = (data_coding, octets);
        let index = place(join);
        let fresh = |set: &Set| now_ms.saturating_sub(set.since_ms) < WAIT_MS;
        let known = self.sets.get(&key).filter(|set| fresh(set));
        match known.and_then(|set| Some((set, set.parts.get(index)?))) {
            Some((set, Some(known))) if *known == part => {
                return if set.waits() { Added::Repeated } else { Added::Over };
            }
            // Another text under a reference that was used before.
            Some((_, Some(_))) => drop(self.sets.remove(&key)),
            Some((_, None)) => {}
            None => drop(self.sets.remove(&key)),
        }
        if !self.sets.contains_key(&key) {
            self.make_room(now_ms, &key.from);
        }
        let set = self.sets.entry(key.clone()).or_insert_with(|| Set {
            since_ms: now_ms,
            parts: vec![None; usize::from(join.total)],
        });
        if let Some(place) = set.parts.get_mut(index) {
            *place = Some(part);
        }
        let octets: usize = set.parts.iter().flatten().map(|(_, octets)| octets.len()).sum();
        if octets > OCTETS_MAX {
            self.sets.remove(&key);
            return Added::TooLong;
        }
        match set.parts.iter().cloned().collect::<Option<Vec<_>>>() {
            Some(parts) => Added::Whole(Whole { parts }),
            None => Added::Waiting,
        }
    }

    /// A text that was handed out could not be kept: the part that made it whole is to come again, and has the whole time to.
    pub fn reopen(&mut self, now_ms: u64, from: &str, to: &str, join: Join) {
        let key = Key::new(from.to_owned(), to.to_owned(), join);
        if let Some(set) = self.sets.get_mut(&key)
            && let Some(part) = set.parts.get_mut(place(join))
        {
            *part = None;
            set.since_ms = now_ms;
        }
    }

    /// Lets go of the parts of a text, which was heard.
    pub fn end(&mut self, from: &str, to: &str, join: Join) {
        self.sets.remove(&Key::new(from.to_owned(), to.to_owned(), join));
    }

    /// Lets go of what has waited too long; the parts of each text that was never whole.
    pub fn expire(&mut self, now_ms: u64) -> Vec<Partial> {
        let old = self
            .sets
            .extract_if(|_, set| now_ms.saturating_sub(set.since_ms) >= WAIT_MS);
        old.filter(|(_, set)| set.waits())
            .filter_map(|(key, set)| set.partial(key))
            .collect()
    }

    /// Texts that wait, and those whose repeats are known.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Lets go of the oldest of this sender, or of all, where there are too many.
    fn make_room(&mut self, now_ms: u64, from: &str) {
        let own = self.sets.keys().filter(|key| key.from == from).count();
        if own < SENDER_SETS_MAX && self.sets.len() < SETS_MAX {
            return;
        }
        let only_own = own >= SENDER_SETS_MAX;
        let may = self.sets.iter().filter(|(key, _)| !only_own || key.from == from);
        // What was handed out goes first, then the oldest.
        let oldest = may.min_by_key(|(_, set)| (set.waits(), set.since_ms.min(now_ms)));
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.sets.remove(&key);
        }
    }
}

impl Set {
    fn waits(&self) -> bool {
        self.parts.iter().any(Option::is_none)
    }

    fn partial(self, key: Key) -> Option<Partial> {
        let first = self.parts.iter().position(Option::is_some)?;
        let number = u8::try_from(first + 1).ok()?;
        Some(Partial {
            join: Join::new(key.reference, key.wide, key.total, number)?,
            from: key.from,
            to: key.to,
            whole: Whole {
                parts: self.parts.into_iter().flatten().collect(),
            },
        })
    }
}

/// Where a part lies among those of its text.
fn place(join: Join) -> usize {
    usize::from(join.number.saturating_sub(1))
}
