//! Binds that are refused, and ends of sessions. The bench is `super`'s.

use super::*;

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
