//! What a frame from the SMSC means to the session.

use super::event::{Deliver, Event, Respond, Why};
use super::session::{DELIVERS_MAX, Phase, Session};
use crate::pdu::command::{
    self, BAD_BIND_STATE, BAD_COMMAND, BAD_LENGTH, OK, PERMANENT, SYSTEM_ERROR, TEMPORARY, is_response,
};
use crate::pdu::{BadLength, Body, Frame, Kind, Message, Pdu};
use tokio::time::Instant;

impl Session {
    /// Takes a frame.
    pub(super) fn frame(&mut self, frame: Frame, now: Instant) {
        self.heard = now;
        self.enquired = None;
        let header = frame.header;
        match frame.read() {
            Ok(pdu) => self.pdu(pdu, header.command, now),
            Err(_) => match header.command {
                command::DELIVER_SM | command::DATA_SM => {
                    let kind = if header.command == command::DELIVER_SM {
                        Kind::Deliver
                    } else {
                        Kind::Data
                    };
                    self.respond(PERMANENT, header.sequence, Body::MessageResp(kind, None));
                    self.events.push_back(Event::Malformed {
                        header,
                        body: frame.body,
                    });
                }
                _ => self.respond(BAD_COMMAND, header.sequence, Body::GenericNack),
            },
        }
        self.drained(now);
    }

    /// Nobody knows where the next frame begins.
    pub(super) fn bad_length(&mut self, bad: BadLength) {
        self.respond(BAD_LENGTH, bad.sequence, Body::GenericNack);
        self.end(Why::BadLength);
    }

    fn pdu(&mut self, pdu: Pdu, command: u32, now: Instant) {
        let Pdu { status, sequence, body } = pdu;
        match body {
            Body::EnquireLink => self.respond(OK, sequence, Body::EnquireLinkResp),
            Body::Unbind => {
                self.respond(OK, sequence, Body::UnbindResp);
                self.end(Why::Unbound);
            }
            Body::Message(kind @ (Kind::Deliver | Kind::Data), message) => self.deliver(kind, message, sequence),
            Body::UnbindResp if matches!(self.phase, Phase::Unbinding(_)) => self.end(Why::Stopped),
            Body::EnquireLinkResp | Body::Notice => {}
            // By number alone: some answer with another command, and a nack is an answer, too.
            _ if is_response(command) => self.answered(sequence, status, body, now),
            _ => self.respond(BAD_COMMAND, sequence, Body::GenericNack),
        }
    }

    fn deliver(&mut self, kind: Kind, message: Message, sequence: u32) {
        let receives = self.mode.receives() && !matches!(self.phase, Phase::Binding(_));
        if !receives || self.delivers >= DELIVERS_MAX {
            self.respond(TEMPORARY, sequence, Body::MessageResp(kind, None));
            return;
        }
        self.delivers += 1;
        let respond = Respond {
            kind,
            sequence,
            answers: Some(self.answers.clone()),
        };
        self.events
            .push_back(Event::Deliver(Deliver { message, kind }, respond));
    }

    fn answered(&mut self, sequence: u32, status: u32, body: Body, now: Instant) {
        if self.phase == Phase::Binding(sequence) {
            self.bound(status, &body, now);
            return;
        }
        let Some(pending) = self.pending.remove(&sequence) else {
            return;
        };
        self.doubts -= usize::from(pending.in_doubt);
        let (status, message_id) = match body {
            Body::MessageResp(_, message_id) => (status, message_id),
            // A nack that says that all is well does not mean it.
            _ => (if status == OK { SYSTEM_ERROR } else { status }, None),
        };
        let token = pending.token;
        self.events.push_back(Event::Answered {
            token,
            status,
            message_id,
        });
        if status == BAD_BIND_STATE {
            self.end(Why::NotBound);
        }
    }

    fn bound(&mut self, status: u32, body: &Body, now: Instant) {
        match (status, body) {
            (OK, Body::BindResp(..)) => {
                self.phase = Phase::Bound;
                self.since = now;
                self.bound = true;
                self.events.push_back(Event::Bound { mode: self.mode });
            }
            (OK, _) => self.end(Why::Refused(SYSTEM_ERROR)),
            (status, _) => self.end(Why::Refused(status)),
        }
    }
}
