//! Notifications of what clients miss (XEP-0357): a message for an account one of whose clients is away, or waits to be
//! resumed, is told to the service that this client has named.
//!
//! A service hears of the first at once, and of those that follow together, a little later. What it answers with an error
//! that lasts ends it. A courtesy: where the server has too much to do, nobody is told. Next: `question.rs`.

use super::Hub;
use super::sm::Unacked;
use crate::errors;
use crate::limits::{PUSH_BODY_BYTES, PUSH_GATHER_MS, PUSHES};
use crate::tables::{self, Op, PushService};
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::log::record::Change;
use reef_stanza::element::{Build, el};
use reef_stanza::form::{Field, FieldKind, Form, FormKind};
use reef_stanza::{Condition, StanzaError, ns};
use std::collections::HashMap;
use std::sync::Arc;

/// Payloads that wake somebody though nobody sees a body: by element and namespace.
const WAKE: [(&str, &str); 7] = [
    ("encrypted", "eu.siacs.conversations.axolotl"),
    ("encrypted", "urn:xmpp:omemo:1"),
    ("encrypted", "urn:xmpp:omemo:2"),
    ("openpgp", "urn:xmpp:openpgp:0"),
    ("x", "jabber:x:encrypted"),
    ("encryption", "urn:xmpp:eme:0"),
    ("propose", "urn:xmpp:jingle-message:0"),
];

/// What is told of.
#[derive(Clone, Debug)]
struct News {
    messages: u32,
    /// Subscription requests that wait.
    requests: usize,
    sender: String,
    body: Option<String>,
}

/// Where: an account, and one of its services.
type Told = (BareJid, Arc<str>, Arc<str>);

/// What services were told lately, and what they are to be told.
#[derive(Default)]
pub(super) struct Pushes(HashMap<Told, (u64, PushService, Option<News>)>);

/// Whether a message is worth waking somebody.
fn wakes(message: &Element) -> bool {
    let kind = matches!(message.attr("type"), None | Some("chat" | "normal"));
    let wakes = |child: &Element| WAKE.iter().any(|(name, ns)| child.is(name, *ns));
    kind && message.name() == "message" && (message.has_child("body", ns::CLIENT) || message.children().any(wakes))
}

impl Hub {
    /// A message has come for an account of this shard.
    pub(super) fn push_missed(&mut self, user: &BareJid, message: &Element) {
        if wakes(message) {
            let news = self.news(message);
            // Who is there now misses nothing, also where he leaves before his service is found.
            let present = self.present(user);
            let away = move |client: &str| !present.iter().any(|present| present == client);
            self.tell_services(user.clone(), away, news);
        }
    }

    /// A session waits to be resumed: of what it has not got its service hears.
    pub(super) fn push_unacked(&mut self, slot: u32) {
        let Some(conn) = self.conn(slot) else { return };
        let stanzas = conn.sm.iter().flat_map(|sm| sm.again());
        let messages: Vec<Element> = stanzas.filter_map(missed).filter(wakes).collect();
        let Some(last) = messages.last() else { return };
        let Some(jid) = conn.jid() else { return };
        let (user, client) = (conn.user.clone(), jid.resource().as_str().to_owned());
        let news = News {
            messages: u32::try_from(messages.len()).unwrap_or(u32::MAX),
            ..self.news(last)
        };
        self.tell_services(user, move |away| away == client, news);
    }

    fn news(&self, message: &Element) -> News {
        let told = self.server.config.c2s.push_body;
        let body = message.get_child("body", ns::CLIENT).filter(|_| told);
        News {
            messages: 1,
            requests: 0,
            sender: message.attr("from").unwrap_or_default().to_owned(),
            body: body.map(|body| shortened(&body.text())),
        }
    }

    /// The clients of an account that are connected.
    fn present(&self, user: &BareJid) -> Vec<String> {
        let slots = self.users.get(user).map(|user| user.sessions.as_slice());
        let conns = slots.unwrap_or_default().iter().filter_map(|slot| self.conn(*slot));
        let there = conns.filter(|conn| conn.wire.is_some() && !conn.closing);
        there
            .filter_map(|conn| Some(conn.jid()?.resource().to_string()))
            .collect()
    }

