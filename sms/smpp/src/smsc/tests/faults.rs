//! What fails is told as what it is, and ends no more than it must. The rig is `super`'s.

use super::*;

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
