//! A text of a number, understood with what is known of it: what is done, and what it is told.
//!
//! Knows no protocol. Whatever is changed of the number is one commit with the end of the text. Next: `act.rs` for commands.

use super::act::{Answer, Person};
use super::context::{Caller, Hall};
use super::hear::{meaning, sender};
use super::words;
use crate::grammar::{Command, Meaning};
use crate::limits::{DAY_MS, DIALOGUE_MS, HELPS_PER_DAY, PIN_TRIES};
use crate::network::Refused;
use crate::tables::rows::{Asked, Class, NumberId, RouteId, State};
use crate::tables::{BY_PHONE, Change, Do, Op, Outcome, Say};
use reef_engine::error::{Error, StoreError};
use std::sync::Arc;

/// A text, as it came: this one, whatever is known of its number otherwise.
#[derive(Clone, Copy, Debug)]
struct Came {
    /// What names it.
    heard: u64,
    /// Whether its route vouches for its sender.
    trusted: bool,
}

impl Hall {
    /// Answers what a number said.
    pub(super) async fn answer(self: &Arc<Hall>, id: NumberId, heard: u64, route: RouteId, text: &str) {
        let asker = self
            .insist(|hall| async move { hall.read(move |hall, _| hall.asker_now(id)).await })
            .await;
        let (caller, asked) = match asker {
            Ok(Some(asker)) => asker,
            // It was forgotten, and what it said with it.
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "what a phone said is answered after the next start: the store cannot be read now");
                return;
            }
        };
        let came = Came {
            heard,
            trusted: self.trusts(route),
        };
        let answer = self.understood(&caller, asked, came, text).await;
        if let Err(error) = self.finish(&caller, heard, answer).await {
            tracing::warn!(%error, "what a phone said is answered after the next start: the answer cannot be kept now");
        }
    }

    /// A number, and what it is being asked.
    fn asker_now(&self, id: NumberId) -> Result<Option<(Caller, Option<Asked>)>, StoreError> {
        let Some(caller) = self.caller_now(id)? else {
            return Ok(None);
        };
        let now = self.now();
        let dialogue = self.parts.rows().dialogue(id)?;
        let asked = dialogue.filter(|dialogue| dialogue.until > now);
        Ok(Some((caller, asked.map(|dialogue| dialogue.asked))))
    }

    async fn finish(self: &Arc<Hall>, caller: &Caller, heard: u64, answer: Answer) -> Result<(), Error> {
        let mut op = Do {
            number: caller.id,
            epoch: Some(caller.number.epoch),
            heard: Some(heard),
            changes: answer.changes,
            say: answer.say,
            by: BY_PHONE.into(),
        };
        let mut done = self.kept(&op).await;
        if let Err(Error::Rejected(reject)) = &done {
            // Its changes cannot be: it is told, and answered all the same.
            (op.changes, op.say) = (Vec::new(), vec![self.say(refused(reject))]);
            done = self.kept(&op).await;
        }
        let outcome = done?;
        if outcome.epoch != caller.number.epoch {
            self.parts.voids.set(caller.id, outcome.epoch, self.now());
        }
        (self.wake)();
        Ok(())
    }

    async fn kept(self: &Arc<Hall>, op: &Do) -> Result<Outcome, Error> {
        self.insist(|hall| {
            let op = Op::Do(op.clone());
            async move { hall.commit(op).await }
        })
        .await
    }

    /// An answer of one text.
    pub(super) fn say(&self, text: impl Into<Arc<str>>) -> Say {
        Say {
            class: Class::Answer,
            text: text.into(),
            expires: self.answer_expires(),
        }
    }

    /// The same, for who has said STOP, too.
    pub(super) fn say_first(&self, text: impl Into<Arc<str>>) -> Say {
        Say {
            class: Class::First,
            ..self.say(text)
        }
    }

    async fn understood(self: &Arc<Hall>, caller: &Caller, asked: Option<Asked>, came: Came, text: &str) -> Answer {
        let number = &caller.number;
        let sender = sender(Some(number), asked.is_some(), came.trusted);
        let stopped = number.state == State::Stopped;
        match meaning(text, sender, &self.stops) {
            Meaning::Help => self.help(caller),
            Meaning::Start => self.start(caller, asked.as_ref(), came),
            Meaning::Yes if matches!(asked, None | Some(Asked::Again)) => self.start(caller, asked.as_ref(), came),
            // Whoever has said STOP is heard again after START.
            _ if stopped => Answer::default(),
            Meaning::Yes => self.yes(caller, asked, came, text).await,
            Meaning::Code(code) => self.code(caller, &code, came, text).await,
            Meaning::Unclear => Answer::said(self.say(words::UNCLEAR)),
            Meaning::Stop | Meaning::Empty => Answer::default(),
            Meaning::Command(pin, command) => self.command(caller, came, (pin, sender.pin), command).await,
            Meaning::Post(pin, text) => self.command(caller, came, (pin, sender.pin), Command::Post(text)).await,
        }
    }

    fn help(&self, caller: &Caller) -> Answer {
        if caller.usage.helps >= HELPS_PER_DAY {
            return Answer::default();
        }
        let say = self.say_first(words::help(&self.parts.settings.brand));
        Answer::said(say).with(Change::Helped)
    }

    /// START. By a route that vouches for nobody it brings nothing back but a code may: whoever says so is told that once a
    /// day, so that nobody has others' phones texted.
    fn start(&self, caller: &Caller, asked: Option<&Asked>, came: Came) -> Answer {
        let brand = &self.parts.settings.brand;
        let most = caller.number.limit.unwrap_or(self.parts.settings.daily_segments);
        let again = asked == Some(&Asked::Again);
        match caller.number.state {
            State::Stopped if !came.trusted && again => Answer::default(),
            State::Stopped if !came.trusted => {
                let asked = Change::Ask(Asked::Again, self.after(DIALOGUE_MS));
                Answer::said(self.say_first(words::NEEDS_CODE)).with(asked)
            }
            State::Dormant | State::Off if !came.trusted => Answer::said(self.say(words::NEEDS_CODE)),
            State::Stopped if caller.number.gets == 0 && caller.number.account.is_none() => {
                Answer::said(self.say_first(words::hint(brand))).with(Change::State(State::New))
            }
            State::Stopped | State::Dormant | State::Off => {
                Answer::said(self.say_first(words::resumed(brand, most))).with(Change::State(State::Active))
            }
            State::Active => Answer::said(self.say(words::resumed(brand, most))),
            State::New | State::Pending | State::Bad => self.hint(caller),
        }
    }

    /// How to begin, once a day.
    pub(super) fn hint(&self, caller: &Caller) -> Answer {
        if caller.usage.hinted.is_some_and(|at| self.now().0 < at.0 + DAY_MS) {
            return Answer::default();
        }
        Answer::said(self.say(words::hint(&self.parts.settings.brand))).with(Change::Hinted)
    }

    /// YES to what was asked. Both the question and the answer are kept.
    async fn yes(self: &Arc<Hall>, caller: &Caller, asked: Option<Asked>, came: Came, text: &str) -> Answer {
        if !came.trusted {
            // The question stays: it is for the phone itself.
            return Answer::said(self.say(words::NEEDS_LINK));
        }
        let settings = &self.parts.settings;
        let most = caller.number.limit.unwrap_or(settings.daily_segments);
        let (shown, said, changes) = match &asked {
            Some(Asked::Follow(jid)) => {
                let author = self.parts.network.short(jid);
                let Some(node) = self.open_node(jid).await else {
                    return Answer::said(self.say(words::nobody(&author))).with(Change::Answered);
                };
                let shown = words::ask_follow(&settings.brand, &author, most);
                let get = Change::Get(node, settings.follows_without_account);
                (shown, words::follows(&settings.brand, &author, most), vec![get])
            }
            Some(Asked::Join(name)) => {
                let account = match self.make_account(name, caller).await {
                    Ok(account) => account,
                    Err(Refused::Taken) => {
                        return Answer::said(self.say(words::taken(name))).with(Change::Answered);
                    }
                    Err(why) => {
                        return Answer::said(self.say(format!("That did not work: {why}."))).with(Change::Answered);
                    }
                };
                self.bring_follows(&account, caller.id).await;
                let shown = words::ask_join(&settings.brand, name);
                let link = Change::Account(Some(account));
                (shown, words::joined(&settings.brand, name), vec![link])
            }
            Some(Asked::Again) | None => return self.start(caller, asked.as_ref(), came),
        };
        let mut answer = Answer::said(self.say(said)).with(Change::Answered);
        answer.changes.push(Change::State(State::Active));
        answer.changes.extend(changes);
        answer.changes.extend(self.consent(&shown, text));
        answer
    }

    /// What was shown and said, sealed.
    pub(crate) fn consent(&self, shown: &str, said: &str) -> Option<Change> {
        let sealed = self.parts.keys.seal(format!("shown: {shown}\nsaid: {said}").as_bytes());
        sealed.ok().map(Change::Consent)
    }

    /// Six digits from a phone: the code that its account was shown.
    async fn code(self: &Arc<Hall>, caller: &Caller, code: &str, came: Came, text: &str) -> Answer {
        let (id, tag) = (caller.id, self.parts.keys.tag(code.as_bytes()));
        let row = self.read(move |hall, _| {
            let rows = hall.parts.rows();
            let Some(account) = rows.account_with_code(id)? else {
                return Ok(None);
            };
            Ok(rows.code(&account)?.map(|code| (account, code)))
        });
        let Ok(Some((account, row))) = row.await else {
            return match caller.number.account {
                // Neither a post nor a stranger's.
                Some(_) => Answer::said(self.say(words::WRONG_CODE)),
                None => self.hint(caller),
            };
        };
        if !row.from_phone || !came.trusted || row.until <= self.now() {
            return Answer::said(self.say(words::WRONG_CODE));
        }
        if row.code != tag {
            // Counted with the account, so that it cannot be guessed from a phone either.
            let _ = self.commit(Op::WrongCode { account }).await;
            return Answer::said(self.say(words::WRONG_CODE));
        }
        self.bring_follows(&account, id).await;
        let name = self.parts.network.short(&account);
        let shown = format!("code shown to {account}");
        let mut answer = Answer::said(self.say(words::linked(&self.parts.settings.brand, &name)));
        answer.changes.push(Change::Proved(account.clone(), tag));
        answer.changes.push(Change::Account(Some(account)));
        answer.changes.push(Change::Doubted(false));
        answer.changes.push(Change::State(State::Active));
        answer.changes.extend(self.consent(&shown, text));
        answer
    }

    /// A command or a post, with the PIN that it must have.
    async fn command(
        self: &Arc<Hall>,
        caller: &Caller,
        came: Came,
        (pin, needed): (Option<String>, bool),
        command: Command,
    ) -> Answer {
        let number = &caller.number;
        if !came.trusted && number.account.is_none() && is_wish(&command) {
            return Answer::said(self.say(words::NEEDS_LINK));
        }
        let free = matches!(command, Command::Off(_));
        let mut first = Vec::new();
        if needed && !free {
            if self.now() < caller.usage.pins.1 {
                return Answer::said(self.say(words::LOCKED));
            }
            let Some(right) = number.pin else {
                return Answer::said(self.say(words::NEEDS_PIN));
            };
            match pin {
                None => return Answer::said(self.say(words::NEEDS_PIN)),
                Some(pin) if self.pin(number, &pin) != right => {
                    let until = self.after(DAY_MS);
                    return Answer::said(self.say(words::WRONG_PIN)).with(Change::PinTried(false, PIN_TRIES, until));
                }
                Some(_) => first.push(Change::PinTried(true, PIN_TRIES, self.now())),
            }
        }
        let person = Person::phone(caller.clone(), came.heard, came.trusted);
        let mut answer = self.carry_out(&person, command).await;
        first.append(&mut answer.changes);
        Answer {
            changes: first,
            ..answer
        }
    }

    /// Keyed hash of a number's PIN.
    pub(crate) fn pin(&self, number: &crate::tables::rows::Number, pin: &str) -> crate::number::Hash {
        self.parts
            .keys
            .tag(&[&number.hash[..], b" pin ", pin.as_bytes()].concat())
    }
}

