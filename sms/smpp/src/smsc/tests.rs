//! The session against the SMSC, over sockets: what must arrive does, once, and what fails is told.

use super::*;
use crate::esme::{Binding, Deliver, Esme, EsmeConfig, Event, Submit, Tls, Why};
use crate::pdu::command::{BAD_PASSWORD, OK, PERMANENT, THROTTLED};
use crate::pdu::{Mode, State, id_key};
use crate::text::{Form, Joined, Piece, Reassembly, parts};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

const PHONE: &str = "+491700000001";
const OURS: &str = "40404";
/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// An SMSC and who is bound to it.
struct Rig {
    smsc: Smsc,
    esme: Esme,
    events: mpsc::Receiver<Event>,
    tokens: u64,
}

fn fast(smsc: &Smsc) -> EsmeConfig {
    EsmeConfig {
        again: (Duration::from_millis(10), Duration::from_millis(50)),
        window: 10,
        queue: 1000,
        ..EsmeConfig::new(&smsc.address().to_string(), "reef", "secret")
    }
}

async fn listening(config: SmscConfig) -> Smsc {
    Smsc::start("127.0.0.1:0".parse().unwrap(), config).await.unwrap()
}

impl Rig {
    async fn new(smsc: SmscConfig, esme: impl FnOnce(EsmeConfig) -> EsmeConfig) -> Rig {
        let smsc = listening(smsc).await;
        let config = esme(fast(&smsc));
        let connections = if config.bind == Binding::Pair { 2 } else { 1 };
        let (to, events) = mpsc::channel(100);
        let esme = Esme::start(config, to).unwrap();
        let mut rig = Rig {
            smsc,
            esme,
            events,
            tokens: 0,
        };
        for _ in 0..connections {
            rig.until(|event| matches!(event, Event::Bound { .. })).await;
        }
        rig
    }

    async fn usual() -> Rig {
        Rig::new(SmscConfig::default(), |config| config).await
    }

    async fn next(&mut self) -> Event {
        timeout(PATIENCE, self.events.recv())
            .await
            .expect("an event")
            .expect("a session")
    }

    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.next().await;
            if wanted(&event) {
                return event;
            }
        }
    }

    fn submit(&mut self, text: &str, form: Form) -> Vec<u64> {
        let parts = parts(text, form, 7).unwrap().parts;
        let submit = |part| {
            self.tokens += 1;
            let submit = Submit {
                token: self.tokens,
                source: Address::new(OURS).unwrap(),
                destination: Address::new(PHONE).unwrap(),
                part,
                validity: None,
                receipt: true,
                user_message_reference: Some(9),
                may: Box::new(|| true),
            };
            self.esme.try_submit(submit).unwrap();
            self.tokens
        };
        parts.into_iter().map(submit).collect()
    }

    /// The answer to a submit: status and id.
    async fn answer(&mut self, wanted: u64) -> (u32, Option<String>) {
        match self
            .until(|event| matches!(event, Event::Answered { token, .. } if *token == wanted))
            .await
        {
            Event::Answered { status, message_id, .. } => (status, message_id),
            _ => unreachable!(),
        }
    }

    /// The next message, answered with a status.
    async fn deliver(&mut self, status: u32) -> Deliver {
        match self.until(|event| matches!(event, Event::Deliver(..))).await {
            Event::Deliver(deliver, respond) => {
                respond.with(status);
                deliver
            }
            _ => unreachable!(),
        }
    }

    /// Waits until the SMSC has counted so much.
    async fn counted(&self, enough: impl Fn(Counts) -> bool) {
        let counted = async {
            while !enough(self.smsc.counts()) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, counted).await.expect("the count");
    }
}

fn form(joined: Joined) -> Form {
    Form {
        joined,
        ..Form::default()
    }
}

#[tokio::test]
async fn long_texts_arrive_whole_however_they_are_joined() {
    for joined in [Joined::Header8, Joined::Header16, Joined::Sar, Joined::Payload] {
        for text in ["long text with € and [brackets] ".repeat(12), "👩‍🚀 ж ".repeat(40)] {
            let mut rig = Rig::usual().await;
            let mut texts = rig.smsc.texts();
            let tokens = rig.submit(&text, form(joined));
            let received = timeout(PATIENCE, texts.recv()).await.unwrap().unwrap();
            assert_eq!(
                (received.text.as_str(), received.to.as_str()),
                (text.as_str(), PHONE),
                "{joined:?}"
            );
            assert_eq!(received.parts, tokens.len());
            assert_eq!(rig.smsc.received(PHONE), [received]);
        }
    }
}

