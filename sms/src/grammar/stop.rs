//! STOP, in every disguise: a word alone, with a few polite words, or a phrase that says it (`sms.md` §5.2).
//!
//! Gets text that is normalised. It must rather find one too many than one too few. Knows no command.

use super::words::normal;

/// What means it alone.
const WORDS: [&str; 14] = [
    "stop",
    "stop all",
    "stopall",
    "unsubscribe",
    "cancel",
    "end",
    "quit",
    "revoke",
    "optout",
    "opt out",
    "remove",
    "arret",
    "arrêt",
    "alto",
];
/// What may come behind, up to four of them.
const POLITE: [&str; 11] = [
    "please",
    "it",
    "now",
    "me",
    "all",
    "texts",
    "texting",
    "messages",
    "messaging",
    "sending",
    "this",
];
/// Whole phrases.
const PHRASES: [&str; 12] = [
    "no more texts",
    "no more messages",
    "remove me",
    "leave me alone",
    "do not text",
    "do not text me",
    "don't text",
    "don't text me",
    "dont text me",
    "take me off",
    "wrong number",
    "unsubscribe me",
];
/// With these first, whatever follows, who may not post means it.
const FIRST: [&str; 6] = ["stop", "unsubscribe", "revoke", "optout", "opt out", "stopall"];

/// The words of this server.
#[derive(Clone, Debug, Default)]
pub struct Stops {
    further: Vec<String>,
}

impl Stops {
    /// With the operator's own words.
    pub fn new(further: &[String]) -> Stops {
        let further = further.iter().map(|word| split(&normal(word)).join(" "));
        Stops {
            further: further.filter(|word| !word.is_empty()).collect(),
        }
    }

    /// Whether normalised text means STOP; `posts` says whether its sender could mean a post.
    pub fn is_stop(&self, text: &str, posts: bool) -> bool {
        let words = split(text);
        if PHRASES.contains(&words.join(" ").as_str()) {
            return true;
        }
        if !posts && FIRST.iter().any(|first| behind(&words, first).is_some()) {
            return true;
        }
        self.rest(&words)
            .is_some_and(|rest| rest.len() <= 4 && rest.iter().all(|word| POLITE.contains(&word.as_str())))
    }

    /// Whether normalised text begins with what means STOP.
    pub fn is_begun(&self, text: &str) -> bool {
        self.rest(&split(text)).is_some()
    }

    /// What comes behind the longest that means it.
    fn rest<'w>(&self, words: &'w [String]) -> Option<&'w [String]> {
        let known = WORDS.into_iter().chain(self.further.iter().map(String::as_str));
        known
            .filter_map(|known| behind(words, known))
            .min_by_key(|rest| rest.len())
    }
}

/// What comes behind these words, where they come first.
fn behind<'w>(words: &'w [String], first: &str) -> Option<&'w [String]> {
    first.split(' ').try_fold(words, |words, word| {
        let (head, rest) = words.split_first()?;
        (head == word).then_some(rest)
    })
}

/// The words of normalised text.
fn split(text: &str) -> Vec<String> {
    let text = text.replace('’', "'");
    let words = text.split(is_apart).map(normal);
    words.filter(|word| !word.is_empty()).collect()
}

/// Whether this stands between words: spaces, and whatever people put there instead, dashes of all kinds among it.
fn is_apart(letter: char) -> bool {
    let dash = matches!(
        letter,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{2e3a}' | '\u{2e3b}'
    );
    dash || letter.is_whitespace() || " ,.;:!?/\\|_()[]{}<>*+=~\"“”„«»•·".contains(letter)
}
