//! What is under way on a route: from a committed intent to what became of it.
//!
//! Each part has an answer of its own. What was certainly not sent goes back to its place; what the route refuses for a
//! moment does so after a pause; of what nobody knows, nothing is guessed. Pure: time and answers are given. Next:
//! its fates are committed.

use super::Prepared;
use crate::limits::{DOUBTED_MAX, FATES_PER_COMMIT, RETRY_MS};
use crate::number::Phone;
use crate::tables::rows::{Class, DeliveryId, NumberId, Progress};
use crate::tables::{Fate, Intent};
use reef_engine::model::Timestamp;
use reef_smpp::text::{self, Form, Part};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// A message under way.
#[derive(Debug)]
pub struct Going {
    number: NumberId,
    epoch: u32,
    class: Class,
    expires: Timestamp,
    prepared: Prepared,
    /// Of its first part.
    place: Place,
    parts: Vec<Part>,
    /// Parts that were not answered for good.
    open: usize,
    /// What became of each.
    ended: Vec<Option<Ended>>,
    tries: u8,
}

/// Where a part stands among those to be sent: behind what may not wait, then as it was committed. It keeps it however often it
/// is not taken.
type Place = (bool, u64);

/// What became of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The route has it, under this id.
    Taken(Option<String>),
    /// Refused for good.
    Refused(u32, bool),
    /// Nobody knows.
    InDoubt,
    /// Its number wants nothing any more.
    Void,
    /// Too old.
    Expired,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// The route has it.
    Taken(Option<String>),
    /// The whole route is too fast.
    Throttled,
    /// Not now.
    Later,
    /// Never; whether the number does not exist.
    Never(u32, bool),
    /// It was not written.
    Unwritten,
    /// Nobody knows.
    InDoubt,
    /// It was not written, since its number wants nothing any more.
    Void,
}

/// A part on its way to the route.
#[derive(Debug)]
pub struct Outgoing {
    /// Names it in answers.
    pub token: u64,
    /// To whom.
    pub phone: Phone,
    /// From whom.
    pub sender: String,
    /// What.
    pub part: Part,
    /// The whole text, for routes that split themselves.
    pub text: String,
    /// Of its number: what has an older one is void.
    pub number: (NumberId, u32),
    /// When it is too old.
    pub expires: Timestamp,
}

/// What is under way.
pub struct Flight {
    form: Form,
    messages: HashMap<DeliveryId, Going>,
    /// Parts to be sent.
    ready: BTreeMap<Place, (DeliveryId, usize)>,
    /// Parts so far.
    places: u64,
    /// Parts that are sent, and whether they are in doubt.
    sent: HashMap<u64, (DeliveryId, usize, bool)>,
    token: u64,
    /// Parts that are tried again.
    retries: BTreeSet<(Timestamp, DeliveryId, usize)>,
    /// Parts in doubt, which may be answered late, oldest first.
    doubted: VecDeque<u64>,
    /// What is settled, to be committed.
    fates: Vec<Fate>,
    /// Whether posts of which nobody knows are sent once more.
    pub repeats: bool,
}

impl Going {
    /// What an intent sends.
    pub fn new(intent: &Intent, prepared: Prepared) -> Going {
        Going {
            number: intent.number,
            epoch: intent.epoch,
            class: intent.class,
            expires: intent.expires,
            tries: if prepared.again { RETRY_MS.len() as u8 } else { 0 },
            prepared,
            place: (intent.class != Class::First, 0),
            parts: Vec::new(),
            open: 0,
            ended: Vec::new(),
        }
    }
}

impl Flight {
    /// Nothing.
    pub fn new(form: Form) -> Flight {
        Flight {
            form,
            messages: HashMap::new(),
            ready: BTreeMap::new(),
            places: 0,
            sent: HashMap::new(),
            token: 0,
            retries: BTreeSet::new(),
            doubted: VecDeque::new(),
            fates: Vec::new(),
            repeats: false,
        }
    }

    /// Messages.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether parts were sent of which nothing was said.
    pub fn awaits(&self) -> bool {
        self.sent.values().any(|(.., doubted)| !doubted)
    }

