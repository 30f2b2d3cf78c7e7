//! What joins the parts of a text: the header in front of user data (3GPP TS 23.040 §9.2.3.24).
//!
//! Elements other than concatenation are passed over, national tables among them. `reassembly` uses what is found.

/// Which part of which text something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Join {
    /// Common to all parts; eight bits of it count unless `wide`.
    pub reference: u16,
    /// Whether the reference came with sixteen bits.
    pub wide: bool,
    /// Parts.
    pub total: u8,
    /// This one, from 1.
    pub number: u8,
}

/// The header says that it is longer than what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user data header does not fit the user data")]
pub struct BadHeader;

/// What the header in front of these octets says, and what follows it.
///
/// # Errors
/// Its lengths are wrong; then nothing can be said of the text.
pub fn split(octets: &[u8]) -> Result<(Option<Join>, &[u8]), BadHeader> {
    let (length, rest) = octets.split_first().ok_or(BadHeader)?;
    let (mut elements, text) = rest.split_at_checked(usize::from(*length)).ok_or(BadHeader)?;
    let mut join = None;
    // §9.2.3.24: of an element that comes twice, the last counts.
    while let [kind, length, after @ ..] = elements {
        let (data, after) = after.split_at_checked(usize::from(*length)).ok_or(BadHeader)?;
        join = concatenation(*kind, data).or(join);
        elements = after;
    }
    Ok((join, text))
}

/// An element of concatenation; one with numbers that cannot be is passed over (§9.2.3.24.1).
fn concatenation(kind: u8, data: &[u8]) -> Option<Join> {
    let (reference, wide, total, number) = match (kind, data) {
        (0x00, [reference, total, number]) => (u16::from(*reference), false, *total, *number),
        (0x08, [high, low, total, number]) => (u16::from_be_bytes([*high, *low]), true, *total, *number),
        _ => return None,
    };
    Join::new(reference, wide, total, number)
}

impl Join {
    /// `None` for numbers that cannot be.
    pub fn new(reference: u16, wide: bool, total: u8, number: u8) -> Option<Join> {
        (number > 0 && number <= total).then_some(Join {
            reference,
            wide,
            total,
            number,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(octets: &[u8], wanted: Result<Option<(u16, u8, u8)>, BadHeader>) {
        let found = split(octets).map(|(join, _)| join.map(|join| (join.reference, join.total, join.number)));
        assert_eq!(found, wanted);
    }

    #[test]
    fn both_references_are_read_among_other_elements() {
        check(&[5, 0, 3, 7, 2, 1, b'a'], Ok(Some((7, 2, 1))));
        check(&[6, 8, 4, 1, 7, 2, 2, b'a'], Ok(Some((0x107, 2, 2))));
        check(&[8, 0x24, 1, 1, 0, 3, 9, 3, 3], Ok(Some((9, 3, 3))));
        check(&[0, b'a'], Ok(None));
        assert_eq!(split(&[3, 0x25, 1, 1, b'o', b'k']).unwrap().1, b"ok");
    }

    #[test]
    fn impossible_numbers_are_passed_over_and_wrong_lengths_refused() {
        check(&[5, 0, 3, 7, 2, 0], Ok(None));
        check(&[5, 0, 3, 7, 2, 3], Ok(None));
        check(&[5, 0, 3, 7, 0, 0], Ok(None));
        check(&[], Err(BadHeader));
        check(&[9, 0, 3, 7, 2, 1], Err(BadHeader));
        check(&[5, 0, 9, 7, 2, 1], Err(BadHeader));
    }
}
