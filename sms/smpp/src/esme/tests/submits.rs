//! Submits: each ends in one way, and the window is kept. The bench is `super`'s.

use super::*;

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
