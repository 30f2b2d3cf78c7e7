//! What a text means: STOP before all else, then HELP, START, an answer to a question, a command, a post.
//!
//! Pure: knows no store and no number. The order is that of `sms.md` §5.2, and strict: the first match wins. A keyword is one
//! with its exact number of words, else the text is a post. Next: `inbound/` does what it means.

mod command;
mod stop;
mod words;

pub use command::{Command, Setting, keywords};
pub use stop::Stops;
pub use words::normal;

/// What is known of who sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// Whether he may post.
    pub posts: bool,
    /// Whether he is asked something that YES answers, or has said STOP.
    pub asked: bool,
    /// Whether a PIN must come first.
    pub pin: bool,
}

/// What a text means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing more.
    Stop,
    /// How this works.
    Help,
    /// Go on.
    Start,
    /// Yes, to what was asked.
    Yes,
    /// Six digits, alone.
    Code(String),
    /// A command, with the PIN that came before it.
    Command(Option<String>, Command),
    /// A post, with the PIN that came before it.
    Post(Option<String>, String),
    /// Begins as STOP does and is none: neither published nor taken for it.
    Unclear,
    /// Nothing.
    Empty,
}

/// What a text means.
pub fn read(text: &str, sender: Sender, stops: &Stops) -> Meaning {
    let plain = normal(text);
    if stops.is_stop(&plain, sender.posts) {
        return Meaning::Stop;
    }
    match plain.as_str() {
        "help" | "info" | "ayuda" | "aide" => return Meaning::Help,
        "" if text.trim().chars().all(|letter| letter == '?') && text.contains('?') => return Meaning::Help,
        "start" | "unstop" => return Meaning::Start,
        "yes" if sender.asked => return Meaning::Yes,
        _ => {}
    }
    let text = text.trim();
    if text.is_empty() {
        return Meaning::Empty;
    }
    if plain.len() == 6 && plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return Meaning::Code(plain);
    }
    let (pin, rest) = match with_pin(text) {
        Some((pin, rest)) if sender.pin => (Some(pin.to_owned()), rest),
        _ => (None, text),
    };
    if pin.is_some() && stops.is_stop(&normal(rest), sender.posts) {
        return Meaning::Stop;
    }
    match command::read(rest) {
        Some(command) => Meaning::Command(pin, command),
        None if sender.posts && stops.is_begun(&normal(rest)) => Meaning::Unclear,
        None => Meaning::Post(pin, rest.to_owned()),
    }
}

/// 4 to 8 digits, and what comes behind them.
fn with_pin(text: &str) -> Option<(&str, &str)> {
    let (pin, rest) = text.split_once(char::is_whitespace)?;
    let digits = (4..=8).contains(&pin.len()) && pin.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !rest.trim().is_empty()).then(|| (pin, rest.trim()))
}

#[cfg(test)]
mod tests;
