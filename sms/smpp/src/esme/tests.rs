//! The session's rules, one by one, without sockets: frames in, frames and events out, time as it is told.

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

#[test]
fn answers_find_their_submits_by_number_in_any_order() {
    let mut bench = Bench::bound(10);
    bench.submit(7, true);
    bench.submit(8, true);
    let numbers: Vec<u32> = bench.sent().iter().map(|pdu| pdu.sequence).collect();
    assert_eq!(numbers, [2, 3]);
    bench.receive(OK, 3, Body::MessageResp(Kind::Submit, Some("b".into())));
    bench.receive(THROTTLED, 2, Body::MessageResp(Kind::Submit, None));
    bench.receive(OK, 3, Body::MessageResp(Kind::Submit, Some("again".into())));
    assert_eq!(
        bench.happened(),
        [
            "Written { token: 7 }",
            "Written { token: 8 }",
            "Answered 8 0x0 b",
            "Answered 7 0x58 "
        ]
    );
    assert_eq!(bench.places.free(), 2000);
}

#[test]
fn what_may_not_be_written_any_more_is_not() {
    let mut bench = Bench::bound(10);
    bench.submit(1, false);
    assert_eq!(bench.happened(), ["Voided { token: 1 }"]);
    assert!(bench.sent().is_empty());
    assert_eq!(bench.places.free(), 2000);
}

#[test]
fn a_nack_is_an_answer_and_never_success() {
    let mut bench = Bench::bound(10);
    (1..=3).for_each(|token| bench.submit(token, true));
    bench.happened();
    bench.receive(THROTTLED, 2, Body::GenericNack);
    bench.receive(QUEUE_FULL, 3, Body::GenericNack);
    bench.receive(OK, 4, Body::GenericNack);
    bench.receive(THROTTLED, 99, Body::GenericNack);
    assert_eq!(
        bench.happened(),
        ["Answered 1 0x58 ", "Answered 2 0x14 ", "Answered 3 0x8 "]
    );
    assert_eq!(bench.session.phase, Phase::Bound);
}

#[test]
fn the_window_counts_what_is_written_and_unanswered() {
    let mut bench = Bench::bound(2);
    assert!(bench.session.takes());
    bench.submit(1, true);
    bench.submit(2, true);
    assert!(!bench.session.takes());
    bench.receive(OK, 2, Body::MessageResp(Kind::Submit, None));
    assert!(bench.session.takes());
}

#[test]
fn a_late_answer_still_counts_and_half_a_window_without_answers_begins_anew() {
    let mut bench = Bench::bound(4);
    bench.submit(1, true);
    bench.submit(2, true);
    bench.pass(30 * SECOND);
    bench.receive(OK, 50, Body::EnquireLinkResp);
    bench.submit(3, true);
    bench.happened();
    bench.pass(30 * SECOND - Duration::from_millis(1));
    assert!(bench.happened().is_empty());
    bench.receive(OK, 51, Body::EnquireLinkResp);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.happened(), ["InDoubt { token: 1 }", "InDoubt { token: 2 }"]);
    assert_eq!(
        (bench.session.phase, bench.places.free()),
        (Phase::Bound, 1997),
        "two of four are not more than half"
    );
    bench.receive(OK, 2, Body::MessageResp(Kind::Submit, Some("late".into())));
    assert_eq!(bench.happened(), ["Answered 1 0x0 late"]);
    bench.submit(4, true);
    bench.submit(5, true);
    bench.happened();
    for _ in 0..3 {
        bench.receive(OK, 52, Body::EnquireLinkResp);
        bench.pass(30 * SECOND - Duration::from_millis(1));
    }
    bench.session.give_up();
    assert_eq!(bench.session.why, Some(Why::Stalled));
    let mut said = bench.happened();
    said.sort();
    assert_eq!(
        said,
        ["InDoubt { token: 3 }", "InDoubt { token: 4 }", "InDoubt { token: 5 }"],
        "each is told once"
    );
    assert_eq!(bench.places.free(), 2000);
}

#[test]
fn what_is_unanswered_when_the_session_ends_is_in_doubt() {
    let mut bench = Bench::bound(10);
    bench.submit(1, true);
    bench.submit(2, true);
    bench.receive(OK, 2, Body::MessageResp(Kind::Submit, None));
    bench.happened();
    bench.session.end(Why::Broken("cut".into()));
    bench.session.give_up();
    assert_eq!(bench.happened(), ["InDoubt { token: 2 }"]);
    assert_eq!(bench.places.free(), 2000);
}

