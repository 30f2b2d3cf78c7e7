//! Words as they are compared: no case, no decoration, one space between.
//!
//! Knows no keyword.

use unicode_normalization::UnicodeNormalization;

/// NFKC, without what is not seen, lower case, one space, and without punctuation, quotes and emoji around it.
pub fn normal(text: &str) -> String {
    let seen = text.nfkc().filter(|letter| !is_unseen(*letter));
    let folded: String = seen.flat_map(char::to_lowercase).collect();
    let words: Vec<&str> = folded.split_whitespace().collect();
    words
        .join(" ")
        .trim_matches(|letter: char| !letter.is_alphanumeric())
        .to_owned()
}

/// Zero-width and other marks that a phone adds or a joker.
fn is_unseen(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}' | '\u{fe00}'..='\u{fe0f}' | '\u{e000}'..='\u{f8ff}')
}
