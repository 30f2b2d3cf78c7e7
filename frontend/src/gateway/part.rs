//! The gateway, composed: `reef_sms`'s whole as a part of the server, and as the desk of its contact.
//!
//! Translates and does nothing else. Knows no meaning of what passes.

use super::contact::Contact;
use super::desk::{Answer, Desk, Linked, Proof, Setting, Status};
use super::network::Social;
use futures::future::BoxFuture;
use jid::Jid;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::clock::SystemClock;
use reef_engine::log::apply::{Apply, ApplyError};
use reef_frontend::config::{Config, Registration};
use reef_frontend::part::{self, FIRST_FAMILY, Host, Identity, Part};
use reef_sms::gateway::{self, Gateway, Set, Setup};
use reef_sms::tables::{FAMILIES, Families};
use reef_stanza::ns;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// What it is (XEP-0100 §4.3.1).
const IDENTITY: Identity = Identity {
    category: "gateway",
    kind: "sms",
    name: "Text messages",
};

/// The gateway that a configuration asks for.
///
/// # Errors
/// What is wrong with it, in one line.
pub(crate) fn make(config: &Config) -> Result<Option<Arc<dyn Part>>, String> {
    let setup = Setup {
        domain: config.domain.clone(),
        data_dir: config.data_dir.clone(),
        config: config.sms.clone(),
        clock: Arc::new(SystemClock),
        families: Families(FIRST_FAMILY.0),
        wrap: |op| part::op(&op),
    };
    let open = config.c2s.registration == Registration::Open;
    let part = |gateway| -> Arc<dyn Part> {
        Arc::new(Sms {
            gateway,
            open,
            keywords: reef_sms::grammar::keywords().collect(),
            contact: Mutex::new(None),
        })
    };
    Ok(Gateway::new(setup)?.map(part))
}

/// The gateway as a part.
struct Sms {
    gateway: Arc<Gateway>,
    /// Whether anybody may make an account.
    open: bool,
    keywords: Vec<&'static str>,
    /// Once it serves. Held for a clone.
    contact: Mutex<Option<Contact>>,
}

impl Part for Sms {
    fn service(&self) -> &'static str {
        "sms"
    }

    fn families(&self) -> &'static [&'static str] {
        FAMILIES
    }

    fn apply(&self, apply: &mut Apply<'_, '_>, op: &[u8]) -> Result<bytes::Bytes, ApplyError> {
        self.gateway.apply(apply, op).map(Into::into)
    }

    fn missed(&self, apply: &mut Apply<'_, '_>, user: &str, from: &str, body: &str) -> Result<(), ApplyError> {
        self.gateway.missed(apply, user, from, body)
    }

    fn removed(&self, apply: &mut Apply<'_, '_>, user: &str) -> Result<(), ApplyError> {
        self.gateway.removed(apply, user)
    }

    fn start(&self, host: Arc<Host>) -> Result<(), String> {
        let engine = host.engine().ok_or("the server has ended")?;
        let social = Social {
            host: host.clone(),
            engine,
            open: self.open,
        };
        self.gateway
            .start(Arc::new(social), tokio::runtime::Handle::current())?;
        let contact = Contact {
            host,
            desk: Arc::new(Front(self.gateway.clone())),
        };
        *self.contact.lock().unwrap_or_else(PoisonError::into_inner) = Some(contact);
        Ok(())
    }

    fn stop(&self) -> BoxFuture<'static, ()> {
        self.contact.lock().unwrap_or_else(PoisonError::into_inner).take();
        let gateway = self.gateway.clone();
        Box::pin(async move { gateway.stop().await })
    }

    fn stanza(&self, from: &Jid, to: &Jid, stanza: Element) {
        let contact = self.contact.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(contact) = contact {
            contact.stanza(from, to, stanza);
        }
    }

    fn identity(&self) -> Identity {
        IDENTITY
    }

    fn features(&self) -> &'static [&'static str] {
        &[ns::REGISTER, ns::COMMANDS]
    }

    fn reserved(&self) -> &[&'static str] {
        &self.keywords
    }

    fn ask(&self, engine: &Arc<Engine>, words: &Value) -> Result<Value, String> {
        self.gateway.ask(engine, words)
    }

    fn metrics(&self) -> String {
        self.gateway.metrics()
    }
}

/// The gateway, as accounts use it.
struct Front(Arc<Gateway>);

impl Desk for Front {
    fn say(&self, account: &str, text: &str) {
        self.0.say(account, text);
    }

    fn status(&self, account: &str, answer: Answer<Status>) {
        self.0.status(account, Box::new(|found| answer(found.map(status))));
    }

    fn link(&self, account: &str, number: &str, answer: Answer<Proof>) {
        let proof = |proof| match proof {
            gateway::Proof::FromPhone { code, to } => Proof::FromPhone { code, to },
            gateway::Proof::TypedHere => Proof::TypedHere,
        };
        self.0
            .link(account, number, Box::new(move |found| answer(found.map(proof))));
    }

    fn prove(&self, account: &str, code: &str, answer: Answer<()>) {
        self.0.prove(account, code, answer);
    }

    fn unlink(&self, account: &str, answer: Answer<()>) {
        self.0.unlink(account, answer);
    }

    fn set(&self, account: &str, settings: Vec<Setting>, answer: Answer<()>) {
        let settings = settings.into_iter().map(|setting| match setting {
            Setting::Zone(zone) => Set::Zone(zone),
            Setting::Quiet(hours) => Set::Quiet(hours),
            Setting::Limit(limit) => Set::Limit(limit),
            Setting::Messages(on) => Set::Messages(on),
            Setting::Replies(on) => Set::Replies(on),
            Setting::Pin(pin) => Set::Pin(pin),
            Setting::On(on) => Set::On(on),
        });
        self.0.set(account, settings.collect(), answer);
    }

    fn gets(&self, account: &str, answer: Answer<Vec<String>>) {
        self.0.gets(account, answer);
    }
}

fn status(found: gateway::Status) -> Status {
    let linked = found.linked.map(|linked| Linked {
        number: linked.number,
        state: linked.state,
        zone: linked.zone,
        quiet: linked.quiet,
        limit: linked.limit.to_string(),
        messages: linked.messages,
        replies: linked.replies,
        pin: linked.pin,
    });
    Status {
        linked,
        awaits_code: found.awaits_code,
    }
}
