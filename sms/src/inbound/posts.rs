//! What people say by phone: posts, answers, direct messages, repeats and likes, and taking back.
//!
//! A post's id comes from the text that it was, so that a text that is answered twice is published once. Knows no route.

use super::act::{Answer, Person};
use super::context::Hall;
use super::words;
use crate::grammar::Command;
use crate::limits::{DEL_MS, POSTS_PER_HOUR, REPLY_MS};
use crate::network::{Action, Refused};
use crate::tables::Change;
use reef_engine::model::{NodeId, NodeName, Seq};
use std::sync::Arc;

/// The id of the post that a text is.
fn item_of(heard: u64) -> String {
    format!("sms-{heard:x}")
}

impl Hall {
    /// Carries out what publishes or says something.
    pub(super) async fn publish(self: &Arc<Hall>, person: &Person, command: Command) -> Answer {
        let Some(account) = person.account.clone() else {
            return match (&command, &person.caller) {
                (Command::Post(_), Some(caller)) => self.hint(caller),
                _ => Answer::said(self.say(words::NEEDS_ACCOUNT)),
            };
        };
        if person.caller.as_ref().is_some_and(|caller| caller.number.doubted) && person.heard.is_some() {
            return Answer::said(self.say(words::NEEDS_CODE));
        }
        match command {
            Command::Post(text) => self.post(person, &account, text, None).await,
            Command::Reply(text) => match self.last(person).await {
                Some(to) => self.post(person, &account, text, Some(to)).await,
                None => Answer::said(self.say("There is no post of the last day to answer.")),
            },
            Command::Message(name, text) => self.message(person, &account, &name, text).await,
            Command::Repeat(name) => {
                let id = self.id_of(person);
                self.of(person, &account, &name, |of| Action::Repeat { id, of }, "Repeated")
                    .await
            }
            Command::Like(name) => {
                self.of(person, &account, &name, |of| Action::Like { of }, "Liked")
                    .await
            }
            Command::Delete => self.take_back(person, &account).await,
            _ => Answer::default(),
        }
    }

    async fn post(
        self: &Arc<Hall>,
        person: &Person,
        account: &str,
        text: String,
        reply: Option<(NodeName, Arc<str>)>,
    ) -> Answer {
        if let Some(caller) = &person.caller
            && person.heard.is_some()
            && caller.usage.said.2 >= POSTS_PER_HOUR
        {
            return Answer::said(self.say(words::TOO_MANY));
        }
        let action = Action::Post {
            id: self.id_of(person),
            text,
            reply,
        };
        match self.act(account, action).await {
            // Silence is the usual answer to a post; who typed it in a client hears that it is done.
            Ok(()) => match person.heard {
                Some(heard) => Answer::default().with(Change::Posted(Some(heard))),
                None => Answer::said(self.say("Posted.")),
            },
            Err(why) => self.failed("your post", &why),
        }
    }

    /// The id of what is said: one text has one, however often it is acted on.
    fn id_of(&self, person: &Person) -> String {
        item_of(person.heard.unwrap_or(self.now().0))
    }

    async fn message(self: &Arc<Hall>, person: &Person, account: &str, name: &str, text: String) -> Answer {
        let Some(to) = self.parts.network.resolve(name) else {
            return Answer::said(self.say(words::nobody(name)));
        };
        let author = self.parts.network.short(&to);
        let id = self.id_of(person);
        match self.act(account, Action::Message { id, to, text }).await {
            Ok(()) => Answer::default(),
            Err(why) => self.failed(&author, &why),
        }
    }

    /// Something with somebody's post: the last one that came to this phone, else his latest.
    async fn of(
        self: &Arc<Hall>,
        person: &Person,
        account: &str,
        name: &str,
        action: impl FnOnce((NodeName, Arc<str>)) -> Action + Send,
        said: &str,
    ) -> Answer {
        let Some(jid) = self.parts.network.resolve(name) else {
            return Answer::said(self.say(words::nobody(name)));
        };
        let author = self.parts.network.short(&jid);
        let Some((node, item)) = self.shown_of(person, &jid).await else {
            return Answer::said(self.say(format!("@{author} has no posts.")));
        };
        match self.act(account, action((node, item))).await {
            Ok(()) => Answer::said(self.say(format!("{said}: @{author}."))),
            Err(why) => self.failed(&author, &why),
        }
    }

    async fn take_back(self: &Arc<Hall>, person: &Person, account: &str) -> Answer {
        let posted = person.caller.as_ref().and_then(|caller| caller.usage.posted);
        let Some((heard, _)) = posted.filter(|(_, at)| self.now().0 < at.0 + DEL_MS) else {
            return Answer::said(self.say("There is no post of the last ten minutes to take back."));
        };
        match self.act(account, Action::Retract { item: item_of(heard) }).await {
            // Gone it may be since this very text was acted on before the process ended.
            Ok(()) | Err(Refused::NotFound) => {
                Answer::said(self.say("Your post is taken back.")).with(Change::Posted(None))
            }
            Err(why) => self.failed("your post", &why),
        }
    }

    /// The post that came last, if that is not long ago.
    async fn last(self: &Arc<Hall>, person: &Person) -> Option<(NodeName, Arc<str>)> {
        let (node, seq, at) = person.caller.as_ref()?.usage.last?;
        if self.now().0 > at.0 + REPLY_MS {
            return None;
        }
        self.item_at(node, seq).await
    }

    /// The name of the item that was published somewhere.
    pub(super) async fn item_at(self: &Arc<Hall>, node: NodeId, seq: Seq) -> Option<(NodeName, Arc<str>)> {
        let found = self.read(move |hall, _| hall.item_at_now(node, seq)).await;
        found.ok().flatten()
    }
}
