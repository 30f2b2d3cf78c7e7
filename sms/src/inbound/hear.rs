//! A part of a text, from a route to the store: STOP first, then together with its others, then kept.
//!
//! What comes back says what the route is told. Knows no protocol: octets were decoded. Next: `lanes.rs`.

use super::context::Hall;
use super::lanes::Lanes;
use super::words;
use crate::grammar::{Command, Meaning, Sender, Stops, normal, read};
use crate::limits::{DAY_MS, NEWCOMERS_PER_HOUR, SAID_PER_DAY, SAID_PER_HOUR, SAME_ID_MS, SAME_MS};
use crate::number::Phone;
use crate::tables::rows::{Number, NumberId, RouteId, State};
use crate::tables::{Hear, HearMost, Op};
use reef_engine::error::Error;
use std::sync::Arc;

/// Something that a route brings: a text, or a part of one.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// By which route.
    pub route: RouteId,
    /// From whom, as the route says it.
    pub from: String,
    /// To which of ours.
    pub to: String,
    /// The words of it.
    pub text: String,
    /// Its id at the route, where that names one.
    pub id: Option<String>,
}

/// Who it is from, as far as is known.
struct Known {
    id: Option<NumberId>,
    number: Option<Number>,
    asked: bool,
}

impl Known {
    /// Whether it has said STOP before.
    fn is_stopped(&self) -> bool {
        let number = self.number.as_ref();
        number.is_some_and(|number| number.state == State::Stopped)
    }
}

impl Hall {
    /// Whether a single part says STOP: asked before it waits for its others.
    pub async fn is_stop(self: &Arc<Hall>, incoming: &Incoming) -> bool {
        let Some(phone) = Phone::of(&incoming.from) else {
            return false;
        };
        let posts = match self.known(&phone).await {
            Ok(known) => known.number.is_some_and(|number| number.account.is_some()),
            Err(_) => false,
        };
        self.stops.is_stop(&normal(&incoming.text), posts)
    }

    /// Keeps a text; true once that is done, or there is nothing to be kept. False: the route brings it again.
    pub async fn hear(self: &Arc<Hall>, incoming: Incoming, lanes: &Lanes) -> bool {
        // Names and short codes are machines; what we sent ourselves is an echo.
        let Some(phone) = Phone::of(&incoming.from) else {
            return true;
        };
        if self.parts.settings.is_ours(&incoming.from) {
            return true;
        }
        match self.keep(&phone, &incoming, lanes).await {
            Ok(()) => true,
            Err(Error::Rejected(reject)) => {
                tracing::warn!(%reject, "what a phone said was refused");
                true
            }
            Err(error) => {
                tracing::warn!(%error, "what a phone said cannot be kept: it is brought again");
                false
            }
        }
    }

    async fn keep(self: &Arc<Hall>, phone: &Phone, incoming: &Incoming, lanes: &Lanes) -> Result<(), Error> {
        let known = self.known(phone).await?;
        let sender = sender(known.number.as_ref(), known.asked, self.trusts(incoming.route));
        let meaning = read(&incoming.text, sender, &self.stops);
        let op = self.hearing(phone, incoming, &known, &meaning)?;
        let route = incoming.route;
        let stops = known.id.zip(known.number.as_ref()).filter(|_| meaning == Meaning::Stop);
        // Before the commit is known to all: nothing more leaves from here on, unless it was heard before.
        let bar = stops.map(|(id, number)| self.parts.voids.bar(id, number.epoch));
        let outcome = self.commit(op).await?;
        if let (Some(number), Meaning::Stop) = (outcome.number, &meaning) {
            self.parts.voids.set(number, outcome.epoch, self.now());
        }
        drop(bar);
        if !outcome.waiting.is_empty() {
            (self.wake)();
        }
        if let (Some(number), Some(heard)) = (outcome.number, outcome.heard) {
            lanes.push(number, heard, route, incoming.text.clone()).await;
        }
        Ok(())
    }

    async fn known(self: &Arc<Hall>, phone: &Phone) -> Result<Known, Error> {
        let hash = self.parts.keys.hash(phone);
        self.read(move |hall, _| {
            let rows = hall.parts.rows();
            let id = rows.by_hash(&hash)?;
            let number = id.map(|id| rows.number(id)).transpose()?.flatten();
            let asked = match id {
                Some(id) => rows.dialogue(id)?.is_some_and(|dialogue| dialogue.until > hall.now()),
                None => false,
            };
            Ok(Known { id, number, asked })
        })
        .await
    }

    fn hearing(&self, phone: &Phone, incoming: &Incoming, known: &Known, meaning: &Meaning) -> Result<Op, Error> {
        let keys = &self.parts.keys;
        let sealed = |bytes: &[u8]| keys.seal(bytes).map_err(|_| Error::Closed);
        let prefix: String = phone.e164().chars().take(5).collect();
        let (key, same_ms) = match &incoming.id {
            Some(id) => (format!("id {} {id}", incoming.route.0), SAME_ID_MS),
            None => {
                let same = if is_said_once(meaning) { SAME_MS } else { 0 };
                (format!("{} {} {}", phone.e164(), incoming.to, incoming.text), same)
            }
        };
        let stop = *meaning == Meaning::Stop;
        let first = !known.is_stopped();
        Ok(Op::Hear(Hear {
            route: incoming.route,
            hash: keys.hash(phone),
            sealed: sealed(phone.e164().as_bytes())?,
            prefix: prefix.into(),
            key: keys.tag(key.as_bytes()),
            same_ms,
            words: sealed(incoming.text.as_bytes())?,
            stop: stop.then(|| {
                if first {
                    words::stopped(&self.parts.settings.brand)
                } else {
                    "".into()
                }
            }),
            always: matches!(meaning, Meaning::Stop | Meaning::Help),
            most: HearMost {
                hour: SAID_PER_HOUR,
                day: SAID_PER_DAY,
                newcomers: NEWCOMERS_PER_HOUR,
                doubt_ms: u64::from(self.parts.settings.doubt_days) * DAY_MS,
                dormant_ms: u64::from(self.parts.settings.dormant_days) * DAY_MS,
            },
        }))
    }
}

/// Whether saying it twice would do something twice.
fn is_said_once(meaning: &Meaning) -> bool {
    match meaning {
        Meaning::Post(..) => true,
        Meaning::Command(_, command) => matches!(
            command,
            Command::Post(_) | Command::Reply(_) | Command::Message(..) | Command::Repeat(_) | Command::Delete
        ),
        _ => false,
    }
}

/// Whether normalised text means STOP for whoever may post, or not.
pub(super) fn sender(number: Option<&Number>, asked: bool, trusted: bool) -> Sender {
    let account = number.is_some_and(|number| number.account.is_some());
    let stopped = number.is_some_and(|number| matches!(number.state, State::Stopped | State::Dormant));
    Sender {
        posts: account,
        asked: asked || stopped,
        pin: account && (!trusted || number.is_some_and(|number| number.pin.is_some())),
    }
}

/// Kept for who reads meaning alone.
pub(super) fn meaning(text: &str, sender: Sender, stops: &Stops) -> Meaning {
    read(text, sender, stops)
}
