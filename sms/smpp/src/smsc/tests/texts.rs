//! Texts, receipts and messages from phones: what must arrive does, once. The rig is `super`'s.

use super::*;

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