#[test]
fn silence_is_asked_about_after_half_a_minute_and_ends_ten_seconds_later() {
    let mut bench = Bench::bound(10);
    bench.pass(29 * SECOND);
    assert!(bench.sent().is_empty());
    bench.pass(SECOND);
    assert!(matches!(
        bench.sent().as_slice(),
        [Pdu {
            body: Body::EnquireLink,
            ..
        }]
    ));
    bench.pass(9 * SECOND);
    assert_eq!(
        (bench.session.phase, bench.sent().len()),
        (Phase::Bound, 0),
        "it is asked once"
    );
    bench.pass(SECOND);
    assert_eq!(bench.session.why, Some(Why::Silent));
    let mut bench = Bench::bound(10);
    bench.pass(30 * SECOND);
    bench.receive(OK, 2, Body::EnquireLinkResp);
    bench.pass(29 * SECOND);
    assert_eq!(bench.session.phase, Phase::Bound);
}

#[test]
fn the_deadline_is_never_later_than_what_is_due() {
    let mut bench = Bench::bound(10);
    for step in 0..200 {
        if step % 7 == 0 && bench.session.takes() {
            bench.submit(step, true);
        }
        let deadline = bench.session.deadline();
        assert!(
            deadline > bench.now || bench.session.phase == Phase::Ended,
            "step {step}: what is due was done"
        );
        bench.now = deadline.min(bench.now + 5 * SECOND);
        bench.session.time(bench.now);
        if step % 3 == 0 {
            bench.receive(OK, 1000, Body::EnquireLinkResp);
        }
    }
}

#[test]
fn the_peers_enquiries_are_answered_also_while_nothing_else_is() {
    let mut bench = Bench::bound(1);
    bench.submit(1, true);
    bench.sent();
    bench.receive(OK, 77, Body::EnquireLink);
    bench.session.stop(bench.now);
    bench.receive(OK, 78, Body::EnquireLink);
    let numbers: Vec<u32> = bench.sent().iter().map(|pdu| pdu.sequence).collect();
    assert_eq!(numbers, [77, 78]);
}

#[test]
fn messages_are_answered_when_whoever_has_them_says_so() {
    let mut bench = Bench::bound(10);
    bench.receive(OK, 5, Body::Message(Kind::Deliver, incoming()));
    bench.receive(OK, 6, Body::Message(Kind::Data, incoming()));
    assert!(bench.sent().is_empty(), "nothing is kept yet");
    let Some(Event::Deliver(_, respond)) = bench.session.events.pop_front() else {
        panic!()
    };
    drop(respond);
    assert_eq!(bench.happened(), ["Deliver Data"]);
    while let Ok((kind, sequence, status)) = bench.answers.try_recv() {
        bench.session.answer(kind, sequence, status);
    }
    let answers: Vec<_> = bench
        .sent()
        .into_iter()
        .map(|pdu| (pdu.sequence, pdu.status, pdu.body))
        .collect();
    let resp = |kind| Body::MessageResp(kind, None);
    assert_eq!(
        answers,
        [(5, TEMPORARY, resp(Kind::Deliver)), (6, OK, resp(Kind::Data))]
    );
}

#[test]
fn more_messages_than_anybody_keeps_come_again_later() {
    let mut bench = Bench::bound(10);
    for sequence in 0..=DELIVERS_MAX as u32 {
        bench.receive(OK, sequence + 1, Body::Message(Kind::Deliver, incoming()));
    }
    assert_eq!(bench.session.events.len(), DELIVERS_MAX);
    let sent = bench.sent();
    assert_eq!((sent.len(), sent[0].status), (1, TEMPORARY));
}

#[test]
fn a_poisoned_message_is_refused_for_good_and_the_session_goes_on() {
    let mut bench = Bench::bound(10);
    let header = Header {
        command: DELIVER_SM,
        status: 0,
        sequence: 9,
    };
    bench.session.frame(
        Frame {
            header,
            body: Bytes::from_static(b"\0\x01\x01no end"),
        },
        bench.now,
    );
    assert_eq!(bench.happened(), ["Malformed 9"]);
    assert_eq!(bench.sent()[0].status, PERMANENT);
    assert_eq!(bench.session.phase, Phase::Bound);
}

#[test]
fn unknown_commands_are_refused_and_unknown_answers_passed_over() {
    let mut bench = Bench::bound(10);
    bench.receive(OK, 4, Body::Unknown(0x0b));
    bench.receive(OK, 5, Body::Message(Kind::Submit, incoming()));
    bench.receive(OK, 6, Body::Unknown(0x8000_0111));
    bench.receive(OK, 7, Body::Notice);
    let sent: Vec<_> = bench
        .sent()
        .into_iter()
        .map(|pdu| (pdu.sequence, pdu.status, pdu.body))
        .collect();
    assert_eq!(
        sent,
        [(4, BAD_COMMAND, Body::GenericNack), (5, BAD_COMMAND, Body::GenericNack)]
    );
    bench.session.bad_length(BadLength { length: 3, sequence: 8 });
    assert_eq!(bench.sent(), [Pdu::new(BAD_LENGTH, 8, Body::GenericNack)]);
    assert_eq!(bench.session.why, Some(Why::BadLength));
}