    /// Looks which services there are, of the clients that are away.
    fn tell_services(&mut self, user: BareJid, away: impl Fn(&str) -> bool + Send + 'static, news: News) {
        let (server, shard) = (self.server.clone(), self.number);
        let read = self.server.engine.read(move |engine| {
            let services = tables::push_services(engine.view(), user.as_str()).map_err(errors::unreadable);
            let services = services.unwrap_or_default();
            if services.is_empty() {
                return;
            }
            let roster = tables::roster(engine.view(), user.as_str()).map_err(errors::unreadable);
            let requests = roster
                .unwrap_or_default()
                .iter()
                .filter(|(_, row)| row.asked.is_some())
                .count();
            let news = News { requests, ..news };
            let job = move |hub: &mut Hub| {
                let mut services = services;
                services.retain(|service| away(&service.client));
                for service in services {
                    hub.tell_service(&user, service, news.clone());
                }
            };
            server.router.answer(shard, Box::new(job));
        });
        if read.is_err() {
            tracing::debug!("too many reads: a push notification was left out");
        }
    }

    /// Now, or with what follows, where it was told a moment ago.
    fn tell_service(&mut self, user: &BareJid, service: PushService, news: News) {
        let here = user.with_resource_str(&service.client);
        let slot = here.ok().and_then(|jid| self.session_of(&jid.into()));
        if slot.is_some_and(|slot| self.conn(slot).is_some_and(|conn| conn.wire.is_some() && !conn.closing)) {
            return;
        }
        let key = (user.clone(), service.jid.clone(), service.node.clone());
        let now = self.now();
        if let Some((_, known, waiting)) = self.pushes.0.get_mut(&key) {
            let before = waiting.as_ref().map_or(0, |news| news.messages);
            *known = service;
            *waiting = Some(News {
                messages: before.saturating_add(news.messages),
                ..news
            });
            return;
        }
        if self.pushes.0.len() < PUSHES {
            self.pushes.0.insert(key, (now, service.clone(), None));
        }
        self.publish_push(user, &service, &news);
    }

    /// Once a second: who was told of something a moment ago is told of what came since.
    pub(super) fn push_gathered(&mut self) {
        if self.pushes.0.is_empty() {
            return;
        }
        let now = self.now();
        let due = self
            .pushes
            .0
            .iter_mut()
            .filter(|(_, (told, ..))| told.saturating_add(PUSH_GATHER_MS) <= now);
        let mut telling = Vec::new();
        for ((user, ..), (told, service, waiting)) in due {
            if let Some(news) = waiting.take() {
                *told = now;
                telling.push((user.clone(), service.clone(), news));
            }
        }
        self.pushes
            .0
            .retain(|_, (told, ..)| told.saturating_add(PUSH_GATHER_MS) > now);
        for (user, service, news) in telling {
            self.publish_push(&user, &service, &news);
        }
    }

    /// §7.
    fn publish_push(&mut self, user: &BareJid, service: &PushService, news: &News) {
        let Ok(to) = Jid::new(&service.jid) else { return };
        let (asked, told) = (user.clone(), service.clone());
        let came = move |hub: &mut Hub, answer: Result<Option<Element>, StanzaError>| {
            if let Err(error) = answer
                && lasts(&error)
            {
                hub.end_push(&asked, &told);
            }
        };
        if self
            .request(user.clone(), to, published(service, news), Box::new(came))
            .is_err()
        {
            tracing::debug!(%user, "too many questions: a push notification was left out");
        }
    }

