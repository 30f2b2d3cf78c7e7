//! The nearest known key to a misspelt one.
//!
//! It must not know the configuration: it is given the keys. What comes next: `source` puts it into the error.

use strsim::levenshtein;

/// The candidate with the fewest edits from `key`, counting either whole dotted keys or only their last words (so that
/// `listen` finds `c2s.listen`). Cost: candidates × length², once per start that fails.
pub(super) fn nearest(key: &str, candidates: impl Iterator<Item = String>) -> String {
    let distance = |candidate: &String| {
        let whole = levenshtein(key, candidate);
        let words = levenshtein(last_word(key), last_word(candidate))
            .saturating_mul(2)
            .saturating_add(1);
        (whole.min(words), whole)
    };
    candidates.min_by_key(distance).unwrap_or_default()
}

fn last_word(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

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
