//! Who is in a test's world: authors and what they post, phones and what they say and get.

#![allow(clippy::unwrap_used, reason = "a test's own people: what fails ends the test")]

use super::world::World;
use super::{MISSED, post, publisher, read};
use reef_engine::log::record::Change as Record;
use reef_engine::model::{NodeId, Timestamp};
use reef_sms::network::Network;
use reef_sms::number::Phone;
use reef_sms::tables::rows::{Class, NumberId, State};
use reef_sms::tables::{Change, Do, Hear, HearMost, Op, Outcome, Say};

impl World {
    /// A microblog that is open to everybody.
    pub(crate) fn publisher(&self, name: &str) -> NodeId {
        publisher(&self.engine, &self.names, name)
    }

    pub(crate) fn post(&self, name: &str, item: &str, words: &str) {
        post(&self.engine, &self.names, name, item, words);
    }

    pub(crate) fn retract(&self, name: &str, item: &str) {
        let node = self.names.microblog(&format!("{name}@here"));
        let change = Record::Retract {
            node: node.clone(),
            item: item.into(),
            notify: true,
        };
        self.engine
            .admission
            .submit_and_wait(&node.service.clone(), change)
            .unwrap();
    }

    pub(crate) fn phone(number: u64) -> Phone {
        Phone::of(&format!("+1{number:010}")).unwrap()
    }

    /// What a phone says, kept as the gateway keeps it.
    pub(crate) fn hear(&self, number: u64, words: &str, stop: Option<&str>) -> Outcome {
        let phone = World::phone(number);
        let keys = &self.parts.keys;
        self.commit(&Op::Hear(Hear {
            route: self.routes[0],
            hash: keys.hash(&phone),
            sealed: keys.seal(phone.e164().as_bytes()).unwrap(),
            prefix: "+1".into(),
            key: keys.tag(format!("{number} {words} {}", self.now().0).as_bytes()),
            same_ms: 600_000,
            words: keys.seal(words.as_bytes()).unwrap(),
            stop: stop.map(Into::into),
            always: stop.is_some(),
            most: HearMost {
                hour: 1000,
                day: 1000,
                newcomers: u32::MAX,
                doubt_ms: u64::MAX,
                dormant_ms: u64::MAX,
            },
        }))
    }

    /// A phone says STOP.
    pub(crate) fn stops(&self, number: u64) {
        let outcome = self.hear(number, "STOP", Some("stopped"));
        let id = outcome.number.unwrap();
        self.parts.voids.set(id, outcome.epoch, self.now());
    }

    /// Something is to be said to a phone.
    pub(crate) fn say(&mut self, number: NumberId, class: Class, text: &str) {
        let say = Say {
            class,
            text: text.into(),
            expires: Timestamp(self.now().0 + 900_000),
        };
        self.commit(&doing(number, "phone", Vec::new(), vec![say]));
        self.core.wake();
    }

    /// A number, as the store knows it.
    pub(crate) fn id(&self, number: u64) -> NumberId {
        let hash = self.parts.keys.hash(&World::phone(number));
        read(self.rows().by_hash(&hash)).unwrap()
    }

    /// A message is kept for an account that is away; nobody tells the gateway.
    pub(crate) fn missed(&self, account: &str, text: &str) {
        let words = postcard::to_stdvec(&(account, text)).unwrap();
        let change = Record::Table {
            owner: "sms".into(),
            op: [MISSED, &words].concat().into(),
        };
        self.engine.admission.submit_and_wait("sms", change).unwrap();
    }

    pub(crate) fn change(&self, number: NumberId, by: &str, changes: Vec<Change>) -> Outcome {
        self.commit(&doing(number, by, changes, Vec::new()))
    }

    /// A number that gets these publishers' posts.
    pub(crate) fn subscriber(&self, number: u64, nodes: &[NodeId]) -> NumberId {
        let id = self.hear(number, "hello", None).number.unwrap();
        let mut changes = vec![Change::State(State::Active)];
        changes.extend(nodes.iter().map(|node| Change::Get(*node, 500)));
        self.change(id, "phone", changes);
        id
    }

    /// What was sent to a number so far.
    pub(crate) fn got(&self, number: u64) -> Vec<String> {
        let phone = World::phone(number);
        let line = self.line.lock().unwrap();
        let of = line.sent.iter().filter(|(_, to, _)| to == phone.e164());
        of.map(|(.., text)| text.clone()).collect()
    }
}

/// Something that is done with a number, whatever else is under way.
fn doing(number: NumberId, by: &str, changes: Vec<Change>, say: Vec<Say>) -> Op {
    Op::Do(Do {
        number,
        epoch: None,
        heard: None,
        changes,
        say,
        by: by.into(),
    })
}