#[tokio::test]
async fn receipts_name_their_submits_in_whatever_base_and_form() {
    let all = [Ids::Hexadecimal, Ids::Decimal, Ids::HexThenDecimal, Ids::DecimalThenHex];
    let forms = [
        (ReceiptForm::Text, false),
        (ReceiptForm::Text, true),
        (ReceiptForm::Tlv, false),
        (ReceiptForm::Both, false),
    ];
    for (ids, (form, utf16)) in all.into_iter().zip(forms) {
        let receipts = Receipts {
            form,
            utf16,
            ..SmscConfig::default().receipts
        };
        let mut rig = Rig::new(
            SmscConfig {
                ids,
                receipts,
                ..SmscConfig::default()
            },
            |config| config,
        )
        .await;
        let token = rig.submit("hello", Form::default())[0];
        let (status, id) = rig.answer(token).await;
        let receipt = rig.deliver(OK).await.receipt().unwrap();
        assert_eq!(
            (status, receipt.state, receipt.reference),
            (OK, State::Delivered, Some(9))
        );
        assert!(
            receipt.ids.contains(&id_key(&id.clone().unwrap())),
            "{ids:?}: {id:?} in {:?}",
            receipt.ids
        );
    }
}

#[tokio::test]
async fn a_receipt_may_come_before_the_answer() {
    let receipts = Receipts {
        early: true,
        ..SmscConfig::default().receipts
    };
    let config = SmscConfig {
        receipts,
        delay: Duration::from_millis(50),
        ..SmscConfig::default()
    };
    let mut rig = Rig::new(config, |config| config).await;
    let token = rig.submit("hello", Form::default())[0];
    let first = rig.until(|event| !matches!(event, Event::Written { .. })).await;
    assert!(matches!(first, Event::Deliver(..)), "{first:?}");
    drop(first);
    assert_eq!(rig.answer(token).await.0, OK);
}

#[tokio::test]
async fn only_the_last_part_has_an_id_where_the_smsc_wants_it_so() {
    let mut rig = Rig::new(
        SmscConfig {
            last_id_only: true,
            ..SmscConfig::default()
        },
        |config| config,
    )
    .await;
    let tokens = rig.submit(&"a".repeat(320), Form::default());
    let mut ids = Vec::new();
    for token in tokens {
        ids.push(rig.answer(token).await.1.is_some());
    }
    assert_eq!(ids, [false, false, true]);
}

#[tokio::test]
async fn messages_from_phones_arrive_part_by_part() {
    for (joined, data_sm) in [(Joined::Header8, false), (Joined::Header16, true), (Joined::Sar, false)] {
        let config = SmscConfig {
            form: form(joined),
            data_sm,
            ..SmscConfig::default()
        };
        let mut rig = Rig::new(config, |config| config).await;
        let text = "Ein langer Text mit 😀 und ž. ".repeat(6);
        rig.smsc.send(PHONE, OURS, &text).unwrap();
        let (mut reassembly, mut whole) = (Reassembly::default(), None);
        while whole.is_none() {
            let message = rig.deliver(OK).await.message;
            let (join, octets) = message.unwrapped().unwrap();
            assert_eq!(message.source.dialled(), PHONE);
            let piece = Piece {
                from: message.source.number.clone(),
                to: message.destination.number.clone(),
                join: join.unwrap(),
                data_coding: message.data_coding,
                octets: octets.to_vec(),
            };
            if let crate::text::Added::Whole(all) = reassembly.add(0, piece) {
                whole = Some(all);
            }
        }
        assert_eq!(whole.unwrap().text(Default::default()).unwrap(), text);
        rig.counted(|counts| counts.acknowledged == counts.messages).await;
    }
}

