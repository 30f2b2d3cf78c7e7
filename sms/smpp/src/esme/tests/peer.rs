//! What the other side says, and what it does not say. The bench is `super`'s.

use super::*;

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
