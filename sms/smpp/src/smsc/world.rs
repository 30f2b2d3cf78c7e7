//! What all connections of the SMSC share: who is bound to receive, what waits for them, texts put together, and counts.
//!
//! One lock, held for a moment and never across anything that waits.

use super::config::{Faults, SmscConfig};
use super::counts::{Counts, Text};
use super::say::Say;
use crate::pdu::Message;
use crate::text::{Added, Piece, Reassembly, Whole};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

/// Messages that wait for somebody who is bound to receive; the oldest are let go.
const BACKLOG_MAX: usize = 100_000;
/// Texts that a listener may be behind.
const LISTENER: usize = 4096;

/// What the lock guards.
#[derive(Default)]
pub(super) struct State {
    pub(super) counts: Counts,
    pub(super) faults: Faults,
    pub(super) chance: u64,
    ids: u64,
    references: u16,
    pub(super) tokens: f64,
    pub(super) filled: Option<Instant>,
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

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
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
                    Added::Waiting | Added::Repeated | Added::Over | Added::TooLong => return,
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
