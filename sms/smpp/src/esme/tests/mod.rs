//! The session's rules, one by one, without sockets: frames in, frames and events out, time as it is told.

mod any;
mod ends;
mod peer;
mod submits;

use super::place::{Places, Queued};
use super::session::{DELIVERS_MAX, Phase, Session};
use super::*;
use crate::pdu::command::*;
use crate::pdu::{Address, BadLength, Body, Frame, Header, Kind, Message, Mode, Pdu, Tlvs, next_frame};
use crate::text::{Form, parts};
use bytes::{Bytes, BytesMut};
use std::time::Duration;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// A session and who talks to it.
struct Bench {
    session: Session,
    places: Arc<Places>,
    answers: mpsc::Receiver<(Kind, u32, u32)>,
    now: Instant,
}

impl Bench {
    fn new(mode: Mode, window: usize) -> Bench {
        let config = EsmeConfig {
            window,
            ..EsmeConfig::new("127.0.0.1:1", "reef", "secret")
        };
        let (to_answer, answers) = mpsc::channel(DELIVERS_MAX);
        let now = Instant::now();
        let places = Arc::new(Places::new(2000));
        places.set_bound(true);
        let session = Session::new(Arc::new(config), mode, now, to_answer);
        Bench {
            session,
            places,
            answers,
            now,
        }
    }

    /// One that is bound, and has said so.
    fn bound(window: usize) -> Bench {
        let mut bench = Bench::new(Mode::Transceiver, window);
        assert!(matches!(
            bench.sent().as_slice(),
            [Pdu {
                sequence: 1,
                body: Body::Bind(_),
                ..
            }]
        ));
        bench.receive(OK, 1, Body::BindResp(Mode::Transceiver, "smsc".into()));
        assert_eq!(bench.happened(), ["Bound"]);
        bench
    }

    fn receive(&mut self, status: u32, sequence: u32, body: Body) {
        let mut octets = BytesMut::new();
        Pdu::new(status, sequence, body).write(&mut octets);
        let frame = next_frame(&mut octets).unwrap().unwrap();
        self.session.frame(frame, self.now);
    }

    fn submit(&mut self, token: u64, may: bool) {
        let part = parts("hello", Form::default(), 1).unwrap().parts.remove(0);
        let submit = Submit {
            token,
            source: Address::new("40404").unwrap(),
            destination: Address::new("+491700000001").unwrap(),
            part,
            validity: None,
            receipt: false,
            user_message_reference: None,
            may: Box::new(move || may),
        };
        let place = self.places.take().unwrap();
        self.session.submit(Queued { submit, place }, self.now);
    }

    /// What it would have written.
    fn sent(&mut self) -> Vec<Pdu> {
        let mut out = std::mem::take(&mut self.session.out);
        std::iter::from_fn(|| next_frame(&mut out).unwrap())
            .map(|frame| frame.read().unwrap())
            .collect()
    }

    fn happened(&mut self) -> Vec<String> {
        let shown = |event: Event| match event {
            Event::Bound { .. } => "Bound".to_owned(),
            Event::Answered {
                token,
                status,
                message_id,
            } => format!("Answered {token} {status:#x} {}", message_id.unwrap_or_default()),
            Event::Deliver(deliver, respond) => {
                respond.with(OK);
                format!("Deliver {:?}", deliver.kind)
            }
            Event::Malformed { header, .. } => format!("Malformed {}", header.sequence),
            other => format!("{other:?}"),
        };
        self.session.events.drain(..).map(shown).collect()
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.session.time(self.now);
    }
}

fn incoming() -> Message {
    Message {
        source: Address::new("+491700000001").unwrap(),
        destination: Address::new("40404").unwrap(),
        esm_class: 0,
        registered: 0,
        data_coding: 0,
        validity: String::new(),
        octets: Bytes::from_static(b"STOP"),
        tlvs: Tlvs::default(),
    }
}
