//! A part that is the contact, over phones that are not there.

use super::super::contact::{Contact, words};
use super::super::desk::{Answer, Desk, Linked, Proof, Setting, Status};
use super::{MASKED, TEXTING};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use jid::Jid;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::error::Reject;
use reef_engine::log::apply::{Apply, ApplyError};
use reef_frontend::part::{Host, Identity, Part};
use serde_json::Value;
use std::sync::{Arc, Mutex};

#[derive(Default)]
pub(super) struct Phones(Mutex<Option<Contact>>);

impl Phones {
    pub(super) fn new() -> Arc<Phones> {
        Arc::default()
    }

    pub(super) fn host(&self) -> Arc<Host> {
        let contact = self.0.lock().unwrap();
        contact.as_ref().expect("a server that runs").host.clone()
    }
}

impl Part for Phones {
    fn service(&self) -> &'static str {
        "sms"
    }

    fn apply(&self, _: &mut Apply<'_, '_>, _: &[u8]) -> Result<Bytes, ApplyError> {
        Err(Reject::NotAcceptable("it keeps nothing").into())
    }

    fn start(&self, host: Arc<Host>) -> Result<(), String> {
        let desk = Arc::new(Stub {
            host: host.clone(),
            known: Mutex::default(),
        });
        *self.0.lock().unwrap() = Some(Contact { host, desk });
        Ok(())
    }

    fn stop(&self) -> BoxFuture<'static, ()> {
        drop(self.0.lock().unwrap().take());
        async {}.boxed()
    }

    fn stanza(&self, from: &Jid, to: &Jid, stanza: Element) {
        let contact = self.0.lock().unwrap().clone();
        contact.expect("a server that runs").stanza(from, to, stanza);
    }

    fn identity(&self) -> Identity {
        Identity {
            category: "gateway",
            kind: "sms",
            name: "Stub",
        }
    }

    fn ask(&self, _: &Arc<Engine>, _: &Value) -> Result<Value, String> {
        Err("it answers nothing".to_owned())
    }
}

struct Stub {
    host: Arc<Host>,
    known: Mutex<Status>,
}

impl Desk for Stub {
    fn say(&self, account: &str, text: &str) {
        let answer = words(self.host.domain(), account, &format!("{account}: {text}"));
        assert!(self.host.send(answer));
    }

    fn status(&self, _: &str, answer: Answer<Status>) {
        answer(Ok(self.known.lock().unwrap().clone()));
    }

    fn link(&self, _: &str, number: &str, answer: Answer<Proof>) {
        answer(match number {
            TEXTING => Ok(Proof::FromPhone {
                code: "123456".to_owned(),
                to: "40404".to_owned(),
            }),
            number if number.starts_with('+') => {
                self.known.lock().unwrap().awaits_code = true;
                Ok(Proof::TypedHere)
            }
            _ => Err("write it with its country code".to_owned()),
        });
    }

    fn prove(&self, _: &str, code: &str, answer: Answer<()>) {
        if code != "123456" {
            return answer(Err("this is not the code".to_owned()));
        }
        let linked = Linked {
            number: MASKED.to_owned(),
            state: "active".to_owned(),
            quiet: "21:00-08:00".to_owned(),
            ..Linked::default()
        };
        *self.known.lock().unwrap() = Status {
            linked: Some(linked),
            awaits_code: false,
        };
        answer(Ok(()));
    }

    fn unlink(&self, _: &str, answer: Answer<()>) {
        *self.known.lock().unwrap() = Status::default();
        answer(Ok(()));
    }

    fn set(&self, _: &str, settings: Vec<Setting>, answer: Answer<()>) {
        let mut known = self.known.lock().unwrap();
        let linked = known.linked.as_mut().expect("a phone that is linked");
        for setting in settings {
            match setting {
                Setting::Zone(zone) if !zone.contains('/') => return answer(Err("no such zone".to_owned())),
                Setting::Zone(zone) => linked.zone = zone,
                Setting::Quiet(quiet) => linked.quiet = quiet,
                Setting::Limit(limit) => linked.limit = limit,
                Setting::Messages(messages) => linked.messages = messages,
                Setting::Replies(replies) => linked.replies = replies,
                Setting::Pin(pin) => linked.pin = pin.is_some(),
                Setting::On(on) => linked.state = if on { "active" } else { "off" }.to_owned(),
            }
        }
        drop(known);
        answer(Ok(()));
    }

    fn gets(&self, _: &str, answer: Answer<Vec<String>>) {
        answer(Ok(vec!["juliet".to_owned()]));
    }
}