#[tokio::test]
async fn a_message_that_is_not_kept_comes_again_and_one_that_is_refused_does_not() {
    let config = SmscConfig {
        retry: Duration::from_millis(5),
        ..SmscConfig::default()
    };
    let mut rig = Rig::new(config, |config| config).await;
    rig.smsc.send(PHONE, OURS, "once").unwrap();
    let first = rig.until(|event| matches!(event, Event::Deliver(..))).await;
    drop(first);
    let again = rig.deliver(PERMANENT).await;
    assert_eq!(&again.message.octets[..], b"once");
    rig.counted(|counts| counts.rejected == 1).await;
    assert_eq!(rig.smsc.counts().messages, 2);
}

#[tokio::test]
async fn messages_that_nobody_answered_come_again_by_the_next_connection() {
    let mut rig = Rig::usual().await;
    rig.smsc.send(PHONE, OURS, "hello").unwrap();
    let kept = rig.until(|event| matches!(event, Event::Deliver(..))).await;
    rig.smsc.cut();
    rig.until(|event| matches!(event, Event::Bound { .. })).await;
    drop(kept);
    assert_eq!(&rig.deliver(OK).await.message.octets[..], b"hello");
    rig.counted(|counts| counts.acknowledged == 1).await;
}

#[tokio::test]
async fn errors_throttling_and_nacks_are_told_as_they_are() {
    let mut rig = Rig::usual().await;
    for (text, status) in [
        ("!throttle", THROTTLED),
        ("!full", 0x14),
        ("!error", 0x45),
        ("!nack", 0x08),
    ] {
        let token = rig.submit(text, Form::default())[0];
        assert_eq!(rig.answer(token).await, (status, None), "{text}");
    }
    let token = rig.submit("!undeliv", Form::default())[0];
    assert_eq!(rig.answer(token).await.0, OK);
    assert_eq!(rig.deliver(OK).await.receipt().unwrap().state, State::Undeliverable);
}

#[tokio::test]
async fn a_malformed_message_does_not_end_the_session() {
    let mut rig = Rig::usual().await;
    rig.submit("!malformed", Form::default());
    rig.until(|event| matches!(event, Event::Malformed { .. })).await;
    let token = rig.submit("still here", Form::default())[0];
    assert_eq!(rig.answer(token).await.0, OK);
    assert_eq!(rig.smsc.counts().binds, 1);
}

#[tokio::test]
async fn the_window_is_kept_and_filled() {
    let config = SmscConfig {
        delay: Duration::from_millis(10),
        ..SmscConfig::default()
    }
    .with_window(4);
    let mut rig = Rig::new(config, |config| EsmeConfig { window: 4, ..config }).await;
    let tokens: Vec<u64> = (0..40).flat_map(|_| rig.submit("hello", Form::default())).collect();
    let mut answered = 0;
    while answered < tokens.len() {
        if let Event::Answered { status, .. } = rig.next().await {
            assert_eq!(status, OK);
            answered += 1;
        }
    }
    assert_eq!(rig.smsc.counts().throttled, 0);
    assert_eq!(rig.esme.free(), 1004);
}

#[tokio::test]
async fn an_smsc_with_a_rate_throttles_what_is_above() {
    let mut rig = Rig::new(
        SmscConfig {
            rate: Some(5),
            ..SmscConfig::default()
        },
        |config| config,
    )
    .await;
    let tokens: Vec<u64> = (0..20).flat_map(|_| rig.submit("hello", Form::default())).collect();
    let mut statuses = Vec::new();
    for token in tokens {
        statuses.push(rig.answer(token).await.0);
    }
    assert!(
        statuses[..5].iter().all(|status| *status == OK) && statuses[19] == THROTTLED,
        "{statuses:x?}"
    );
}

#[tokio::test]
async fn what_a_cut_leaves_unanswered_is_in_doubt_and_what_waits_is_unwritten() {
    let config = SmscConfig {
        delay: Duration::from_secs(60),
        ..SmscConfig::default()
    };
    let mut rig = Rig::new(config, |config| EsmeConfig { window: 2, ..config }).await;
    let tokens: Vec<u64> = (0..5).flat_map(|_| rig.submit("hello", Form::default())).collect();
    rig.counted(|counts| counts.submits == 2).await;
    rig.smsc.cut();
    let (mut doubts, mut unwritten) = (Vec::new(), Vec::new());
    loop {
        match rig.next().await {
            Event::InDoubt { token } => doubts.push(token),
            Event::Unwritten { token } => unwritten.push(token),
            Event::Lost { why, again, .. } => {
                assert!(matches!(why, Why::Broken(_)) && again.is_some(), "{why:?}");
                break;
            }
            _ => {}
        }
    }
    assert_eq!((&doubts[..], &unwritten[..]), (&tokens[..2], &tokens[2..]));
    rig.until(|event| matches!(event, Event::Bound { .. })).await;
    assert_eq!(rig.esme.free(), 1002);
}

