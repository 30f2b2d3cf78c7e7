//! STOP, in every disguise: a word alone, with a few polite words, or a phrase that says it (`sms.md` §5.2).
//!
//! Gets text that is normalised. It must rather find one too many than one too few. Knows no command.

use super::words::normal;

/// Words that mean it alone.
const WORDS: [&str; 13] = [
    "stop",
    "stopall",
    "unsubscribe",
    "cancel",
    "end",
    "quit",
    "revoke",
    "optout",
    "opt-out",
    "remove",
    "arret",
    "arrêt",
    "alto",
];
/// The same of two words.
const PAIRS: [&str; 2] = ["stop all", "opt out"];
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
const FIRST: [&str; 5] = ["stop", "unsubscribe", "revoke", "optout", "stopall"];

/// What stands between words.
const APART: [char; 8] = [' ', ',', '.', ';', ':', '!', '?', '/'];

/// The words of this server.
#[derive(Clone, Debug, Default)]
pub struct Stops {
    further: Vec<String>,
}

impl Stops {
    /// With the operator's own words.
    pub fn new(further: &[String]) -> Stops {
        Stops {
            further: further.iter().map(|word| normal(word)).collect(),
        }
    }

    /// Whether normalised text means STOP; `posts` says whether its sender could mean a post.
    pub fn is_stop(&self, text: &str, posts: bool) -> bool {
        let text = text.replace('’', "'");
        let words: Vec<String> = text.split(APART).map(normal).filter(|word| !word.is_empty()).collect();
        let plain = words.join(" ");
        if PHRASES.contains(&text.as_str()) || PHRASES.contains(&plain.as_str()) {
            return true;
        }
        let Some(first) = words.first() else { return false };
        if !posts && FIRST.contains(&first.as_str()) {
            return true;
        }
        let further = self.further.iter().any(|word| *word == plain || *word == text);
        further
            || self
                .behind(&words)
                .is_some_and(|rest| rest.len() <= 4 && rest.iter().all(|word| POLITE.contains(&word.as_str())))
    }

    /// What comes behind a word that means it.
    fn behind<'w>(&self, words: &'w [String]) -> Option<&'w [String]> {
        let (first, rest) = words.split_first()?;
        if let Some(second) = rest.first()
            && PAIRS.contains(&format!("{first} {second}").as_str())
        {
            return rest.get(1..);
        }
        let known = WORDS.contains(&first.as_str()) || self.further.contains(first);
        known.then_some(rest)
    }
}

/// Whether normalised text begins with a word that means STOP.
pub fn is_started_by_stop(text: &str) -> bool {
    let mut words = text.split(APART).map(normal);
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    FIRST.contains(&first.as_str()) || PAIRS.contains(&format!("{first} {second}").as_str())
}
