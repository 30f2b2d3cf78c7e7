//! The run's mark: item ids that say which author's which post it is and when it was sent, found again in raw bytes.
//!
//! An id is `lt` + 8 hex digits of the run + `-author(6)-number(8)-microseconds(11)`. A sighting counts only as the `id`
//! of an `<item>`: links in a payload may repeat it, and servers announce retracted ids. Knows no expectation; `crowd`'s
//! ledger judges what is seen.

use memchr::memmem::Finder;
use memchr::memrchr2;

/// A post seen on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// Which author, counted from 0.
    pub(crate) author: u32,
    /// Which of the author's posts, counted from 0.
    pub(crate) number: u32,
    /// When it was sent, in microseconds of the run's clock.
    pub(crate) sent_us: u64,
}

/// Makes and finds a run's item ids.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    text: String,
    finder: Finder<'static>,
}

/// Bytes behind the mark: author, number, time, and what separates them.
const BEHIND: usize = 6 + 1 + 8 + 1 + 11;
/// An unfinished tag longer than this is not one of ours and is not kept for the next read.
const CARRY_MAX: usize = 16 << 10;

impl Mark {
    /// The mark of a run with this text, e.g. `lt00c0ffee-`.
    pub(crate) fn new(text: &str) -> Mark {
        Mark {
            text: text.to_owned(),
            finder: Finder::new(text.as_bytes()).into_owned(),
        }
    }

    /// A mark that no other run has.
    pub(crate) fn fresh() -> anyhow::Result<Mark> {
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        Ok(Mark::new(&format!("lt{:08x}-", u32::from_be_bytes(random))))
    }

    /// The mark's text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The item id of a post.
    pub(crate) fn id(&self, author: u32, number: u32, sent_us: u64) -> String {
        format!("{}{author:06}-{number:08}-{sent_us:011}", self.text)
    }

    /// Looks at the bytes of a read; `carry` keeps a tag that the read cut, empty nearly always. Copies nothing then.
    pub(crate) fn feed(&self, carry: &mut Vec<u8>, bytes: &[u8], seen: &mut impl FnMut(Sighting)) {
        if carry.is_empty() {
            let rest = self.scan(bytes, seen);
            carry.extend_from_slice(rest);
        } else {
            let mut joined = std::mem::take(carry);
            joined.extend_from_slice(bytes);
            let rest = self.scan(&joined, seen).to_vec();
            *carry = rest;
        }
        if carry.len() > CARRY_MAX || carry.is_empty() {
            *carry = Vec::new();
        }
    }

    /// Finds what is whole in the bytes; the unfinished tag at their end.
    pub(crate) fn scan<'b>(&self, bytes: &'b [u8], seen: &mut impl FnMut(Sighting)) -> &'b [u8] {
        let unfinished = match memrchr2(b'<', b'>', bytes) {
            Some(at) if bytes.get(at) == Some(&b'<') => at,
            _ => bytes.len(),
        };
        let (whole, rest) = bytes.split_at(unfinished);
        for at in self.finder.find_iter(whole) {
            if in_item_tag(whole.get(..at).unwrap_or_default()) {
                let behind = whole.get(at + self.text.len()..).unwrap_or_default();
                if let Some(sighting) = parse(behind) {
                    seen(sighting);
                }
            }
        }
        rest
    }
}

/// Whether what stands before a mark is `<item … id='`.
fn in_item_tag(before: &[u8]) -> bool {
    if !(before.ends_with(b" id='") || before.ends_with(b" id=\"")) {
        return false;
    }
    match memrchr2(b'<', b'>', before) {
        Some(at) => before.get(at..).is_some_and(|tag| tag.starts_with(b"<item ")),
        None => false,
    }
}

fn parse(behind: &[u8]) -> Option<Sighting> {
    let fields = behind.get(..BEHIND)?;
    Some(Sighting {
        author: u32::try_from(number(fields.get(..6)?)?).ok()?,
        number: u32::try_from(number(fields.get(7..15)?)?).ok()?,
        sent_us: number(fields.get(16..27)?)?,
    })
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |sum: u64, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posts_are_found_across_reads_and_only_as_ids_of_items() {
        let mark = Mark::new("ltfeedbeef-");
        let (a, b) = (mark.id(3, 7, 99), mark.id(12, 8, 12_345_678_901));
        let text = format!(
            "<message><event><items node='n'><item publisher='p' id='{a}'><entry><link href='xmpp:x?;item={a}'/>\
             <id>{a}</id></entry></item></items></event></message><message><items><retract id='{a}'/></items></message>\
             <message><items><item id=\"{b}\"/></items></message>"
        );
        let expected = [(3, 7, 99), (12, 8, 12_345_678_901)];
        for size in 1..=text.len() {
            let (mut carry, mut seen) = (Vec::new(), Vec::new());
            for chunk in text.as_bytes().chunks(size) {
                mark.feed(&mut carry, chunk, &mut |s| seen.push((s.author, s.number, s.sent_us)));
            }
            assert_eq!(seen, expected, "chunks of {size}");
            assert!(carry.is_empty());
        }
    }
}
