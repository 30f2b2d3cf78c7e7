//! The state of one connection, without I/O: what was written and is unanswered, what is to be written, what happened.
//!
//! Time is passed in. `incoming` takes frames, `timers` what does not come; `connection` carries octets and events.

use super::config::EsmeConfig;
use super::event::{Event, Submit, Why};
use super::place::{Place, Queued};
use crate::pdu::command::HEADER_BIT;
use crate::pdu::{Bind, Body, Kind, Message, Mode, Pdu, Tlvs, tlv};
use crate::text::Part;
use bytes::{Bytes, BytesMut};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Messages that came and are not answered; what comes beyond is answered that it shall come again.
pub(super) const DELIVERS_MAX: usize = 1000;
/// Events that nobody has taken; no submit is written beyond.
const EVENTS_MAX: usize = 4096;
/// Sequence numbers begin anew behind it (SMPP 3.4 §3.2).
const SEQUENCE_MAX: u32 = 0x7fff_ffff;

/// A submit that was written.
pub(super) struct Pending {
    pub(super) token: u64,
    pub(super) written: Instant,
    /// Nobody counts on its answer any more; it keeps its place in the window.
    pub(super) in_doubt: bool,
    _place: Place,
}

/// Where the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The bind was sent, with this number.
    Binding(u32),
    Bound,
    /// Nothing more is submitted; answers are waited for until then.
    Draining(Instant),
    /// The unbind was sent; its answer is waited for until then.
    Unbinding(Instant),
    /// Nothing is expected; what is to be written still is.
    Ended,
}

/// One connection.
pub(super) struct Session {
    pub(super) config: Arc<EsmeConfig>,
    pub(super) mode: Mode,
    pub(super) phase: Phase,
    pub(super) why: Option<Why>,
    /// Whether it was ever.
    pub(super) bound: bool,
    /// When the bind was sent, then when it was answered.
    pub(super) since: Instant,
    pub(super) heard: Instant,
    /// It was asked whether it is there, and has until then.
    pub(super) enquired: Option<Instant>,
    pub(super) pending: HashMap<u32, Pending>,
    /// In the order in which they were written; answered ones are passed over.
    pub(super) order: VecDeque<u32>,
    pub(super) doubts: usize,
    pub(super) out: BytesMut,
    pub(super) events: VecDeque<Event>,
    pub(super) delivers: usize,
    pub(super) answers: mpsc::Sender<(Kind, u32, u32)>,
    sequence: u32,
}

impl Session {
    /// A session whose bind is to be written. `answers` must have room for `DELIVERS_MAX`.
    pub(super) fn new(
        config: Arc<EsmeConfig>,
        mode: Mode,
        now: Instant,
        answers: mpsc::Sender<(Kind, u32, u32)>,
    ) -> Session {
        let mut session = Session {
            mode,
            phase: Phase::Binding(1),
            why: None,
            bound: false,
            since: now,
            heard: now,
            enquired: None,
            pending: HashMap::new(),
            order: VecDeque::new(),
            doubts: 0,
            out: BytesMut::new(),
            events: VecDeque::new(),
            delivers: 0,
            answers,
            sequence: 0,
            config,
        };
        let bind = Bind {
            mode,
            system_id: session.config.system_id.clone(),
            password: session.config.password.clone(),
            system_type: session.config.system_type.clone(),
        };
        session.request(Body::Bind(bind));
        session
    }

    /// Whether a submit may be put into the write buffer: there is room in the window, and what was put there before is gone.
    pub(super) fn takes(&self) -> bool {
        let room = self.pending.len() < self.config.window && self.events.len() < EVENTS_MAX;
        self.phase == Phase::Bound && self.mode.submits() && room
    }