    /// A service wants no more (§7.1).
    fn end_push(&mut self, user: &BareJid, service: &PushService) {
        let key = (user.clone(), service.jid.clone(), service.node.clone());
        if let Some((.., waiting)) = self.pushes.0.get_mut(&key) {
            *waiting = None;
        }
        let owner: Arc<str> = user.as_str().into();
        let op = Op::DisablePush {
            user: owner.clone(),
            jid: service.jid.clone(),
            node: Some(service.node.clone()),
        };
        let change = Change::Table { owner, op: op.encode() };
        tracing::debug!(%user, service = &*service.jid, "a push service refuses: it is told no more");
        // Where this is refused the next notification ends it.
        let _ = self
            .server
            .engine
            .admission
            .submit(user.as_str(), change, Box::new(drop));
    }
}

/// A stanza that a client has not got.
fn missed(unacked: &Unacked) -> Option<Element> {
    let Unacked::Stanza(bytes) = unacked else { return None };
    let message = bytes.starts_with(b"<message").then_some(&bytes[..])?;
    Element::from_reader_with_prefixes(message, Some(ns::CLIENT.to_owned())).ok()
}

/// As much of a text as is told.
fn shortened(text: &str) -> String {
    let end = text
        .char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .take_while(|end| *end <= PUSH_BODY_BYTES);
    text.get(..end.last().unwrap_or_default())
        .unwrap_or_default()
        .to_owned()
}

/// Whether what a service refuses, it refuses tomorrow, too.
fn lasts(error: &StanzaError) -> bool {
    let passes = [
        Condition::InternalServerError,
        Condition::RecipientUnavailable,
        Condition::RemoteServerNotFound,
        Condition::RemoteServerTimeout,
        Condition::ResourceConstraint,
        Condition::UndefinedCondition,
    ];
    !passes.contains(&error.condition)
}

fn published(service: &PushService, news: &News) -> Element {
    let form = Form::new(FormKind::Result, ns::PUSH_SUMMARY);
    let field = |name: &str, value: &str| Field::new(FieldKind::TextSingle, name).value(value);
    let form = form
        .with(field("message-count", &news.messages.to_string()))
        .with(field("pending-subscription-count", &news.requests.to_string()))
        .with(field("last-message-sender", &news.sender));
    let form = match &news.body {
        Some(body) => form.with(field("last-message-body", body)),
        None => form,
    };
    let notification = el("notification", ns::PUSH).child(form.to_element());
    let node = Some(&*service.node).filter(|node| !node.is_empty());
    let publish = el("publish", ns::PUBSUB).set_opt("node", node);
    let publish = publish.child(el("item", ns::PUBSUB).child(notification));
    let options = std::str::from_utf8(&service.options)
        .ok()
        .and_then(|form| form.parse::<Element>().ok());
    let options = options.map(|form| el("publish-options", ns::PUBSUB).child(form));
    el("pubsub", ns::PUBSUB).child(publish).children_from(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_wakes_and_what_is_of_the_moment_does_not() {
        let check = |kind: &str, content: &str, expected: bool| {
            let xml = format!("<message xmlns='jabber:client' {kind}>{content}</message>");
            assert_eq!(wakes(&xml.parse().unwrap()), expected, "{xml}");
        };
        check("", "<body>x</body>", true);
        check("type='chat'", "<encrypted xmlns='urn:xmpp:omemo:2'/>", true);
        check(
            "type='chat'",
            "<propose xmlns='urn:xmpp:jingle-message:0' id='a'/>",
            true,
        );
        check(
            "type='chat'",
            "<retract xmlns='urn:xmpp:jingle-message:0' id='a'/>",
            false,
        );
        check(
            "type='chat'",
            "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
            false,
        );
        check("type='chat'", "<received xmlns='urn:xmpp:receipts' id='a'/>", false);
        check("type='headline'", "<body>x</body>", false);
        check("type='groupchat'", "<body>x</body>", false);
        check("type='error'", "<body>x</body>", false);
    }

    #[test]
    fn a_text_is_cut_between_letters() {
        assert_eq!(shortened("abc"), "abc");
        let long = "ä".repeat(PUSH_BODY_BYTES);
        assert_eq!(shortened(&long).len(), PUSH_BODY_BYTES / 2 * 2);
    }
}
