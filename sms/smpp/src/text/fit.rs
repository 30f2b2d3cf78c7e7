//! A text cut to so many segments, with something behind it that says where the rest is.
//!
//! Knows no link and no route: both are given. What comes next: `parts`.

use super::parts::Form;
use super::plain::plain;
use super::size::{Alphabet, size_in};
use unicode_segmentation::UnicodeSegmentation;

/// Segments that emoji may add.
const EMOJI_SEGMENTS: usize = 1;

/// The text if it fits so many segments, else as much of it as fits with `tail`, cut between what readers see as characters.
///
/// Emoji are taken out where they alone make it dearer by more than one segment. A tail that does not fit either is left
/// out. Cost: a pass for each bit of the length.
pub fn fit(text: &str, tail: &str, segments: usize, form: Form) -> String {
    let text = affordable(text, form);
    let fits = |text: &str| size_in(text, form).segments <= segments;
    if fits(&text) {
        return text;
    }
    let tail = behind(tail);
    let tail = if fits(&tail) { tail.as_str() } else { "" };
    let ends: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
    let cut = |end: usize| text.get(..end).unwrap_or_default().trim_end();
    // Behind what fits, nothing does; one sign more or less where clusters of several characters fall on a bound.
    let fitting = ends.partition_point(|end| fits(&[cut(*end), tail].concat()));
    let end = fitting.checked_sub(1).and_then(|last| ends.get(last));
    [cut(end.copied().unwrap_or_default()), tail].concat()
}

/// The tail in plain signs, with the space in front that it came with.
fn behind(tail: &str) -> String {
    let space = if tail.starts_with(' ') { " " } else { "" };
    [space, &plain(tail)].concat()
}

/// The text, or the text without emoji where those cost more than they may.
fn affordable(text: &str, form: Form) -> String {
    let whole = size_in(text, form);
    if whole.alphabet == Alphabet::Ucs2 && whole.segments > 1 + EMOJI_SEGMENTS {
        let stripped = without_emoji(text);
        let size = size_in(&stripped, form);
        if size.alphabet == Alphabet::Gsm7 && whole.segments > size.segments + EMOJI_SEGMENTS {
            return stripped;
        }
    }
    text.to_owned()
}

/// The text without emoji, nor the spaces in front of them.
pub fn without_emoji(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for cluster in text.graphemes(true) {
        if cluster.chars().any(is_emoji) {
            let end = kept.trim_end_matches(' ').len();
            kept.truncate(end);
        } else {
            kept.push_str(cluster);
        }
    }
    kept.trim_start().to_owned()
}

/// Whether a character is drawn as a picture, or makes the one before it one.
fn is_emoji(character: char) -> bool {
    matches!(character,
        '\u{200d}' | '\u{20e3}' | '\u{fe0f}' | '\u{203c}' | '\u{2049}' | '\u{2139}'
        | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{25a0}'..='\u{27bf}'
        | '\u{2900}'..='\u{297f}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}' | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::size;

    const TAIL: &str = " … https://reef.test/u/alice/1";

    #[test]
    fn a_text_that_fits_is_left_alone() {
        assert_eq!(fit("Hello 😀", TAIL, 1, Form::default()), "Hello 😀");
        assert_eq!(fit(&"a".repeat(160), TAIL, 1, Form::default()), "a".repeat(160));
    }

    #[test]
    fn a_long_text_is_cut_to_its_segments_and_ends_with_the_link() {
        let fitted = fit(&"word ".repeat(200), TAIL, 2, Form::default());
        assert!(fitted.ends_with("word ... https://reef.test/u/alice/1"), "{fitted}");
        assert_eq!(size(&fitted).segments, 2);
        assert!(size(&format!("word {fitted}")).segments > 2, "no more would fit");
        let fitted = fit(&"👩‍🚀ж".repeat(50), TAIL, 1, Form::default());
        assert!(fitted.starts_with("👩‍🚀ж") && size(&fitted).segments == 1, "{fitted}");
    }

    #[test]
    fn emoji_go_where_they_alone_cost_two_segments_more() {
        let text = format!("{} 😀", "a".repeat(150));
        assert_eq!(fit(&text, TAIL, 4, Form::default()), "a".repeat(150));
        let text = format!("{} 😀", "a".repeat(100));
        assert_eq!(
            fit(&text, TAIL, 4, Form::default()),
            text,
            "one segment more is paid for"
        );
        let text = format!("{} 😀", "ж".repeat(150));
        assert_eq!(fit(&text, TAIL, 4, Form::default()), text, "it would not help");
        assert_eq!(without_emoji("👍🏽 yes 1️⃣ 🇩🇪 ok"), "yes ok");
    }

    #[test]
    fn a_tail_that_does_not_fit_is_left_out() {
        let fitted = fit(&"a".repeat(300), &"t".repeat(200), 1, Form::default());
        assert_eq!(fitted, "a".repeat(160));
    }
}