#[tokio::test]
async fn silence_puts_in_doubt_a_late_answer_counts_and_a_stalled_window_is_left() {
    let quick = |config| EsmeConfig {
        submit_timeout: Duration::from_millis(100),
        window: 2,
        ..config
    };
    let mut rig = Rig::new(SmscConfig::default(), quick).await;
    let late = rig.submit("!late", Form::default())[0];
    rig.until(|event| matches!(event, Event::InDoubt { token } if *token == late))
        .await;
    assert_eq!(rig.answer(late).await.0, OK);
    let silent = [
        rig.submit("!silent", Form::default()),
        rig.submit("!silent", Form::default()),
    ]
    .concat();
    for wanted in silent {
        rig.until(|event| matches!(event, Event::InDoubt { token } if *token == wanted))
            .await;
    }
    rig.until(|event| matches!(event, Event::Lost { why: Why::Stalled, .. }))
        .await;
    rig.until(|event| matches!(event, Event::Bound { .. })).await;
}

#[tokio::test]
async fn an_smsc_that_does_not_answer_enquiries_is_left() {
    let faults = Faults {
        enquire_silence: true,
        ..Faults::default()
    };
    let quick = |config| EsmeConfig {
        enquire: Duration::from_millis(50),
        enquire_timeout: Duration::from_millis(50),
        ..config
    };
    let mut rig = Rig::new(
        SmscConfig {
            faults,
            ..SmscConfig::default()
        },
        quick,
    )
    .await;
    rig.until(|event| matches!(event, Event::Lost { why: Why::Silent, .. }))
        .await;
    rig.smsc.set_faults(Faults::default());
    rig.until(|event| matches!(event, Event::Bound { .. })).await;
    rig.counted(|counts| counts.enquiries >= 4).await;
}

#[tokio::test]
async fn the_smsc_unbinds_and_we_are_back() {
    let mut rig = Rig::usual().await;
    rig.smsc.unbind();
    rig.until(|event| matches!(event, Event::Lost { why: Why::Unbound, .. }))
        .await;
    rig.until(|event| matches!(event, Event::Bound { .. })).await;
    assert_eq!(rig.smsc.counts().binds, 2);
}

#[tokio::test]
async fn a_pair_submits_by_one_connection_and_receives_by_the_other() {
    let mut rig = Rig::new(SmscConfig::default(), |config| EsmeConfig {
        bind: Binding::Pair,
        ..config
    })
    .await;
    let token = rig.submit("hello", Form::default())[0];
    assert_eq!(rig.answer(token).await.0, OK);
    assert_eq!(rig.deliver(OK).await.receipt().unwrap().state, State::Delivered);
    assert_eq!(rig.smsc.counts().binds, 2);
}

