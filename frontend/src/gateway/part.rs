//! The gateway as the front end holds it: its tables, its life, its contact.
//!
//! Knows no route and no command. Next: [`reef_sms::gateway::Gateway`].

use super::contact::Contact;
use super::network::Social;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use jid::Jid;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::clock::SystemClock;
use reef_engine::log::apply::{Apply, ApplyError};
use reef_frontend::config::{Config, Registration};
use reef_frontend::part::{self, FIRST_FAMILY, Host, Identity, Part};
use reef_sms::gateway::{self, Gateway, Setup};
use reef_sms::grammar;
use reef_sms::tables::{FAMILIES, Families};
use reef_stanza::ns;
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;

/// The gateway that a configuration asks for; none where it has no route.
pub(crate) fn make(config: &Config) -> Result<Option<Arc<dyn Part>>, String> {
    let setup = Setup {
        domain: config.domain.clone(),
        data_dir: config.data_dir.clone(),
        config: config.sms.clone(),
        clock: Arc::new(SystemClock),
        families: Families(FIRST_FAMILY.0),
        wrap: |op| part::op(&op),
    };
    let gateway = Gateway::new(setup)?;
    Ok(gateway.map(|gateway| -> Arc<dyn Part> {
        Arc::new(Sms {
            gateway,
            open: config.c2s.registration == Registration::Open,
            keywords: grammar::keywords().collect(),
            contact: Mutex::default(),
        })
    }))
}

struct Sms {
    gateway: Arc<Gateway>,
    /// Whether anybody may make an account.
    open: bool,
    /// What no account may be called.
    keywords: Vec<&'static str>,
    /// While it serves. Held for a clone.
    contact: Mutex<Option<Contact>>,
}

impl Sms {
    fn contact(&self) -> MutexGuard<'_, Option<Contact>> {
        self.contact.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part for Sms {
    fn service(&self) -> &'static str {
        "sms"
    }

    fn families(&self) -> &'static [&'static str] {
        FAMILIES
    }

    fn apply(&self, apply: &mut Apply<'_, '_>, op: &[u8]) -> Result<Bytes, ApplyError> {
        self.gateway.apply(apply, op).map(Bytes::from)
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
        // Its first record is waited for.
        tokio::task::block_in_place(|| self.gateway.start(Arc::new(social), Handle::current()))?;
        let gateway = self.gateway.clone();
        *self.contact() = Some(Contact { host, gateway });
        Ok(())
    }

    fn stop(&self) -> BoxFuture<'static, ()> {
        drop(self.contact().take());
        let gateway = self.gateway.clone();
        async move { gateway.stop().await }.boxed()
    }

    fn stanza(&self, from: &Jid, to: &Jid, stanza: Element) {
        let contact = self.contact().clone();
        if let Some(contact) = contact {
            contact.stanza(from, to, stanza);
        }
    }

    fn identity(&self) -> Identity {
        Identity {
            category: "gateway",
            kind: "sms",
            name: "Text messages",
        }
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

    fn restored(&self) -> Option<String> {
        self.gateway.lacks_key()
    }

    fn web(&self) -> Option<axum::Router> {
        gateway::web::routes(&self.gateway)
    }

    fn metrics(&self) -> String {
        self.gateway.metrics()
    }
}
