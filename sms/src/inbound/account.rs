//! The account of a phone: made by JOIN, given a password for once by PASSWORD, left by UNLINK.
//!
//! No password is ever taken by text message, and the one that is given passes: an account that has chosen its own gets no
//! other. Knows no PIN. Next: the social network, which makes accounts.

use super::act::{Answer, Person};
use super::context::{Caller, Hall};
use super::words;
use crate::grammar::keywords;
use crate::limits::{DIALOGUE_MS, JOIN_NAME_MAX, PASSWORD_GROUPS, PASSWORD_MS};
use crate::network::{Action, Password, Refused};
use crate::tables::Change;
use crate::tables::rows::{Asked, NumberId, State};
use reef_engine::clock::random;
use reef_engine::error::Error;
use std::sync::Arc;

/// What is not mistaken for another letter, on whatever phone.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

impl Hall {
    pub(super) fn join(&self, person: &Person, name: &str) -> Answer {
        let Some(caller) = person.caller.as_ref().filter(|_| person.heard.is_some()) else {
            return Answer::said(self.say("You have an account already."));
        };
        if caller.number.account.is_some() {
            return Answer::said(self.say("This phone has an account already."));
        }
        let network = &self.parts.network;
        if !person.trusted || !network.is_open() {
            return Answer::said(self.say("Accounts are not made by text message here."));
        }
        if !is_name(name) {
            return Answer::said(self.say(words::NO_NAME));
        }
        let reserved = network.is_reserved(name) || keywords().any(|keyword| keyword == name);
        // One that was made for this phone, and not linked since the machine stopped between, is not somebody else's.
        let of_others =
            network.resolve(name).is_some() && network.maker(&self.account_of(name)) != Ok(Some(maker(caller.id)));
        if reserved || of_others {
            return Answer::said(self.say(words::taken(name)));
        }
        let asked = Change::Ask(Asked::Join(name.into()), self.after(DIALOGUE_MS));
        Answer::said(self.say(words::ask_join(&self.parts.settings.brand, name))).with(asked)
    }

    /// Makes the account of a name for a phone: who asks again finds it made.
    pub(super) async fn make_account(self: &Arc<Hall>, name: &str, caller: &Caller) -> Result<Arc<str>, Refused> {
        let account = self.account_of(name);
        let maker = maker(caller.id);
        self.act(&account, Action::Join { maker }).await?;
        Ok(account)
    }

    fn account_of(&self, name: &str) -> Arc<str> {
        format!("{name}@{}", self.domain).into()
    }

    /// A password with which a phone's account logs in elsewhere, for once.
    pub(super) async fn password(self: &Arc<Hall>, person: &Person, alone: bool) -> Answer {
        if !alone {
            return Answer::said(self.say(words::NEVER_A_PASSWORD));
        }
        let Some(account) = &person.account else {
            return Answer::said(self.say(words::NEEDS_ACCOUNT));
        };
        let name = self.parts.network.short(account);
        let Some(caller) = person.caller.as_ref().filter(|_| person.heard.is_some()) else {
            return Answer::said(self.say(words::IN_CLIENT));
        };
        // Whoever has that number now may be somebody else.
        let doubted = caller.number.doubted || caller.number.state == State::Dormant;
        if !person.trusted || doubted {
            return Answer::said(self.say(words::NEEDS_CODE));
        }
        if self.may_unlink(account) {
            return Answer::said(self.say(words::has_password(&name)));
        }
        let Ok(password) = fresh() else {
            return Answer::said(self.say(words::BUSY));
        };
        let given = Action::Password {
            password: Password(password.clone()),
            until: self.after(PASSWORD_MS),
        };
        match self.act(account, given).await {
            Ok(()) => {
                let said = words::password(account, &password, PASSWORD_MS / 60_000);
                let mut say = self.say(said);
                say.expires = say.expires.min(self.after(PASSWORD_MS));
                Answer::said(say)
            }
            Err(Refused::Taken) => Answer::said(self.say(words::has_password(&name))),
            Err(why) => self.failed(&name, &why),
        }
    }

    /// Leaves an account that can be reached without this phone.
    pub(super) fn unlink(&self, person: &Person) -> Answer {
        match person
            .caller
            .as_ref()
            .and_then(|caller| caller.number.account.as_deref())
        {
            Some(account) if !self.may_unlink(account) => Answer::said(self.say(words::NEEDS_PASSWORD)),
            Some(_) => Answer::said(self.say("This phone is linked no longer.")).with(Change::Account(None)),
            None => Answer::said(self.say("No phone is linked.")),
        }
    }

    /// Whether an account can be reached without its phone. One that cannot be read now may have to be.
    pub(crate) fn may_unlink(&self, account: &str) -> bool {
        matches!(self.parts.network.maker(account), Ok(None) | Err(Refused::NotFound))
    }
}

/// For whom an account is made, as the social network keeps it.
fn maker(id: NumberId) -> u64 {
    id.0.into()
}

/// A password that nobody can guess: groups of four letters, five bits each.
fn fresh() -> Result<String, Error> {
    let bytes: [u8; 4 * PASSWORD_GROUPS] = random()?;
    let letters = bytes.map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
    let groups: Vec<String> = letters.chunks(4).map(String::from_iter).collect();
    Ok(groups.join("-"))
}

/// Whether an account that is made by text message may be called so: never what may be a number, nor a host.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    begins && name.len() <= JOIN_NAME_MAX && name.bytes().all(plain)
}
