//! What a connection does with a submit, by its verdict: the answer, and what follows it.

use super::link::{Due, Link};
use super::receipts;
use super::say::Say;
use super::verdict::Verdict;
use crate::pdu::command::{BAD_BIND_STATE, OK};
use crate::pdu::{Body, Kind, Message, Mode, Pdu, State};
use std::time::Duration;
use tokio::time::Instant;

impl Link {
    /// Takes, refuses or ignores it.
    pub(super) fn submit(&mut self, kind: Kind, message: Message, sequence: u32) {
        if !self.mode.is_some_and(Mode::submits) {
            return self.write(BAD_BIND_STATE, sequence, Body::MessageResp(kind, None));
        }
        self.submits += 1;
        let cut = self.world.faults().cut_after.is_some_and(|after| self.submits >= after);
        let verdict = self.world.judge(&message, self.under_way);
        match if cut { Verdict::Cut } else { verdict } {
            Verdict::Refused(status) => self.answer(
                Duration::ZERO,
                Pdu::new(status, sequence, Body::MessageResp(kind, None)),
            ),
            Verdict::Nacked(status) => self.answer(Duration::ZERO, Pdu::new(status, sequence, Body::GenericNack)),
            Verdict::Silent => self.world.take(&message),
            Verdict::Cut => {
                self.out.clear();
                self.ended = true;
            }
            Verdict::Taken(late, state) => {
                self.take(kind, message, sequence, late, state);
            }
            Verdict::TakenThenMalformed => {
                self.take(kind, message, sequence, Duration::ZERO, None);
                self.world.post(Say::Malformed);
            }
            Verdict::TakenThenUnbind => {
                let at = self.take(kind, message, sequence, Duration::ZERO, None);
                self.later(at, Due::Unbind);
            }
        }
    }

    /// Takes a submit; when it is answered.
    fn take(&mut self, kind: Kind, message: Message, sequence: u32, late: Duration, state: Option<State>) -> Instant {
        self.world.take(&message);
        let config = &self.world.config;
        let (delay, how) = (config.delay + late, config.receipts);
        let last = message
            .unwrapped()
            .ok()
            .and_then(|(join, _)| join)
            .is_none_or(|join| join.number == join.total);
        let (id, in_receipt) = config.ids.written(self.world.next_id());
        let told = last || !config.last_id_only;
        let at = Instant::now() + delay;
        let receipt = state.filter(|_| told && message.registered & 3 != 0);
        let receipt =
            receipt.map(|state| Say::Message(Box::new(receipts::receipt(&message, &in_receipt, state, &how))));
        let answer = Pdu::new(
            OK,
            sequence,
            Body::MessageResp(kind, Some(if told { id } else { String::new() })),
        );
        match receipt {
            Some(receipt) if how.early => {
                self.receipt(receipt);
                self.answer(delay, answer);
            }
            receipt => {
                self.answer(delay, answer);
                if let Some(receipt) = receipt {
                    self.later(at + how.delay, Due::Say(receipt));
                }
            }
        }
        at
    }

    /// Answers now or later, whatever waits.
    fn answer(&mut self, delay: Duration, answer: Pdu) {
        if delay.is_zero() {
            answer.write(&mut self.out);
        } else {
            self.under_way += 1;
            self.later(Instant::now() + delay, Due::Answer(answer));
        }
    }

    pub(super) fn later(&mut self, at: Instant, due: Due) {
        self.counter += 1;
        self.due.insert((at, self.counter), due);
    }
}
