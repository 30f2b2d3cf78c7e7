//! What all connections of the SMSC share: who is bound to receive, what waits for them, texts put together, and counts.
//!
//! One lock, held for a moment and never across anything that waits.

use super::config::{Faults, SmscConfig};
use super::say::Say;
use super::verdict::{Verdict, by_chance, ordered};
use crate::pdu::Message;
use crate::pdu::command::THROTTLED;
use crate::text::{Added, Piece, Reassembly, Whole, decode};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

/// Messages that wait for somebody who is bound to receive; the oldest are let go.
const BACKLOG_MAX: usize = 100_000;
/// Texts that a listener may be behind.
const LISTENER: usize = 4096;

/// A text that was submitted, put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// When its last part came, from the start of the SMSC.
    pub at: Duration,
    /// From whom, with `+` where it is international.
    pub from: String,
    /// To whom, likewise.
    pub to: String,
    /// What.
    pub text: String,
    /// In how many parts.
    pub parts: usize,
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What happened so far.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counts {
            /// Names and numbers.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

counts! {
    /// Connections that were bound.
    binds,
    /// Binds that were refused.
    refused_binds,
    /// Submits that came.
    submits,
    /// Submits that were taken.
    taken,
    /// Submits that were refused because of rate or window.
    throttled,
    /// Texts put together.
    texts,
    /// Receipts said.
    receipts,
    /// Messages from phones said, parts each for itself; what comes again counts again.
    messages,
    /// Messages and receipts that were taken.
    acknowledged,
    /// Messages and receipts that were refused for good.
    rejected,
    /// Enquiries that came.
    enquiries,
    /// Commands that were refused as a whole.
    nacks,
}

#[derive(Default)]
struct State {
    counts: Counts,
    faults: Faults,
    chance: u64,
    ids: u64,
    references: u16,
    tokens: f64,
    filled: Option<Instant>,
    reassembly: Reassembly,
    kept: VecDeque<Text>,
    links: HashMap<u64, Link>,
    link_ids: u64,
    backlog: VecDeque<Say>,
}

struct Link {
    says: mpsc::Sender<Say>,
    receives: bool,
}

/// What all connections share.
pub(super) struct World {
    pub(super) config: SmscConfig,
    began: Instant,
    texts: broadcast::Sender<Text>,
    state: Mutex<State>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    pub(super) fn new(config: SmscConfig) -> World {
        let state = State {
            faults: config.faults,
            ids: 0x1000_0000,
            ..State::default()
        };
        World {
            began: Instant::now(),
            texts: broadcast::Sender::new(LISTENER),
            state: Mutex::new(state),
            config,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn texts(&self) -> broadcast::Receiver<Text> {
        self.texts.subscribe()
    }

    pub(super) fn received(&self, number: &str) -> Vec<Text> {
        let bare = number.trim_start_matches('+');
        let state = self.state();
        state
            .kept
            .iter()
            .filter(|text| text.to.trim_start_matches('+') == bare)
            .cloned()
            .collect()
    }

    pub(super) fn counts(&self) -> Counts {
        self.state().counts
    }

    pub(super) fn count(&self, add: impl FnOnce(&mut Counts)) {
        add(&mut self.state().counts);
    }

    pub(super) fn faults(&self) -> Faults {
        self.state().faults
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    pub(super) fn reference(&self) -> u16 {
        let mut state = self.state();
        state.references = state.references.wrapping_add(1);
        state.references
    }

    pub(super) fn next_id(&self) -> u64 {
        let mut state = self.state();
        state.ids += 1;
        state.ids
    }

    /// A connection that is bound; what waits goes to it if it receives.
    pub(super) fn join(&self, says: mpsc::Sender<Say>, receives: bool) -> u64 {
        let mut state = self.state();
        state.counts.binds += 1;
        state.link_ids += 1;
        let id = state.link_ids;
        while receives && let Some(say) = state.backlog.pop_front() {
            if let Err(error) = says.try_send(say) {
                state.backlog.push_front(error.into_inner());
                break;
            }
        }
        state.links.insert(id, Link { says, receives });
        id
    }

    /// A connection that is gone, and what it said that nobody confirmed.
    pub(super) fn leave(&self, id: u64, unconfirmed: impl Iterator<Item = Say>) {
        self.state().links.remove(&id);
        unconfirmed.for_each(|say| self.post(say));
    }

    /// To anybody who receives, now or later.
    pub(super) fn post(&self, say: Say) {
        let mut state = self.state();
        let mut say = Some(say);
        for link in state.links.values().filter(|link| link.receives) {
            let Some(unsaid) = say.take() else { return };
            say = link.says.try_send(unsaid).err().map(|error| error.into_inner());
        }
        if let Some(unsaid) = say {
            if state.backlog.len() >= BACKLOG_MAX {
                state.backlog.pop_front();
            }
            state.backlog.push_back(unsaid);
        }
    }

    /// More of what waits, for a connection that has room again.
    pub(super) fn waiting(&self) -> Option<Say> {
        self.state().backlog.pop_front()
    }

    pub(super) fn everybody(&self, say: impl Fn() -> Say) {
        for link in self.state().links.values() {
            // A connection that has a thousand things to say is slow to say this one, too.
            let _ = link.says.try_send(say());
        }
    }

    /// What becomes of a submit; `under_way` counts those of its connection that are unanswered.
    pub(super) fn judge(&self, message: &Message, under_way: usize) -> Verdict {
        let mut state = self.state();
        state.counts.submits += 1;
        let order = if self.config.words { self.order(message) } else { None };
        let full = self
            .config
            .window
            .filter(|(window, _)| under_way >= *window)
            .map(|(_, status)| status);
        let full = full.or_else(|| (!self.within_rate(&mut state)).then_some(THROTTLED));
        if let Some(status) = full {
            state.counts.throttled += 1;
            return Verdict::Refused(status);
        }
        // xorshift: the same faults in each run.
        state.chance ^= state.chance << 13 | 1;
        state.chance ^= state.chance >> 7;
        state.chance ^= state.chance << 17;
        let chance = u32::try_from(state.chance % 1000).unwrap_or(0);
        let default = Verdict::Taken(Duration::ZERO, Some(self.config.receipts.state));
        order.or_else(|| by_chance(&state.faults, chance)).unwrap_or(default)
    }

    fn order(&self, message: &Message) -> Option<Verdict> {
        let (_, octets) = message.unwrapped().ok()?;
        let begins = octets.first() == Some(&b'!') || octets.get(1) == Some(&b'!');
        let text = begins.then(|| decode(message.data_coding, octets, self.config.form.convention).ok())??;
        ordered(&text)
    }

    /// A bucket that holds what a second gives.
    fn within_rate(&self, state: &mut State) -> bool {
        let Some(rate) = self.config.rate.map(f64::from) else {
            return true;
        };
        let now = Instant::now();
        let passed = state.filled.map_or(1.0, |filled| (now - filled).as_secs_f64());
        state.tokens = (state.tokens + passed * rate).min(rate);
        state.filled = Some(now);
        let within = state.tokens >= 1.0;
        if within {
            state.tokens -= 1.0;
        }
        within
    }

    /// Puts a submit that was taken together with the other parts of its text.
    pub(super) fn take(&self, message: &Message) {
        let mut state = self.state();
        state.counts.taken += 1;
        if self.config.keep == 0 {
            return;
        }
        let Ok((join, octets)) = message.unwrapped() else {
            return;
        };
        let at = self.began.elapsed();
        let (from, to) = (message.source.dialled(), message.destination.dialled());
        let whole = match join.filter(|join| join.total > 1) {
            None => Whole {
                parts: vec![(message.data_coding, octets.to_vec())],
            },
            Some(join) => {
                let piece = Piece {
                    from: from.clone(),
                    to: to.clone(),
                    join,
                    data_coding: message.data_coding,
                    octets: octets.to_vec(),
                };
                match state
                    .reassembly
                    .add(u64::try_from(at.as_millis()).unwrap_or(u64::MAX), piece)
                {
                    Added::Whole(whole) => whole,
                    Added::Waiting | Added::Repeated | Added::TooLong => return,
                }
            }
        };
        let text = whole
            .text(self.config.form.convention)
            .unwrap_or_else(|error| format!("({error})"));
        let text = Text {
            at,
            from,
            to,
            text,
            parts: whole.parts.len(),
        };
        state.counts.texts += 1;
        while state.kept.len() >= self.config.keep {
            state.kept.pop_front();
        }
        state.kept.push_back(text.clone());
        // Nobody has to listen.
        let _ = self.texts.send(text);
    }
}
