//! Commands, carried out in the name of an account, or for a number without one.
//!
//! What is changed of the number is gathered, not committed: it is one commit with the end of the text. Knows no PIN. Next:
//! `account.rs` for the account itself, `posts.rs` for what is said, `answer.rs` for lists and posts that are read.

use super::context::{Caller, Hall};
use super::words;
use crate::config::Zone;
use crate::grammar::{Command, Setting};
use crate::limits::DIALOGUE_MS;
use crate::network::{Action, Refused};
use crate::tables::rows::{Asked, State};
use crate::tables::{Change, Say};
use std::sync::Arc;

/// What is done for a text.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Changes of the number.
    pub changes: Vec<Change>,
    /// What it is told.
    pub say: Vec<Say>,
}

impl Answer {
    /// Words.
    pub fn said(say: Say) -> Answer {
        Answer {
            changes: Vec::new(),
            say: vec![say],
        }
    }

    /// And a change.
    pub fn with(mut self, change: Change) -> Answer {
        self.changes.push(change);
        self
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Person {
    /// The account.
    pub account: Option<Arc<str>>,
    /// The number.
    pub caller: Option<Caller>,
    /// What names the text, if a phone sent it.
    pub heard: Option<u64>,
    /// Whether he is who he says: his account's session, or a route that vouches for senders.
    pub trusted: bool,
}

impl Person {
    /// A phone, and whether the route by which this text came vouches for it.
    pub fn phone(caller: Caller, heard: u64, trusted: bool) -> Person {
        Person {
            account: caller.number.account.clone(),
            caller: Some(caller),
            heard: Some(heard),
            trusted,
        }
    }

    /// An account, with its phone.
    pub fn account(account: Arc<str>, caller: Option<Caller>) -> Person {
        Person {
            account: Some(account),
            caller,
            heard: None,
            trusted: true,
        }
    }

    /// Whether a phone gets posts now.
    fn is_active(&self) -> bool {
        self.caller
            .as_ref()
            .is_some_and(|caller| caller.number.state == State::Active)
    }
}

impl Hall {
    /// Carries out a command.
    pub(super) async fn carry_out(self: &Arc<Hall>, person: &Person, command: Command) -> Answer {
        match command {
            Command::Follow(name) => self.follow(person, &name).await,
            Command::Unfollow(name) => self.unfollow(person, &name).await,
            Command::On(None) => self.turn(person, true),
            Command::Off(None) => self.turn(person, false),
            Command::On(Some(name)) => self.turn_one(person, &name, true).await,
            Command::Off(Some(name)) | Command::Mute(name) => self.turn_one(person, &name, false).await,
            Command::Join(name) => self.join(person, &name),
            Command::Link(_) => {
                Answer::said(self.say("To link this phone, ask for a code in your account: the contact sms there."))
            }
            Command::Unlink => self.unlink(person),
            Command::Password(alone) => self.password(person, alone).await,
            Command::Set(setting) => self.set(person, setting).await,
            Command::Block(name) => self.about(person, &name, |jid| Action::Block { jid }, "Blocked").await,
            Command::Unblock(name) => {
                self.about(person, &name, |jid| Action::Unblock { jid }, "Unblocked")
                    .await
            }
            Command::Report(name) => {
                self.about(person, &name, |jid| Action::Report { jid }, "Reported")
                    .await
            }
            Command::Get(name) => self.latest(person, &name).await,
            Command::Whois(name) => self.whois(&name).await,
            Command::Who => self.who(person).await,
            Command::More(name) => self.more(person, name.as_deref()).await,
            other => self.publish(person, other).await,
        }
    }

    async fn follow(self: &Arc<Hall>, person: &Person, name: &str) -> Answer {
        let Some(jid) = self.parts.network.resolve(name) else {
            return Answer::said(self.say(words::nobody(name)));
        };
        let (settings, author) = (&self.parts.settings, self.parts.network.short(&jid));
        let most = settings.daily_segments;
        if let Some(account) = &person.account {
            if let Err(why) = self.act(account, Action::Follow { jid: jid.clone() }).await {
                return match why {
                    Refused::NotFound => self.no_posts(&jid, name).await,
                    why => self.failed(&author, &why),
                };
            }
            let said = Answer::said(self.say(words::follows(&settings.brand, &author, most)));
            return match self.node(&jid).await {
                Some(node) if person.is_active() => said.with(Change::Get(node, settings.follows)),
                _ => Answer::said(self.say(format!("You follow @{author}."))),
            };
        }
        let Some(node) = self.open_node(&jid).await else {
            return self.no_posts(&jid, name).await;
        };
        if person.is_active() {
            let said = Answer::said(self.say(words::follows(&settings.brand, &author, most)));
            return said.with(Change::Get(node, settings.follows_without_account));
        }
        let asked = Change::Ask(Asked::Follow(jid), self.after(DIALOGUE_MS));
        let mut answer = Answer::said(self.say(words::ask_follow(&settings.brand, &author, most))).with(asked);
        if person
            .caller
            .as_ref()
            .is_some_and(|caller| caller.number.state == State::New)
        {
            answer = answer.with(Change::State(State::Pending));
        }
        answer
    }

    /// Somebody whose posts cannot be had: there are none, or they are not for everybody, which nobody is told.
    async fn no_posts(self: &Arc<Hall>, jid: &str, name: &str) -> Answer {
        let text = match self.node(jid).await {
            Some(_) => words::nobody(name),
            None => words::no_posts(&self.parts.network.short(jid)),
        };
        Answer::said(self.say(text))
    }

    async fn unfollow(self: &Arc<Hall>, person: &Person, name: &str) -> Answer {
        let Some(jid) = self.parts.network.resolve(name) else {
            return Answer::said(self.say(words::nobody(name)));
        };
        let author = self.parts.network.short(&jid);
        if let Some(account) = &person.account
            && let Err(why) = self.act(account, Action::Unfollow { jid: jid.clone() }).await
            && why != Refused::NotFound
        {
            return self.failed(&author, &why);
        }
        let said = Answer::said(self.say(format!("You no longer get @{author}.")));
        match (self.node(&jid).await, &person.caller) {
            (Some(node), Some(_)) => said.with(Change::Unget(node)),
            _ => said,
        }
    }

    /// ON and OFF. What a phone said itself, STOP, only it takes back.
    fn turn(&self, person: &Person, on: bool) -> Answer {
        let Some(caller) = &person.caller else {
            return Answer::said(self.say("No phone is linked."));
        };
        let said = match (caller.number.state, on) {
            (State::Stopped | State::Dormant, _) => return Answer::said(self.say(words::NEEDS_START)),
            (State::New | State::Pending | State::Bad, true) => {
                return Answer::said(self.say(words::hint(&self.parts.settings.brand)));
            }
            (_, true) => "Posts come to your phone again.",
            (_, false) if person.heard.is_some() => words::OFF,
            (_, false) => words::OFF_THERE,
        };
        Answer::said(self.say(said)).with(Change::On(None, on))
    }

    async fn turn_one(self: &Arc<Hall>, person: &Person, name: &str, on: bool) -> Answer {
        let jid = self.parts.network.resolve(name);
        let node = match &jid {
            Some(jid) => self.node(jid).await,
            None => None,
        };
        let (Some(node), Some(_)) = (node, &person.caller) else {
            return Answer::said(self.say(words::nobody(name)));
        };
        let said = match on {
            true => format!("@{name} comes to your phone again."),
            false => format!("@{name} does not come to your phone. ON {name} brings it back."),
        };
        Answer::said(self.say(said)).with(Change::On(Some(node), on))
    }

    async fn set(self: &Arc<Hall>, person: &Person, setting: Setting) -> Answer {
        if setting == Setting::Miswritten {
            return Answer::said(self.say(words::HOW_SET));
        }
        if let Setting::Name(name) = setting {
            let Some(account) = &person.account else {
                return Answer::said(self.say(words::NEEDS_ACCOUNT));
            };
            return match self.act(account, Action::Name { name }).await {
                Ok(()) => Answer::said(self.say("Your name is set.")),
                Err(why) => self.failed("your name", &why),
            };
        }
        let Some(caller) = &person.caller else {
            return Answer::said(self.say("No phone is linked."));
        };
        let change = match setting {
            Setting::Zone(zone) => match Zone::named(&zone) {
                Some(_) => Change::Zone(Some(zone.into())),
                None => return Answer::said(self.say("Zones are named like Europe/Berlin.")),
            },
            Setting::Quiet(hours) => Change::Quiet(Some(hours)),
            Setting::Limit(limit) => Change::Limit(Some(limit)),
            Setting::Messages(on) => Change::Messages(on),
            Setting::Replies(on) => Change::Replies(on),
            Setting::Pin(pin) => Change::Pin(pin.map(|pin| self.pin(&caller.number, &pin))),
            Setting::Name(_) | Setting::Miswritten => return Answer::default(),
        };
        Answer::said(self.say("Set.")).with(change)
    }

    /// Something that an account does about somebody.
    async fn about(
        self: &Arc<Hall>,
        person: &Person,
        name: &str,
        action: impl FnOnce(Arc<str>) -> Action + Send,
        said: &str,
    ) -> Answer {
        let Some(account) = &person.account else {
            return Answer::said(self.say(words::NEEDS_ACCOUNT));
        };
        let Some(jid) = self.parts.network.resolve(name) else {
            return Answer::said(self.say(words::nobody(name)));
        };
        let author = self.parts.network.short(&jid);
        match self.act(account, action(jid)).await {
            Ok(()) => Answer::said(self.say(format!("{said}: @{author}."))),
            Err(why) => self.failed(&author, &why),
        }
    }

    /// What could not be done.
    pub(super) fn failed(&self, about: &str, why: &Refused) -> Answer {
        let text = match why {
            Refused::Busy => words::BUSY.to_owned(),
            Refused::TooFast => words::TOO_MANY.to_owned(),
            why => format!("@{about}: {why}."),
        };
        Answer::said(self.say(text))
    }
}
