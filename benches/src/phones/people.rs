//! Authors, and phones that get their posts, put straight into the log; and a network of names.
//!
//! Knows no figure and no route.

use anyhow::{Result, anyhow};
use bytes::Bytes;
use reef_engine::Engine;
use reef_engine::config::NodeConfig;
use reef_engine::error::Error;
use reef_engine::log::apply::{Apply, ApplyError, Tables};
use reef_engine::log::record::Change as Record;
use reef_engine::model::{NodeId, NodeName};
use reef_engine::store::keys::Family;
use reef_engine::store::rows;
use reef_sms::network::{Action, Done, Network, Refused, Said};
use reef_sms::number::{Keys, Phone};
use reef_sms::tables::rows::{NumberId, RouteId, State};
use reef_sms::tables::{self, Change, Do, FAMILIES, Families, Hear, HearMost, Op};
use std::sync::{Arc, Mutex};

pub(super) const FIRST: Families = Families(Family::TABLES);

/// The gateway's tables alone.
pub(super) struct SmsTables;

impl Tables for SmsTables {
    fn names(&self) -> Vec<&'static str> {
        FAMILIES.to_vec()
    }

    fn apply(&self, apply: &mut Apply<'_, '_>, op: &[u8]) -> Result<Bytes, ApplyError> {
        Ok(tables::apply(FIRST, apply, op)?.into())
    }
}

/// Names alone.
pub(super) struct Names {
    pub(super) engine: Arc<Engine>,
    pub(super) told: Arc<Mutex<Option<String>>>,
}

impl Network for Names {
    fn engine(&self) -> Arc<Engine> {
        self.engine.clone()
    }
    fn resolve(&self, typed: &str) -> Option<Arc<str>> {
        Some(format!("{typed}@here").into())
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
            text,
            ..Said::default()
        })
    }
    fn web_link(&self, _: &str, _: &str) -> Option<String> {
        None
    }
    fn is_open(&self) -> bool {
        false
    }
    fn is_reserved(&self, _: &str) -> bool {
        false
    }
    fn maker(&self, _: &str) -> Result<Option<u64>, Refused> {
        Ok(None)
    }
    fn act(&self, _: &str, _: Action, done: Done) {
        done(Err(Refused::Forbidden));
    }
    fn tell(&self, _: &str, text: &str) {
        let mut told = self.told.lock().unwrap_or_else(|e| e.into_inner());
        told.get_or_insert_with(|| text.to_owned());
    }
}

/// An author with a microblog that is open to everybody; what was queued before is committed with it.
pub(super) fn author(engine: &Engine, name: &str) -> Result<NodeId> {
    let node = NodeName::new(format!("{name}@here"), "urn:xmpp:microblog:0");
    let change = Record::CreateNode {
        node: node.clone(),
        config: NodeConfig::microblog("urn:xmpp:microblog:0"),
    };
    engine.admission.submit_and_wait(&node.service.clone(), change)?;
    rows::node_id(engine.view(), &node)?.ok_or_else(|| anyhow!("no node"))
}

/// The phone of a number.
pub(super) fn phone(number: u64) -> Result<Phone> {
    Phone::of(&format!("+1{number:010}")).ok_or_else(|| anyhow!("no number"))
}

/// A phone that gets an author's posts, on the first route: ids are given in order, so that its own is known before.
pub(super) fn follower(engine: &Engine, keys: &Keys, number: u64, node: NodeId) -> Result<()> {
    let phone = phone(number)?;
    let hash = keys.hash(&phone);
    let hear = Op::Hear(Hear {
        route: RouteId(1),
        hash,
        sealed: keys.seal(phone.e164().as_bytes())?,
        prefix: "+1".into(),
        key: hash,
        same_ms: 0,
        words: Vec::new(),
        stop: None,
        always: true,
        most: HearMost {
            hour: u16::MAX,
            day: u16::MAX,
            newcomers: u32::MAX,
            doubt_ms: u64::MAX,
            dormant_ms: u64::MAX,
        },
    });
    let follow = Op::Do(Do {
        number: id(number),
        epoch: None,
        heard: None,
        changes: vec![Change::State(State::Active), Change::Get(node, 500)],
        say: Vec::new(),
        by: "phone".into(),
    });
    queue(engine, &hear)?;
    queue(engine, &follow)
}

/// The id of a phone, where none is left out.
pub(super) fn id(number: u64) -> NumberId {
    NumberId(number as u32 + 1)
}

fn queue(engine: &Engine, op: &Op) -> Result<()> {
    loop {
        let change = Record::Table {
            owner: "sms".into(),
            op: Bytes::from(op.encode()),
        };
        let told = Box::new(|fate: Result<_, Error>| {
            if let Err(error) = fate {
                complain(&error);
            }
        });
        match engine.admission.submit("sms", change, told) {
            Ok(()) => return Ok(()),
            Err(Error::Busy) => std::thread::yield_now(),
            Err(error) => return Err(error.into()),
        }
    }
}

/// An author's post.
pub(super) fn post(engine: &Engine, name: &str, item: &str) -> Result<()> {
    let node = NodeName::new(format!("{name}@here"), "urn:xmpp:microblog:0");
    let change = Record::Publish {
        node: node.clone(),
        item: item.into(),
        payload: Bytes::from_static(b"Good night, good night! Parting is such sweet sorrow"),
        open_only: None,
        notes: Vec::new(),
        options: Vec::new(),
        create: None,
    };
    engine.admission.submit_and_wait(&node.service.clone(), change)?;
    Ok(())
}

#[allow(clippy::print_stderr, reason = "a program's own complaint")]
fn complain(error: &Error) {
    eprintln!("an operation was refused: {error}");
}
