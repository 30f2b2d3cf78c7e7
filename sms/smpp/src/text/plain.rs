//! A text made fit for a phone: one line break where there were blank lines, no control characters, and plain signs for
//! typographic ones, which alone would take it out of the GSM alphabet.
//!
//! Knows no length; `fit` comes next.

/// The text made plain.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for line in text.split(['\n', '\r', '\u{2028}', '\u{2029}', '\u{b}', '\u{c}', '\u{85}']) {
        let before = plain.len();
        if before > 0 {
            plain.push('\n');
        }
        let begin = plain.len();
        for character in line.chars() {
            signs(character, &mut plain);
        }
        let end = plain.trim_end_matches(' ').len();
        plain.truncate(end.max(begin));
        if plain.get(begin..).is_none_or(|line| line.trim().is_empty()) {
            plain.truncate(before);
        }
    }
    plain.trim().to_owned()
}

/// What stands for a character.
fn signs(character: char, plain: &mut String) {
    match character {
        '\t' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => plain.push(' '),
        '`' | '´' | '‘'..='‛' | '‹' | '›' | '′' => plain.push('\''),
        '“'..='‟' | '«' | '»' | '″' => plain.push('"'),
        '‐'..='―' | '−' => plain.push('-'),
        '…' => plain.push_str("..."),
        '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => {}
        // What turns the direction of all that follows; the marks inside emoji and scripts stay.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
        other if other.is_control() => {}
        other => plain.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, wanted: &str) {
        assert_eq!(plain(text), wanted);
        assert_eq!(plain(wanted), wanted, "once is enough");
    }

    #[test]
    fn blank_lines_and_what_controls_a_terminal_are_gone() {
        check("one\r\n\r\n \t\n\ntwo\n", "one\ntwo");
        check("\u{1b}[31mred\u{7}\0", "[31mred");
        check("a\u{202e}b\u{feff}c", "abc");
        check("  \n \r\n", "");
        check(" end  \n  begin", "end\n  begin");
    }

    #[test]
    fn typographic_signs_become_those_of_the_gsm_alphabet() {
        check("“It’s” – she said… `x`\tand\u{a0}y", "\"It's\" - she said... 'x' and y");
        check("«a» ‹b› 1−2 5′ 6″", "\"a\" 'b' 1-2 5' 6\"");
    }

    #[test]
    fn what_joins_emoji_stays() {
        check("👩‍🚀 ❤️ ж", "👩‍🚀 ❤️ ж");
    }
}