#[tokio::test]
async fn a_wrong_password_waits_five_minutes_and_says_so() {
    let smsc = listening(SmscConfig {
        account: Some(("reef".into(), "other".into())),
        ..SmscConfig::default()
    })
    .await;
    let (to, mut events) = mpsc::channel(100);
    let esme = Esme::start(fast(&smsc), to).unwrap();
    let Some(Event::Lost { mode, why, again }) = events.recv().await else {
        panic!()
    };
    assert_eq!(
        (mode, why, again),
        (
            Mode::Transceiver,
            Why::Refused(BAD_PASSWORD),
            Some(Duration::from_secs(300))
        )
    );
    assert_eq!(esme.free(), 0);
    timeout(PATIENCE, esme.stop()).await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_told_and_dialled_again() {
    let smsc = listening(SmscConfig::default()).await;
    let config = fast(&smsc);
    drop(smsc);
    let (to, mut events) = mpsc::channel(100);
    let esme = Esme::start(config, to).unwrap();
    for _ in 0..3 {
        let event = timeout(PATIENCE, events.recv()).await.unwrap().unwrap();
        assert!(
            matches!(
                event,
                Event::Lost {
                    why: Why::Unreachable(_),
                    again: Some(_),
                    ..
                }
            ),
            "{event:?}"
        );
    }
    timeout(PATIENCE, esme.stop()).await.unwrap();
}

#[tokio::test]
async fn stopping_waits_for_what_is_under_way() {
    let config = SmscConfig {
        delay: Duration::from_millis(100),
        ..SmscConfig::default()
    };
    let mut rig = Rig::new(config, |config| EsmeConfig { window: 3, ..config }).await;
    for _ in 0..5 {
        rig.submit("!noreceipt", Form::default());
    }
    rig.counted(|counts| counts.submits == 3).await;
    rig.esme.stop().await;
    let mut said = Vec::new();
    while let Some(event) = rig.events.recv().await {
        said.push(match event {
            Event::Answered { token, status: OK, .. } => format!("answered {token}"),
            Event::Unwritten { token } => format!("unwritten {token}"),
            Event::Lost {
                why: Why::Stopped,
                again: None,
                ..
            } => "stopped".to_owned(),
            Event::Written { .. } => continue,
            other => panic!("{other:?}"),
        });
    }
    said.sort();
    assert_eq!(
        said,
        [
            "answered 1",
            "answered 2",
            "answered 3",
            "stopped",
            "unwritten 4",
            "unwritten 5"
        ]
    );
}

#[tokio::test]
async fn a_slow_reader_of_events_holds_up_submits_and_loses_nothing() {
    let smsc = listening(SmscConfig::default()).await;
    let (to, mut events) = mpsc::channel(1);
    let esme = Esme::start(
        EsmeConfig {
            window: 100,
            ..fast(&smsc)
        },
        to,
    )
    .unwrap();
    assert!(matches!(events.recv().await, Some(Event::Bound { .. })));
    let mut rig = Rig {
        smsc,
        esme,
        events,
        tokens: 0,
    };
    for _ in 0..1000 {
        rig.submit("!noreceipt", Form::default());
    }
    let mut answered = 0;
    while answered < 1000 {
        answered += u32::from(matches!(rig.next().await, Event::Answered { status: OK, .. }));
    }
}

/// What stands in front of the SMSC and speaks TLS.
async fn tls_front(to: SocketAddr) -> (SocketAddr, tempfile::NamedTempFile) {
    let made = rcgen::generate_simple_self_signed(["smsc.test".to_owned()]).unwrap();
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), made.cert.pem()).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut outer) = acceptor.accept(stream).await else {
                continue;
            };
            let mut inner = tokio::net::TcpStream::connect(to).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut outer, &mut inner).await });
        }
    });
    (address, ca)
}

#[tokio::test]
async fn tls_is_spoken_with_whom_the_certificate_names_and_with_nobody_else() {
    let smsc = listening(SmscConfig::default()).await;
    let (front, ca) = tls_front(smsc.address()).await;
    let named = |name: &str| {
        let tls = Some(Tls {
            name: Some(name.to_owned()),
            ca: Some(ca.path().to_owned()),
        });
        EsmeConfig {
            tls,
            address: front.to_string(),
            ..fast(&smsc)
        }
    };
    let (to, mut events) = mpsc::channel(100);
    let esme = Esme::start(named("other.test"), to.clone()).unwrap();
    assert!(matches!(
        events.recv().await,
        Some(Event::Lost {
            why: Why::Unreachable(_),
            ..
        })
    ));
    esme.stop().await;
    while events.try_recv().is_ok() {}
    let config = named("smsc.test");
    let esme = Esme::start(config, to).unwrap();
    assert!(matches!(events.recv().await, Some(Event::Bound { .. })));
    let mut rig = Rig {
        smsc,
        esme,
        events,
        tokens: 0,
    };
    let tokens: Vec<u64> = (0..50)
        .flat_map(|_| rig.submit(&"long ".repeat(100), Form::default()))
        .collect();
    assert_eq!(rig.answer(*tokens.last().unwrap()).await.0, OK);
}
