//! A social network of names and no rights; a payload is the words, and answers somebody where it begins with him.

#![allow(clippy::unwrap_used, reason = "a test's own network: what fails ends the test")]

use reef_engine::Engine;
use reef_engine::log::record::Change as Record;
use reef_engine::model::NodeName;
use reef_sms::network::{Action, Done, Network, Refused, Said};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Names and no rights; a payload is the words.
pub(crate) struct Names {
    pub(crate) engine: Arc<Engine>,
    pub(crate) told: Mutex<Vec<(String, String)>>,
    pub(crate) done: Mutex<Vec<(String, Action)>>,
    /// Who is known; nobody is named where everybody is.
    pub(crate) accounts: Mutex<BTreeSet<Arc<str>>>,
    /// Who has no password, and for whom it was made.
    pub(crate) makers: Mutex<BTreeMap<Arc<str>, u64>>,
    /// Whether nobody hears that something is done, and who would.
    pub(crate) is_mute: AtomicBool,
    pub(crate) unheard: Mutex<Vec<Done>>,
}

impl Names {
    pub(crate) fn new(engine: &Arc<Engine>, accounts: &[&str]) -> Names {
        Names {
            engine: engine.clone(),
            told: Mutex::default(),
            done: Mutex::default(),
            accounts: Mutex::new(accounts.iter().map(|name| Arc::from(*name)).collect()),
            makers: Mutex::default(),
            is_mute: AtomicBool::default(),
            unheard: Mutex::default(),
        }
    }

    /// What was done so far.
    pub(crate) fn acts(&self) -> Vec<Action> {
        let done = self.done.lock().unwrap();
        done.iter().map(|(_, action)| action.clone()).collect()
    }

    /// Somebody follows a microblog.
    pub(crate) fn follow(&self, who: &str, whom: &str) {
        let change = Record::Follow {
            node: self.microblog(whom),
            subscriber: who.into(),
            options: None,
            public: false,
        };
        self.engine.admission.submit_and_wait(who, change).unwrap();
    }
}

impl Network for Names {
    fn engine(&self) -> Arc<Engine> {
        self.engine.clone()
    }
    fn resolve(&self, typed: &str) -> Option<Arc<str>> {
        let jid: Arc<str> = format!("{typed}@here").into();
        let accounts = self.accounts.lock().unwrap();
        (accounts.is_empty() || accounts.contains(&jid)).then_some(jid)
    }
    fn short(&self, jid: &str) -> String {
        jid.split('@').next().unwrap_or_default().to_owned()
    }
    fn microblog(&self, jid: &str) -> NodeName {
        NodeName::new(jid, "urn:xmpp:microblog:0")
    }
    fn said(&self, payload: &[u8]) -> Option<Said> {
        let text = String::from_utf8(payload.to_vec()).ok()?;
        Some(Said {
            replies: text.starts_with('@'),
            text,
            ..Said::default()
        })
    }
    fn web_link(&self, _: &str, _: &str) -> Option<String> {
        None
    }
    fn is_open(&self) -> bool {
        true
    }
    fn is_reserved(&self, name: &str) -> bool {
        matches!(name, "pubsub" | "comments")
    }
    fn maker(&self, account: &str) -> Result<Option<u64>, Refused> {
        Ok(self.makers.lock().unwrap().get(account).copied())
    }
    fn act(&self, account: &str, action: Action, done: Done) {
        if let Action::Join { maker } = action {
            self.makers.lock().unwrap().insert(account.into(), maker);
            self.accounts.lock().unwrap().insert(account.into());
        }
        self.done.lock().unwrap().push((account.into(), action));
        match self.is_mute.load(Ordering::SeqCst) {
            true => self.unheard.lock().unwrap().push(done),
            false => done(Ok(())),
        }
    }
    fn tell(&self, account: &str, text: &str) {
        self.told.lock().unwrap().push((account.into(), text.into()));
    }
}
