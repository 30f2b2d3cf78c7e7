//! Commands: a keyword with the exact number of words behind it.
//!
//! "On my way home" and "Get well soon" are posts. Knows no account: whether there is such a user is seen later.

use super::words::normal;
use crate::config::Hours;
use crate::number::Phone;

/// A command. Users are as they were typed, without the `@` before them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// An account of this name.
    Join(String),
    /// Somebody's posts, also on the phone.
    Follow(String),
    /// No longer.
    Unfollow(String),
    /// On the phone, of one or of all.
    On(Option<String>),
    /// Not on the phone.
    Off(Option<String>),
    /// The latest post.
    Get(String),
    /// Who somebody is.
    Whois(String),
    /// Whose posts come.
    Who,
    /// A direct message.
    Message(String, String),
    /// Repeat somebody's last post.
    Repeat(String),
    /// Like it.
    Like(String),
    /// Answer the last post that came.
    Reply(String),
    /// Block somebody.
    Block(String),
    /// No longer.
    Unblock(String),
    /// Tell the operator.
    Report(String),
    /// Nothing of his on the phone.
    Mute(String),
    /// What was held back.
    More(Option<String>),
    /// Take back the last post.
    Delete,
    /// A setting.
    Set(Setting),
    /// Whose phone this is to be.
    Link(String),
    /// Nobody's any more.
    Unlink,
    /// A password for its account; nobody texts his own, which this is where it is false.
    Password(bool),
    /// A post, whatever its words.
    Post(String),
}

/// A setting of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// What others see.
    Name(String),
    /// The time zone.
    Zone(String),
    /// When to be left alone.
    Quiet(Hours),
    /// Segments a day.
    Limit(u16),
    /// Direct messages.
    Messages(bool),
    /// Posts that answer others.
    Replies(bool),
    /// A PIN before what is posted, or none.
    Pin(Option<String>),
    /// One that is known, and written as it cannot be.
    Miswritten,
}

/// Every keyword: none of them may be an account's name.
pub fn keywords() -> impl Iterator<Item = &'static str> {
    const KEYWORDS: &str = "stop stopall unsubscribe cancel end quit revoke optout remove arret alto help info ayuda \
        aide start unstop yes join follow f sub unfollow leave l unsub on off get g last whois w stats who d dm m rt \
        boost fav like reply r block unblock report mute more del set link unlink password post";
    KEYWORDS.split_ascii_whitespace()
}

/// The command that a text is.
pub(super) fn read(text: &str) -> Option<Command> {
    let text = text.trim();
    let (typed, rest) = match text.split_once(char::is_whitespace) {
        Some((keyword, rest)) => (keyword, rest.trim()),
        None => (text, ""),
    };
    let keyword = typed.to_ascii_lowercase();
    if let Some(command) = alone(&keyword, rest) {
        return Some(command);
    }
    if let Some(command) = with_user(&keyword, rest) {
        return Some(command);
    }
    match keyword.as_str() {
        "d" | "dm" | "m" => {
            let (to, words) = rest.split_once(char::is_whitespace)?;
            Some(Command::Message(user(to)?, words.trim().to_owned()))
        }
        "reply" | "r" if !rest.is_empty() => Some(Command::Reply(rest.to_owned())),
        "post" if !rest.is_empty() => Some(Command::Post(rest.to_owned())),
        "password" if !rest.contains(char::is_whitespace) => Some(Command::Password(false)),
        "set" => {
            let miswritten = || (is_setting(rest) || is_meant(typed, rest)).then_some(Setting::Miswritten);
            setting(rest).or_else(miswritten).map(Command::Set)
        }
        _ => None,
    }
}

/// Commands of one word.
fn alone(keyword: &str, rest: &str) -> Option<Command> {
    if !rest.is_empty() {
        return None;
    }
    match keyword {
        "on" => Some(Command::On(None)),
        "off" => Some(Command::Off(None)),
        "who" => Some(Command::Who),
        "more" => Some(Command::More(None)),
        "del" => Some(Command::Delete),
        "unlink" => Some(Command::Unlink),
        "password" => Some(Command::Password(true)),
        _ => None,
    }
}

/// Commands with a user.
fn with_user(keyword: &str, rest: &str) -> Option<Command> {
    let command: fn(String) -> Command = match keyword {
        "join" => Command::Join,
        "follow" | "f" | "sub" => Command::Follow,
        "unfollow" | "leave" | "l" | "unsub" => Command::Unfollow,
        "on" => |user| Command::On(Some(user)),
        "off" => |user| Command::Off(Some(user)),
        "get" | "g" | "last" => Command::Get,
        "whois" | "w" => Command::Whois,
        "rt" | "boost" => Command::Repeat,
        "fav" | "like" => Command::Like,
        "block" => Command::Block,
        "unblock" => Command::Unblock,
        "report" => Command::Report,
        "mute" => Command::Mute,
        "more" => |user| Command::More(Some(user)),
        "link" => Command::Link,
        _ => return None,
    };
    user(rest).map(command)
}

/// `[@]name[@host]`, one word; or somebody's number, which is nobody's name and must not be published either.
fn user(text: &str) -> Option<String> {
    name(text).or_else(|| number(text))
}

/// A number as people write it, which no name is: digits behind `+`.
fn number(text: &str) -> Option<String> {
    let begun = text.starts_with(['+', '0', '(']);
    let put_between = |letter: char| letter.is_ascii_digit() || "+()/-. ".contains(letter);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let phone = Phone::of(&digits).filter(|_| begun && text.chars().all(put_between))?;
    Some(phone.e164().to_owned())
}

fn name(word: &str) -> Option<String> {
    let word = word.strip_prefix('@').unwrap_or(word).to_ascii_lowercase();
    let (name, host) = word.split_once('@').unwrap_or((&word, "here"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let fits = (1..=20).contains(&name.len()) && (1..=100).contains(&host.len());
    (fits && name.bytes().all(plain) && host.bytes().all(plain)).then_some(word)
}

/// Whether this begins with what can be set, or is to be once.
fn is_setting(rest: &str) -> bool {
    const SETTINGS: [&str; 10] = [
        "name", "bio", "location", "lang", "tz", "quiet", "limit", "dm", "replies", "pin",
    ];
    let what = rest.split_whitespace().next().map(normal);
    what.is_some_and(|what| SETTINGS.contains(&what.as_str()))
}

/// Whether SET is meant for the keyword though no setting is behind it: in capitals, as help writes it, and few words.
fn is_meant(typed: &str, rest: &str) -> bool {
    typed == "SET" && rest.split_whitespace().count() <= 2
}

fn setting(rest: &str) -> Option<Setting> {
    let (what, value) = rest.split_once(char::is_whitespace)?;
    let value = value.trim();
    let on = match value.to_ascii_lowercase().as_str() {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    };
    match what.to_ascii_lowercase().as_str() {
        "name" => (value.chars().count() <= 60).then(|| Setting::Name(value.to_owned())),
        "tz" => Some(Setting::Zone(value.to_owned())),
        "quiet" => value.parse().ok().map(Setting::Quiet),
        "limit" => value
            .parse()
            .ok()
            .filter(|limit| (1..=200).contains(limit))
            .map(Setting::Limit),
        "dm" => on.map(Setting::Messages),
        "replies" => on.map(Setting::Replies),
        "pin" if on == Some(false) => Some(Setting::Pin(None)),
        "pin" => {
            let digits = (4..=8).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| Setting::Pin(Some(value.to_owned())))
        }
        _ => None,
    }
}
