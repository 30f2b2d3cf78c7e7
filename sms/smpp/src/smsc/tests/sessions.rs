//! Sessions that end, are refused, are stopped, or go over TLS. The rig is `super`'s.

use super::*;

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
