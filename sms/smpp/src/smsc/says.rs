//! What a connection says of its own accord, when that is due, and what the other side answers to it.

use super::link::{Due, Link, UNCONFIRMED};
use super::say::Say;
use crate::pdu::command::{DELIVER_SM, OK, TEMPORARY};
use crate::pdu::{Body, Kind, Mode, Pdu, receipt};
use bytes::BufMut;
use tokio::time::Instant;

impl Link {
    /// Says what is due, and what waits for anybody, as far as there is room.
    pub(super) fn say_due(&mut self) {
        let now = Instant::now();
        while let Some(due) = self.due.first_entry().filter(|due| due.key().0 <= now) {
            match due.remove() {
                Due::Answer(answer) => {
                    self.under_way -= 1;
                    answer.write(&mut self.out);
                }
                Due::Say(say) => self.receipt(say),
                Due::Unbind => self.say(Say::Unbind),
            }
        }
        while self.mode.is_some_and(Mode::receives) && self.unconfirmed.len() < UNCONFIRMED {
            let Some(say) = self.world.waiting() else { return };
            self.say(say);
        }
    }

    /// By this connection, if it receives and can, else by another.
    pub(super) fn receipt(&mut self, say: Say) {
        if self.mode.is_some_and(Mode::receives) && self.unconfirmed.len() < UNCONFIRMED {
            self.say(say);
        } else {
            self.world.post(say);
        }
    }

    /// Says it now.
    pub(super) fn say(&mut self, say: Say) {
        match say {
            Say::Message(message) => {
                let receipt = message.esm_class != 0 && receipt(&message).is_some();
                self.world.count(|counts| {
                    if receipt {
                        counts.receipts += 1
                    } else {
                        counts.messages += 1
                    }
                });
                let kind = if self.world.config.data_sm {
                    Kind::Data
                } else {
                    Kind::Deliver
                };
                self.sequence += 1;
                Pdu::new(OK, self.sequence, Body::Message(kind, (*message).clone())).write(&mut self.out);
                self.unconfirmed.insert(self.sequence, *message);
            }
            Say::Malformed => {
                self.sequence += 1;
                for number in [16 + 9, DELIVER_SM, 0, self.sequence] {
                    self.out.put_u32(number);
                }
                self.out.put_slice(b"\0\x01\x01no end");
            }
            Say::Unbind => {
                self.sequence += 1;
                self.write(OK, self.sequence, Body::Unbind);
            }
            Say::Cut => {
                self.out.clear();
                self.ended = true;
            }
        }
    }

    /// What was said was answered so.
    pub(super) fn confirmed(&mut self, sequence: u32, status: u32) {
        let Some(message) = self.unconfirmed.remove(&sequence) else {
            return;
        };
        match status {
            OK => self.world.count(|counts| counts.acknowledged += 1),
            TEMPORARY => {
                let at = Instant::now() + self.world.config.retry;
                self.later(at, Due::Say(Say::Message(Box::new(message))));
            }
            _ => self.world.count(|counts| counts.rejected += 1),
        }
    }
}
