//! The texts that the gateway says: each fits one segment where its names are short.
//!
//! Pure: knows no store. Consent and STOP have the words that carriers ask for (`sms.md` §4).

use crate::number::Phone;
use std::sync::Arc;

type Words = Arc<str>;

fn words(text: String) -> Words {
    text.into()
}

pub(super) fn stopped(brand: &str) -> Words {
    words(format!(
        "{brand}: you are unsubscribed, no more texts. START to resume. HELP for help."
    ))
}

pub(super) fn help(brand: &str) -> Words {
    words(format!(
        "{brand}: posts by text. FOLLOW name, UNFOLLOW name, WHO, ON, OFF, MORE, GET name. Msg&data rates may apply. STOP to end."
    ))
}

/// What is asked before the first post: the programme, how often, what it costs, how it ends.
pub(super) fn ask_follow(brand: &str, author: &str, most: u16) -> Words {
    words(format!(
        "{brand}: reply YES to get @{author} by text, up to {most} msgs/day. Msg&data rates may apply. STOP to end, HELP."
    ))
}

pub(super) fn follows(brand: &str, author: &str, most: u16) -> Words {
    words(format!(
        "{brand}: you now get @{author}, up to {most} msgs/day. Msg&data rates may apply. HELP, STOP."
    ))
}

pub(super) fn ask_join(brand: &str, name: &str) -> Words {
    words(format!(
        "{brand}: reply YES to make the account @{name} with this phone. Msg&data rates may apply. STOP to end, HELP."
    ))
}

pub(super) fn taken(name: &str) -> Words {
    words(format!("@{name} is taken. Try another name: JOIN name"))
}

/// With what an account logs in, for once.
pub(super) fn password(account: &str, password: &str, minutes: u64) -> Words {
    words(format!(
        "{password} logs in {account} within {minutes} minutes. Set your own password there. Give this to nobody."
    ))
}

pub(super) fn has_password(name: &str) -> Words {
    words(format!("@{name} has a password. It is changed in your client."))
}

pub(super) fn joined(brand: &str, name: &str) -> Words {
    words(format!(
        "{brand}: welcome @{name}. Any text is a post. FOLLOW name, WHO, OFF, PASSWORD. Msg&data rates may apply. HELP, STOP."
    ))
}

pub(super) fn linked(brand: &str, name: &str) -> Words {
    words(format!(
        "{brand}: this phone is linked with @{name}. Msg&data rates may apply. HELP, STOP to end."
    ))
}

pub(super) fn resumed(brand: &str, most: u16) -> Words {
    words(format!(
        "{brand}: you get texts again, up to {most} msgs/day. Msg&data rates may apply. HELP for help, STOP to end."
    ))
}

pub(super) fn hint(brand: &str) -> Words {
    words(format!(
        "{brand}: FOLLOW name gets somebody's posts by text. HELP for help, STOP to end."
    ))
}

pub(super) fn nobody(name: &str) -> Words {
    // What may be somebody's number is not repeated.
    match Phone::of(name) {
        Some(_) => words("There is no such user. To post this send: POST <text>".into()),
        None => words(format!("No user '{name}'. To post this send: POST <text>")),
    }
}

/// Of somebody who has posted nothing.
pub(super) fn no_posts(name: &str) -> Words {
    words(format!(
        "@{name} has posted nothing yet. FOLLOW {name} when there is something to get."
    ))
}

/// To an account that writes what is no command.
pub(super) const NO_COMMAND: &str = "That is no command here. HELP says what is; POST <text> publishes.";
pub(super) const OFF: &str = "No posts and messages to your phone until you send ON. STOP ends all texts.";
/// The same, to its account: STOP is OFF there.
pub(super) const OFF_THERE: &str =
    "No posts and messages to your phone until you write ON here. STOP, texted by the phone, ends all texts.";
pub(super) const NEEDS_PASSWORD: &str = "Your account has no password of its own yet: text PASSWORD, log in with it and set one. UNLINK then. STOP ends all texts.";
pub(super) const IN_CLIENT: &str = "A password is set and changed in your client.";
pub(super) const NEVER_A_PASSWORD: &str = "Never text a password. PASSWORD alone gets you one for your account.";
pub(super) const NEEDS_START: &str = "This phone gets no texts until it texts START itself.";
pub(super) const UNCLEAR: &str = "Reply STOP to end all texts, or POST <text> to publish.";
pub(super) const BUSY: &str = "That did not work just now. Please try again later.";
pub(super) const HOW_SET: &str = "SET is written so: SET NAME words, TZ Europe/Berlin, QUIET 21-8, LIMIT 1 to 200, DM ON, REPLIES OFF, PIN 4 to 8 digits. POST <text> publishes.";
pub(super) const NEEDS_ACCOUNT: &str = "That needs an account: link this phone in your client, or JOIN name.";
pub(super) const NEEDS_CODE: &str = "Please prove this phone anew: ask for a code in your account.";
pub(super) const NEEDS_LINK: &str = "This number must be proved first: link it in your account by a code (the contact sms there), then FOLLOW there. HELP, STOP.";
pub(super) const NEEDS_PIN: &str = "Begin with your PIN: 1234 your text. It is set in your account.";
pub(super) const WRONG_PIN: &str = "That is not your PIN.";
pub(super) const LOCKED: &str = "Too many wrong PINs: posting from this phone is locked for a day.";
pub(super) const WRONG_CODE: &str = "That code is not right, or too old.";
pub(super) const NO_NAME: &str = "JOIN needs a name of letters and digits that begins with a letter.";
pub(super) const NOTHING_MORE: &str = "There is nothing more.";
pub(super) const TOO_MANY: &str = "That is too many posts for now. Please wait an hour.";
