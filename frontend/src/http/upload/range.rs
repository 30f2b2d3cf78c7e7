//! Which part of a file is asked for: one range (RFC 9110 §14); of several, or of none that can be read, all of it.
//!
//! Knows numbers alone.

use std::ops::Range;

/// What is asked for of so many bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All.
    Whole,
    /// A part.
    Of(Range<u64>),
    /// Nothing that is there.
    Beyond,
}

/// Reads `Range`.
pub(super) fn part(asked: Option<&str>, bytes: u64) -> Part {
    let numbers = asked.and_then(|asked| asked.trim().strip_prefix("bytes="));
    let Some((first, last)) = numbers.and_then(|numbers| numbers.trim().split_once('-')) else {
        return Part::Whole;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // What is too large to be read is beyond all that is there.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let range = match (first, last, number(first), number(last)) {
        ("", _, _, Some(suffix)) => bytes.saturating_sub(suffix)..bytes,
        (_, "", Some(first), _) => first..bytes,
        (_, _, Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(bytes),
        _ => return Part::Whole,
    };
    match range.start < range.end {
        true => Part::Of(range),
        false => Part::Beyond,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_understood_and_all_else_is_the_whole() {
        let check = |asked: &str, expected| assert_eq!(part(Some(asked), 10), expected, "{asked}");
        check("bytes=0-", Part::Of(0..10));
        check("bytes=2-4", Part::Of(2..5));
        check("bytes=9-9", Part::Of(9..10));
        check("bytes=5-99", Part::Of(5..10));
        check("bytes=-3", Part::Of(7..10));
        check("bytes=-99", Part::Of(0..10));
        check("bytes=5-99999999999999999999999", Part::Of(5..10));
        for beyond in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"] {
            check(beyond, Part::Beyond);
        }
        for whole in [
            "bytes=4-2",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=+1-2",
            "",
        ] {
            check(whole, Part::Whole);
        }
        assert_eq!(part(None, 10), Part::Whole);
    }
}
