//! Exact accounting: each post carries a number, and each follower must see each number once and in order.
//!
//! Knows no XML: it looks for the run's mark in the bytes as they come, also across reads.

use memchr::memmem::Finder;
use std::sync::atomic::{AtomicU64, Ordering};

/// What went wrong, over all followers.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) doubled: AtomicU64,
    pub(crate) out_of_order: AtomicU64,
}

/// One follower's view.
pub(crate) struct Counter {
    mark: Finder<'static>,
    /// The end of the last read, where a mark may have begun.
    rest: Vec<u8>,
    next: u64,
}

/// Digits of a number: fixed, so that an end is seen.
pub(crate) const DIGITS: usize = 8;

impl Counter {
    /// Counts what carries `mark`, from number 0 on.
    pub(crate) fn new(mark: &str) -> Counter {
        Counter {
            mark: Finder::new(mark.as_bytes()).into_owned(),
            rest: Vec::new(),
            next: 0,
        }
    }

    /// Looks at bytes; calls `seen` for each number that is new.
    pub(crate) fn feed(&mut self, bytes: &[u8], faults: &Faults, mut seen: impl FnMut(u64)) {
        let mut buffer = std::mem::take(&mut self.rest);
        buffer.extend_from_slice(bytes);
        let length = self.mark.needle().len();
        let mut at = 0;
        while let Some(found) = self.mark.find(buffer.get(at..).unwrap_or_default()) {
            let start = at + found + length;
            let Some(digits) = buffer.get(start..start + DIGITS) else {
                break;
            };
            at = start;
            let number = std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| digits.parse::<u64>().ok());
            if let Some(number) = number {
                self.number(number, faults, &mut seen);
            }
        }
        let keep = (length + DIGITS).min(buffer.len() - at);
        self.rest = buffer.split_off(buffer.len() - keep);
    }

    fn number(&mut self, number: u64, faults: &Faults, seen: &mut impl FnMut(u64)) {
        if number < self.next {
            faults.doubled.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if number > self.next {
            faults.out_of_order.fetch_add(1, Ordering::Relaxed);
        }
        self.next = number + 1;
        seen(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_across_reads_and_faults_are_counted() {
        let text = b"<item id='lt00000000'/><item id='lt00000001'/><item id='lt00000001'/><item id='lt00000003'/>";
        for size in 1..text.len() {
            let (faults, mut counter, mut seen) = (Faults::default(), Counter::new("lt"), Vec::new());
            text.chunks(size)
                .for_each(|chunk| counter.feed(chunk, &faults, |n| seen.push(n)));
            assert_eq!(seen, [0, 1, 3], "chunks of {size}");
            assert_eq!(
                (faults.doubled.into_inner(), faults.out_of_order.into_inner()),
                (1, 1),
                "chunks of {size}"
            );
        }
    }
}