#[test]
fn stopping_waits_for_answers_then_unbinds() {
    let mut bench = Bench::bound(10);
    bench.submit(1, true);
    bench.sent();
    bench.session.stop(bench.now);
    assert!(!bench.session.takes() && bench.sent().is_empty());
    bench.receive(OK, 2, Body::MessageResp(Kind::Submit, None));
    assert!(matches!(
        bench.sent().as_slice(),
        [Pdu {
            sequence: 3,
            body: Body::Unbind,
            ..
        }]
    ));
    bench.receive(OK, 3, Body::UnbindResp);
    assert_eq!(
        (bench.session.phase, bench.session.why.clone()),
        (Phase::Ended, Some(Why::Stopped))
    );
}

#[test]
fn stopping_waits_five_seconds_for_answers_and_two_for_the_last() {
    let mut bench = Bench::bound(10);
    bench.submit(1, true);
    bench.sent();
    bench.session.stop(bench.now);
    bench.pass(4 * SECOND);
    assert!(bench.sent().is_empty());
    bench.pass(SECOND);
    assert!(matches!(bench.sent().as_slice(), [Pdu { body: Body::Unbind, .. }]));
    bench.pass(SECOND);
    assert_eq!(bench.session.why, None);
    bench.pass(SECOND);
    assert_eq!(bench.session.why, Some(Why::Stopped));
}

#[test]
fn the_peers_unbind_is_answered_and_ends_it() {
    let mut bench = Bench::bound(10);
    bench.receive(OK, 12, Body::Unbind);
    assert_eq!(bench.sent(), [Pdu::new(OK, 12, Body::UnbindResp)]);
    assert_eq!(bench.session.why, Some(Why::Unbound));
}

#[test]
fn a_bind_is_refused_by_its_status_by_a_nack_or_by_silence() {
    for body in [Body::BindResp(Mode::Transceiver, String::new()), Body::GenericNack] {
        let mut bench = Bench::new(Mode::Transceiver, 10);
        bench.receive(BAD_PASSWORD, 1, body);
        assert_eq!(bench.session.why, Some(Why::Refused(BAD_PASSWORD)));
    }
    let mut bench = Bench::new(Mode::Transceiver, 10);
    assert!(!bench.session.takes());
    bench.pass(30 * SECOND);
    assert_eq!(bench.session.why, Some(Why::Silent));
    assert_eq!(bench.session.bound_for(bench.now), None);
}

#[test]
fn an_smsc_that_says_we_are_not_bound_is_bound_to_anew() {
    let mut bench = Bench::bound(10);
    bench.submit(1, true);
    bench.happened();
    bench.receive(BAD_BIND_STATE, 2, Body::MessageResp(Kind::Submit, None));
    assert_eq!(bench.happened(), ["Answered 1 0x4 "]);
    assert_eq!(bench.session.why, Some(Why::NotBound));
}

#[test]
fn a_receiver_submits_nothing_and_a_transmitter_is_handed_nothing() {
    let mut bench = Bench::new(Mode::Transmitter, 10);
    bench.receive(OK, 1, Body::BindResp(Mode::Transmitter, String::new()));
    bench.sent();
    bench.receive(OK, 3, Body::Message(Kind::Deliver, incoming()));
    assert_eq!((bench.sent()[0].status, bench.session.takes()), (TEMPORARY, true));
    let mut bench = Bench::new(Mode::Receiver, 10);
    bench.receive(OK, 1, Body::BindResp(Mode::Receiver, String::new()));
    assert!(!bench.session.takes());
}

#[test]
fn configurations_that_cannot_be_are_refused_and_passwords_never_shown() {
    let good = EsmeConfig::new("127.0.0.1:2775", "reef", "secret");
    assert!(good.check().is_ok() && !format!("{good:?}").contains("secret"));
    for wrong in [
        EsmeConfig {
            window: 0,
            ..good.clone()
        },
        EsmeConfig {
            window: 1001,
            ..good.clone()
        },
        EsmeConfig {
            password: "x".repeat(17),
            ..good.clone()
        },
        EsmeConfig {
            system_id: "x".repeat(16),
            ..good.clone()
        },
        EsmeConfig {
            system_type: "ä".into(),
            ..good.clone()
        },
    ] {
        assert!(wrong.check().is_err(), "{wrong:?}");
    }
    let tls = |name: Option<&str>| {
        Some(Tls {
            name: name.map(str::to_owned),
            ca: None,
        })
    };
    assert_eq!(
        EsmeConfig {
            tls: tls(None),
            ..good.clone()
        }
        .tls_name(),
        "127.0.0.1"
    );
    assert_eq!(
        EsmeConfig {
            tls: tls(Some("smsc.test")),
            ..good
        }
        .tls_name(),
        "smsc.test"
    );
}