    /// Whether a delivery is under way.
    pub fn has(&self, id: DeliveryId) -> bool {
        self.messages.contains_key(&id)
    }

    /// A committed intent is to be sent.
    pub fn begin(&mut self, id: DeliveryId, mut going: Going) {
        match text::parts(&going.prepared.text, self.form, going.prepared.reference) {
            Ok(cut) => {
                going.open = cut.parts.len();
                going.ended = vec![None; cut.parts.len()];
                going.parts = cut.parts;
                going.place.1 = self.places;
                self.places += going.open as u64;
                let parts = 0..going.open;
                self.messages.insert(id, going);
                parts.for_each(|part| self.stand(id, part));
            }
            // Longer than anything that is rendered here.
            Err(_) => self.fates.push(fate(id, Progress::Failed(0))),
        }
    }

    /// A part stands in its place.
    fn stand(&mut self, id: DeliveryId, part: usize) {
        if let Some(going) = self.messages.get(&id) {
            let (rank, first) = going.place;
            self.ready.insert((rank, first + part as u64), (id, part));
        }
    }

    /// The next part to be sent; too old ones are passed over.
    pub fn next(&mut self, now: Timestamp) -> Option<Outgoing> {
        while let Some((_, id, part)) = self.retries.first().copied().filter(|(at, ..)| *at <= now) {
            self.retries.pop_first();
            self.stand(id, part);
        }
        while let Some((_, (id, part))) = self.ready.pop_first() {
            let Some(going) = self.messages.get(&id) else { continue };
            if going.expires <= now {
                self.end(id, part, Ended::Expired);
                continue;
            }
            if going.ended.get(part).is_none_or(Option::is_some) {
                // Answered late, while it waited to be sent once more.
                continue;
            }
            let Some(octets) = going.parts.get(part) else { continue };
            self.token += 1;
            self.sent.insert(self.token, (id, part, false));
            return Some(Outgoing {
                token: self.token,
                phone: going.prepared.phone.clone(),
                sender: going.prepared.sender.clone(),
                part: octets.clone(),
                text: going.prepared.text.clone(),
                number: (going.number, going.epoch),
                expires: going.expires,
            });
        }
        None
    }

    /// Whether something is ready to be sent.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When something is tried again.
    pub fn next_retry(&self) -> Option<Timestamp> {
        self.retries.first().map(|(at, ..)| *at)
    }

    /// The route had no room after all.
    pub fn back(&mut self, token: u64) {
        if let Some((id, part, _)) = self.sent.remove(&token) {
            self.stand(id, part);
        }
    }

    /// What the route says of a part. Void parts of a number that has said STOP end here.
    pub fn answered(&mut self, token: u64, status: Status, now: Timestamp) {
        let known = match status {
            // A late answer may follow.
            Status::InDoubt => {
                let Some(doubted) = self.doubted_now(token) else { return };
                self.doubted.push_back(token);
                if self.doubted.len() > DOUBTED_MAX
                    && let Some(old) = self.doubted.pop_front()
                {
                    self.sent.remove(&old);
                }
                Some(doubted)
            }
            _ => self.sent.remove(&token),
        };
        let Some((id, part, doubted)) = known else { return };
        if doubted && matches!(status, Status::Throttled | Status::Unwritten | Status::Later) {
            // It was sent once more already, or is in doubt for good.
            return;
        }
        match status {
            Status::Throttled | Status::Unwritten => self.stand(id, part),
            Status::Later => self.retry(id, part, now),
            Status::Taken(name) => self.end(id, part, Ended::Taken(name)),
            Status::Never(code, bad) => self.end(id, part, Ended::Refused(code, bad)),
            Status::Void => self.end(id, part, Ended::Void),
            Status::InDoubt => self.doubt(id, part, now),
        }
    }

    /// Notes that a part is in doubt; nothing where it was before.
    fn doubted_now(&mut self, token: u64) -> Option<(DeliveryId, usize, bool)> {
        let sent = self.sent.get_mut(&token).filter(|(.., doubted)| !doubted)?;
        let before = *sent;
        sent.2 = true;
        Some(before)
    }