/// Whether something begins or changes what a phone gets: whoever says so must be who he says. A PIN proves an account's
/// phone; without one, the route does.
fn is_wish(command: &Command) -> bool {
    matches!(command, Command::Follow(_) | Command::On(_) | Command::Set(_))
}

/// Why a change cannot be, for a phone.
fn refused(reject: &reef_engine::error::Reject) -> String {
    use reef_engine::error::Reject;
    match reject {
        Reject::TooMany(what) => format!("That would be too many {what}. UNFOLLOW name first."),
        Reject::NotSubscribed => "You do not get that. FOLLOW name to get it.".to_owned(),
        Reject::Conflict => "That account has another phone. Unlink that first.".to_owned(),
        _ => words::BUSY.to_owned(),
    }
}

/// What an account writes to the gateway's address: the same commands, without a PIN. The answer is what it is told.
pub async fn account_says(hall: &Arc<Hall>, account: &str, text: &str) -> String {
    let jid: Arc<str> = account.into();
    let found = hall.read(move |hall, _| {
        let id = hall.parts.rows().of_account(&jid)?;
        id.map(|id| hall.caller_now(id)).transpose().map(Option::flatten)
    });
    let Ok(caller) = found.await else {
        return words::BUSY.to_owned();
    };
    let sender = crate::grammar::Sender {
        posts: true,
        ..Default::default()
    };
    let command = match meaning(text, sender, &hall.stops) {
        Meaning::Command(_, command) => command,
        Meaning::Help => return words::help(&hall.parts.settings.brand).to_string(),
        Meaning::Stop => Command::Off(None),
        Meaning::Start => Command::On(None),
        // Not repeated: it may be a number.
        _ => return words::NO_COMMAND.to_owned(),
    };
    let person = Person::account(account.into(), caller.clone());
    let answer = hall.carry_out(&person, command).await;
    if let Some(caller) = caller
        && !answer.changes.is_empty()
    {
        let op = Op::Do(Do {
            number: caller.id,
            epoch: None,
            heard: None,
            changes: answer.changes,
            say: Vec::new(),
            by: account.into(),
        });
        match hall.commit(op).await {
            Ok(_) => (hall.wake)(),
            Err(Error::Rejected(reject)) => return refused(&reject),
            Err(_) => return words::BUSY.to_owned(),
        }
    }
    let said: Vec<&str> = answer.say.iter().map(|say| &*say.text).collect();
    said.join("\n")
}
