//! The social network as the gateway sees it: accounts and posts of the front end, by its words.
//!
//! Knows no phone, and no stanza but the one in which the gateway speaks. Next: [`reef_frontend::part::Host`].

use super::contact::words;
use jid::BareJid;
use reef_engine::Engine;
use reef_engine::model::NodeName;
use reef_frontend::part::{self, Host, PostOptions};
use reef_sms::network::{Action, Done, Network, Refused, Said};
use reef_stanza::ns;
use std::sync::Arc;

/// It keeps the engine: the gateway lets it go when it stops.
pub(super) struct Social {
    pub(super) host: Arc<Host>,
    pub(super) engine: Arc<Engine>,
    /// Whether anybody may make an account.
    pub(super) open: bool,
}

impl Network for Social {
    fn engine(&self) -> Arc<Engine> {
        self.engine.clone()
    }

    fn resolve(&self, typed: &str) -> Option<Arc<str>> {
        self.host.resolve(typed).map(|jid| jid.as_str().into())
    }

    fn short(&self, jid: &str) -> String {
        match jid.split_once('@') {
            Some((name, domain)) if domain == self.host.domain() => name.to_owned(),
            _ => jid.to_owned(),
        }
    }

    fn microblog(&self, jid: &str) -> NodeName {
        NodeName::new(jid, ns::MICROBLOG)
    }

    fn said(&self, payload: &[u8]) -> Option<Said> {
        self.host.said(payload).map(|said| Said {
            text: said.text,
            repeats: said.repeats,
            replies: said.replies,
        })
    }

    fn web_link(&self, service: &str, item: &str) -> Option<String> {
        self.host.web_link(service, item)
    }

    fn is_open(&self) -> bool {
        self.open
    }

    fn is_reserved(&self, name: &str) -> bool {
        self.host.is_reserved(name)
    }

    fn maker(&self, account: &str) -> Result<Option<u64>, Refused> {
        let account = BareJid::new(account).map_err(|_| Refused::NotFound)?;
        self.host.maker(&account).map_err(refused)
    }

    fn act(&self, account: &str, action: Action, done: Done) {
        match BareJid::new(account) {
            Ok(account) => self.act_as(&account, action, done),
            Err(_) => done(Err(Refused::NotFound)),
        }
    }

    fn tell(&self, account: &str, text: &str) {
        if !self.host.send(words(self.host.domain(), account, text)) {
            tracing::debug!("words for an account were dropped: its shard is busy");
        }
    }
}

impl Social {
    fn act_as(&self, account: &BareJid, action: Action, done: Done) {
        let host = &self.host;
        match action {
            Action::Post { id, text, reply } => {
                let options = PostOptions {
                    id: Some(id),
                    in_reply_to: reply.map(|(node, item)| (node, item.to_string())),
                    links: Vec::new(),
                };
                host.post(account, &text, options, told(done));
            }
            Action::Retract { item } => host.retract(account, &item, told(done)),
            Action::Repeat { id, of } => host.repeat(account, (&of.0, &of.1), Some(id), told(done)),
            Action::Like { of } => host.like(account, &of.0, &of.1, told(done)),
            Action::Message { id, to, text } => with(&to, done, |to, done| {
                host.message(account, to, (&id, &text), told(done))
            }),
            Action::Follow { jid } => with(&jid, done, |jid, done| host.follow(account, jid, told(done))),
            Action::Unfollow { jid } => with(&jid, done, |jid, done| host.unfollow(account, jid, told(done))),
            Action::Block { jid } => with(&jid, done, |jid, done| host.block(account, jid, told(done))),
            Action::Unblock { jid } => with(&jid, done, |jid, done| host.unblock(account, jid, told(done))),
            Action::Name { name } => host.set_name(account, &name, told(done)),
            Action::Report { jid } => {
                // Operators read their log.
                tracing::warn!(
                    by = account.as_str(),
                    about = &*jid,
                    "an account was reported by text message"
                );
                done(Ok(()));
            }
            Action::Password { password, until } => host.pass(account, &password.0, until, told(done)),
            Action::Join { maker } => {
                let name = account.node().map_or("", |name| name.as_str());
                match account.domain().as_str() == host.domain() {
                    true => host.create_account(name, maker, told(done)),
                    false => done(Err(Refused::NotFound)),
                }
            }
        }
    }
}

/// Goes on with a bare JID.
fn with(jid: &str, done: Done, then: impl FnOnce(&BareJid, Done)) {
    match BareJid::new(jid) {
        Ok(jid) => then(&jid, done),
        Err(_) => done(Err(Refused::NotFound)),
    }
}

fn told<T>(done: Done) -> part::Done<T> {
    Box::new(move |answer| done(answer.map(drop).map_err(refused)))
}

fn refused(refused: part::Refused) -> Refused {
    match refused {
        part::Refused::NotFound => Refused::NotFound,
        part::Refused::Forbidden => Refused::Forbidden,
        part::Refused::Taken => Refused::Taken,
        part::Refused::Busy => Refused::Busy,
        part::Refused::TooFast => Refused::TooFast,
        part::Refused::Invalid(why) => Refused::Invalid(why),
    }
}
