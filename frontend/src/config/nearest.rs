//! The nearest known key to a misspelt one.
//!
//! It must not know the configuration: it is given the keys. What comes next: `source` puts it into the error.

/// The candidate with the fewest edits from `key`, counting either whole dotted keys or only their last words (so that
/// `listen` finds `c2s.listen`). Cost: candidates × length², once per start that fails.
pub(super) fn nearest(key: &str, candidates: impl Iterator<Item = String>) -> String {
    let distance = |candidate: &String| {
        let whole = edits(key, candidate);
        let words = edits(last_word(key), last_word(candidate))
            .saturating_mul(2)
            .saturating_add(1);
        (whole.min(words), whole)
    };
    candidates.min_by_key(distance).unwrap_or_default()
}

fn last_word(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        let mut left = i + 1;
        for ((to, diagonal), above) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(from != *to)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        let check = |a, b, expected| assert_eq!(edits(a, b), expected, "{a} {b}");
        check("", "", 0);
        check("abc", "", 3);
        check("", "abc", 3);
        check("kitten", "sitting", 3);
        check("listen", "listne", 2);
    }

    #[test]
    fn misspelt_and_misplaced_keys_are_found() {
        let keys = [
            "domain",
            "data_dir",
            "c2s.listen",
            "c2s.listen_tls",
            "s2s.dialback",
            "limits.stanza_bytes",
        ];
        let check = |key, expected| {
            assert_eq!(
                nearest(key, keys.iter().map(|key| (*key).to_owned())),
                expected,
                "{key}"
            );
        };
        check("domian", "domain");
        check("listen", "c2s.listen");
        check("c2s.lissten", "c2s.listen");
        check("c2s.dialback", "s2s.dialback");
        check("limits.stanza_byte", "limits.stanza_bytes");
    }
}