    fn retry(&mut self, id: DeliveryId, part: usize, now: Timestamp) {
        let Some(going) = self.messages.get_mut(&id) else {
            return;
        };
        let Some(pause) = RETRY_MS.get(usize::from(going.tries)) else {
            return self.end(id, part, Ended::Expired);
        };
        going.tries += 1;
        let at = Timestamp(now.0 + pause);
        let alone = going.parts.len() == 1;
        let progress = Progress::Later(going.tries, at);
        self.retries.insert((at, id, part));
        if alone {
            self.fates.push(fate(id, progress));
        }
    }

    /// Answers are sent once more, posts where the route may; everything else is in doubt.
    fn doubt(&mut self, id: DeliveryId, part: usize, now: Timestamp) {
        let Some(going) = self.messages.get_mut(&id) else {
            return;
        };
        let again = going.class.is_answer() || self.repeats && going.class == Class::Post;
        if again && going.tries == 0 {
            going.tries = RETRY_MS.len() as u8;
            self.retries.insert((now, id, part));
            if going.parts.len() == 1 {
                // After the process's end it is not sent a third time.
                self.fates.push(fate(id, Progress::Later(going.tries, now)));
            }
            return;
        }
        self.end(id, part, Ended::InDoubt);
    }

    /// A part has its end; with the last one the message has.
    fn end(&mut self, id: DeliveryId, part: usize, ended: Ended) {
        let Some(going) = self.messages.get_mut(&id) else {
            // It was settled in doubt, and is answered late.
            if let Ended::Taken(name) = ended {
                let ids = name.iter().map(|name| known_id(name)).collect();
                self.fates.push(Fate {
                    ids,
                    ..fate(id, Progress::Acked)
                });
            }
            return;
        };
        if let Some(slot) = going.ended.get_mut(part)
            && slot.is_none()
        {
            *slot = Some(ended);
            going.open -= 1;
        }
        if going.open == 0
            && let Some(going) = self.messages.remove(&id)
        {
            self.fates.push(settled(id, &going.ended));
        }
    }

    /// What is settled since this was last asked, the oldest of it: at most so much, and as one commit should hold.
    pub fn fates(&mut self, most: usize) -> Vec<Fate> {
        let most = self.fates.len().min(FATES_PER_COMMIT).min(most);
        self.fates.drain(..most).collect()
    }

    /// Fates that could not be committed: they are the next.
    pub fn refused(&mut self, fates: Vec<Fate>) {
        self.fates.splice(..0, fates);
    }

    /// The fate of something that was under way when the process ended.
    pub fn unsettled(&mut self, fate: Fate) {
        self.fates.push(fate);
    }
}

fn fate(id: DeliveryId, progress: Progress) -> Fate {
    Fate {
        id,
        progress,
        ids: Vec::new(),
        bad: false,
    }
}

/// An id in the form in which it is looked for.
fn known_id(id: &str) -> Box<str> {
    reef_smpp::pdu::id_key(id).into()
}

/// The end of a message, by its parts': the worst of them.
fn settled(id: DeliveryId, ended: &[Option<Ended>]) -> Fate {
    let mut ids = Vec::new();
    let (mut doubt, mut refused, mut void, mut expired) = (false, None, false, false);
    for part in ended.iter().flatten() {
        match part {
            Ended::Taken(name) => ids.extend(name.iter().map(|name| known_id(name))),
            Ended::Refused(code, bad) => refused = Some((*code, *bad)),
            Ended::InDoubt => doubt = true,
            Ended::Void => void = true,
            Ended::Expired => expired = true,
        }
    }
    let progress = match (refused, doubt, void, expired) {
        (Some((code, _)), ..) => Progress::Failed(code),
        (None, true, ..) => Progress::InDoubt,
        (None, false, true, _) => Progress::Void,
        (None, false, false, true) => Progress::Expired,
        (None, false, false, false) => Progress::Acked,
    };
    Fate {
        ids,
        bad: refused.is_some_and(|(_, bad)| bad),
        ..fate(id, progress)
    }
}
