//! Parts of texts as they lie in the store until their text was heard, and how they are taken up again.
//!
//! Knows no store and no route's protocol.

use crate::tables::rows::RouteId;
use reef_smpp::text::{Added, Join, Piece, Reassembly, Whole};
use serde::{Deserialize, Serialize};

/// A part as it is kept; the end of a text that was heard has the number 0.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) route: u16,
    from: String,
    to: String,
    join: (u16, bool, u8, u8),
    data_coding: u8,
    octets: Vec<u8>,
}

impl Kept {
    /// A part.
    pub(super) fn of(route: RouteId, piece: &Piece) -> Kept {
        Kept {
            octets: piece.octets.clone(),
            data_coding: piece.data_coding,
            ..Kept::named(route, (&piece.from, &piece.to), piece.join)
        }
    }

    /// Says that a text was heard.
    pub(super) fn end(route: RouteId, between: (&str, &str), join: Join) -> Kept {
        Kept::named(route, between, Join { number: 0, ..join })
    }

    fn named(route: RouteId, (from, to): (&str, &str), join: Join) -> Kept {
        Kept {
            route: route.0,
            from: from.to_owned(),
            to: to.to_owned(),
            join: (join.reference, join.wide, join.total, join.number),
            data_coding: 0,
            octets: Vec::new(),
        }
    }

    /// Does to the parts that wait what it did before the process ended; a text that it makes whole.
    pub(super) fn again(self, parts: &mut Reassembly, now_ms: u64) -> Option<(Piece, Whole)> {
        let (reference, wide, total, number) = self.join;
        if number == 0 {
            let join = Join::new(reference, wide, total, 1)?;
            parts.end(&self.from, &self.to, join);
            return None;
        }
        let piece = Piece {
            from: self.from,
            to: self.to,
            join: Join::new(reference, wide, total, number)?,
            data_coding: self.data_coding,
            octets: self.octets,
        };
        match parts.add(now_ms, piece.clone()) {
            Added::Whole(whole) => Some((piece, whole)),
            Added::Waiting | Added::Repeated | Added::Over | Added::TooLong => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_text_that_was_heard_are_not_taken_up_at_the_next_start() {
        let join = |reference, number| Join::new(reference, false, 3, number).unwrap();
        let part = |reference, number| Piece {
            from: "+12025550101".into(),
            to: "40404".into(),
            join: join(reference, number),
            data_coding: 0,
            octets: vec![b'a'],
        };
        let route = RouteId(1);
        let kept = |reference, number| Kept::of(route, &part(reference, number));
        let end = Kept::end(route, ("+12025550101", "40404"), join(7, 3));
        let mut parts = Reassembly::default();
        // They would be taken for a text whose last part never came, and published as they are. What comes under a
        // reference after its end is another text.
        for kept in [kept(7, 1), kept(8, 1), kept(7, 2), end, kept(7, 3)] {
            assert!(kept.again(&mut parts, 0).is_none());
        }
        let left = parts.expire(reef_smpp::text::reassembly::WAIT_MS);
        let mut left: Vec<_> = left
            .iter()
            .map(|left| (left.join.reference, left.join.number))
            .collect();
        left.sort_unstable();
        assert_eq!(left, [(7, 3), (8, 1)]);
    }
}