    /// Puts a submit into the write buffer, if it still may be.
    pub(super) fn submit(&mut self, queued: Queued, now: Instant) {
        let Queued { submit, place } = queued;
        let Submit { token, may, .. } = submit;
        if !may() {
            self.events.push_back(Event::Voided { token });
            return;
        }
        let message = Message {
            source: submit.source,
            destination: submit.destination,
            esm_class: if submit.part.header { HEADER_BIT } else { 0 },
            registered: u8::from(submit.receipt),
            data_coding: submit.part.data_coding,
            validity: submit.validity.map(|validity| validity.text()).unwrap_or_default(),
            tlvs: parameters(&submit.part, submit.user_message_reference),
            octets: if submit.part.payload {
                Bytes::new()
            } else {
                submit.part.octets.into()
            },
        };
        let sequence = self.request(Body::Message(Kind::Submit, message));
        let pending = Pending {
            token,
            written: now,
            in_doubt: false,
            _place: place,
        };
        self.pending.insert(sequence, pending);
        self.order.push_back(sequence);
        self.events.push_back(Event::Written { token });
    }

    /// Puts the answer to a message into the write buffer.
    pub(super) fn answer(&mut self, kind: Kind, sequence: u32, status: u32) {
        self.delivers = self.delivers.saturating_sub(1);
        self.respond(status, sequence, Body::MessageResp(kind, None));
    }

    /// Takes no more submits, and unbinds once all are answered.
    pub(super) fn stop(&mut self, now: Instant) {
        match self.phase {
            Phase::Bound => self.phase = Phase::Draining(now + self.config.drain),
            Phase::Binding(_) => self.end(Why::Stopped),
            Phase::Draining(_) | Phase::Unbinding(_) | Phase::Ended => {}
        }
        self.drained(now);
    }

    /// Unbinds where nothing is waited for any more.
    pub(super) fn drained(&mut self, now: Instant) {
        if let Phase::Draining(until) = self.phase
            && (self.pending.len() == self.doubts || now >= until)
        {
            self.request(Body::Unbind);
            self.phase = Phase::Unbinding(now + self.config.unbind_timeout);
        }
    }

    /// Ends it. The first reason counts.
    pub(super) fn end(&mut self, why: Why) {
        self.phase = Phase::Ended;
        self.why.get_or_insert(why);
    }

    /// How long it was bound, if it was.
    pub(super) fn bound_for(&self, now: Instant) -> Option<Duration> {
        self.bound.then(|| now.saturating_duration_since(self.since))
    }

    /// What becomes of all that is unanswered when the connection is gone.
    pub(super) fn give_up(&mut self) {
        let unanswered = self
            .order
            .drain(..)
            .filter_map(|sequence| self.pending.remove(&sequence));
        let doubtful = unanswered.filter(|pending| !pending.in_doubt);
        self.events
            .extend(doubtful.map(|pending| Event::InDoubt { token: pending.token }));
        self.pending.clear();
    }

    /// Puts a request into the write buffer; its number.
    pub(super) fn request(&mut self, body: Body) -> u32 {
        loop {
            self.sequence = if self.sequence >= SEQUENCE_MAX {
                1
            } else {
                self.sequence + 1
            };
            // After two thousand million submits an old one may still be in doubt.
            if !self.pending.contains_key(&self.sequence) {
                break;
            }
        }
        Pdu::new(0, self.sequence, body).write(&mut self.out);
        self.sequence
    }

    pub(super) fn respond(&mut self, status: u32, sequence: u32, body: Body) {
        Pdu::new(status, sequence, body).write(&mut self.out);
    }
}

fn parameters(part: &Part, reference: Option<u16>) -> Tlvs {
    let mut tlvs = Tlvs::default();
    if let Some((reference, total, number)) = part.sar {
        tlvs.push(tlv::SAR_REFERENCE, reference.to_be_bytes().to_vec());
        tlvs.push(tlv::SAR_TOTAL, vec![total]);
        tlvs.push(tlv::SAR_NUMBER, vec![number]);
    }
    if let Some(reference) = reference {
        tlvs.push(tlv::USER_MESSAGE_REFERENCE, reference.to_be_bytes().to_vec());
    }
    if part.payload {
        tlvs.push(tlv::MESSAGE_PAYLOAD, part.octets.clone());
    }
    tlvs
}
