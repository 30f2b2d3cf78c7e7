//! Golden octets, receipts as they were met, and properties: of what is written against rusmpp, of what is read against anything.

use super::command::*;
use super::*;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

fn message(text: &[u8]) -> Message {
    Message {
        source: Address::new("40404").unwrap(),
        destination: Address::new("+491700000001").unwrap(),
        esm_class: 0,
        registered: 1,
        data_coding: 0,
        validity: String::new(),
        octets: Bytes::copy_from_slice(text),
        tlvs: Tlvs::default(),
    }
}

fn written(pdu: &Pdu) -> BytesMut {
    let mut out = BytesMut::new();
    pdu.write(&mut out);
    out
}

#[track_caller]
fn again(pdu: Pdu) {
    let mut out = written(&pdu);
    let frame = next_frame(&mut out).unwrap().unwrap();
    assert!(out.is_empty());
    assert_eq!(frame.read(), Ok(pdu));
}

#[test]
fn every_command_is_read_as_it_was_written() {
    let bind = |mode| Bind {
        mode,
        system_id: "reef".into(),
        password: "sixteen-letters!".into(),
        system_type: "".into(),
    };
    for mode in [Mode::Transceiver, Mode::Transmitter, Mode::Receiver] {
        again(Pdu::new(0, 1, Body::Bind(bind(mode))));
        again(Pdu::new(0, 1, Body::BindResp(mode, "smsc".into())));
        again(Pdu::new(BAD_PASSWORD, 1, Body::BindResp(mode, String::new())));
    }
    for kind in [Kind::Submit, Kind::Deliver, Kind::Data] {
        again(Pdu::new(0, 2, Body::Message(kind, message(b"hello"))));
        again(Pdu::new(0, 2, Body::Message(kind, message(&[b'x'; 300]))));
        again(Pdu::new(0, 2, Body::MessageResp(kind, Some("id-1".into()))));
        again(Pdu::new(THROTTLED, 2, Body::MessageResp(kind, None)));
    }
    let bodies = [
        Body::Unbind,
        Body::UnbindResp,
        Body::EnquireLink,
        Body::EnquireLinkResp,
        Body::GenericNack,
        Body::Unknown(0x77),
    ];
    bodies.into_iter().for_each(|body| again(Pdu::new(0, 3, body)));
}

#[test]
fn a_submit_is_the_octets_of_the_standard() {
    let mut submit = message(&[5, 0, 3, 7, 2, 1, b'a']);
    submit.esm_class = HEADER_BIT;
    submit.validity = Validity::For(std::time::Duration::from_secs(60)).text();
    submit.tlvs.push(tlv::USER_MESSAGE_REFERENCE, vec![1, 2]);
    let octets = written(&Pdu::new(0, 9, Body::Message(Kind::Submit, submit)));
    let body: &[u8] = b"\0\x00\x0140404\0\x01\x01491700000001\0\x40\0\0\x00000000000100000R\0\x01\0\0\0\x07\x05\0\x03\x07\x02\x01a\x02\x04\0\x02\x01\x02";
    assert_eq!(octets[16..].escape_ascii().to_string(), body.escape_ascii().to_string());
    assert_eq!(
        octets[..16],
        [0, 0, 0, 16 + body.len() as u8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 9]
    );
}

#[test]
fn no_esm_class_turns_into_an_acknowledgement() {
    for esm_class in 0..=u8::MAX {
        let sent = Message {
            esm_class,
            ..message(b"")
        };
        again(Pdu::new(0, 1, Body::Message(Kind::Deliver, sent)));
    }
    let plain = written(&Pdu::new(0, 1, Body::Message(Kind::Submit, message(b"a"))));
    assert_eq!(plain[16 + 24], 0, "esm_class of a plain submit");
}

#[test]
fn a_response_may_be_a_header_only_and_an_id_may_lack_its_end() {
    let frame = |command: u32, status, body: &'static [u8]| Frame {
        header: Header {
            command: command | RESPONSE,
            status,
            sequence: 1,
        },
        body: Bytes::from_static(body),
    };
    let id = |frame: Frame| match frame.read().unwrap().body {
        Body::MessageResp(Kind::Submit, id) => id,
        other => panic!("{other:?}"),
    };
    assert_eq!(id(frame(SUBMIT_SM, THROTTLED, b"")), None);
    assert_eq!(id(frame(SUBMIT_SM, OK, b"")), None);
    assert_eq!(id(frame(SUBMIT_SM, OK, b"abc")), Some("abc".into()));
    assert_eq!(id(frame(SUBMIT_SM, OK, b"abc\0\x14\x03\0\x01")), Some("abc".into()));
    assert!(matches!(
        frame(BIND_TRANSCEIVER, BAD_PASSWORD, b"").read().unwrap().body,
        Body::BindResp(..)
    ));
}

#[test]
fn a_body_that_cannot_be_read_is_a_value_that_keeps_the_header() {
    let mut octets = written(&Pdu::new(0, 77, Body::Message(Kind::Deliver, message(b"hello"))));
    octets[16 + 33] = 200; // sm_length
    let frame = next_frame(&mut octets).unwrap().unwrap();
    let malformed = frame.read().unwrap_err();
    assert_eq!((malformed.header.sequence, malformed.header.command), (77, DELIVER_SM));
}

#[track_caller]
fn check(text: &str, ids: &[&str], state: State, error: Option<&str>) {
    let found = receipt(&Message {
        esm_class: TYPE_RECEIPT,
        ..message(text.as_bytes())
    })
    .unwrap();
    assert_eq!(
        (found.ids, found.state, found.error.as_deref()),
        (ids.iter().map(|id| (*id).to_owned()).collect(), state, error)
    );
}

#[test]
fn receipts_are_read_however_they_are_written() {
    let usual =
        "id:0a1B sub:001 dlvrd:001 submit date:2611231210 done date:2611231211 stat:DELIVRD err:000 text:hello id:9";
    check(usual, &["a1b", "2587"], State::Delivered, Some("000"));
    check(
        "stat: undeliv err: 011 id: 0000002587",
        &["2587", "9607", "a1b"],
        State::Undeliverable,
        Some("011"),
    );
    check("ID:7c-9_x STAT:EXPIRED", &["7c-9_x"], State::Expired, None);
    check(
        "id:12,stat:REJECTED,err:,text:",
        &["12", "18", "c"],
        State::Rejected,
        None,
    );
    check("Message for you", &[], State::Unknown, None);
    check("stat:ACCEPTED id:1", &["1"], State::Accepted, None);
    check("text:hi id:5 stat:DELIVRD", &["5"], State::Delivered, None);
    let utf16: Vec<u8> = usual.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let found = receipt(&Message {
        esm_class: TYPE_RECEIPT,
        data_coding: 8,
        ..message(&utf16)
    })
    .unwrap();
    assert_eq!((found.state, found.ids[0].as_str()), (State::Delivered, "a1b"));
}

#[test]
fn parameters_win_over_text_and_suffice_without_a_type() {
    let mut told = message(b"id:1 stat:UNDELIV err:001");
    told.tlvs.push(tlv::RECEIPTED_MESSAGE_ID, &b"00FF\0"[..]);
    told.tlvs.push(tlv::MESSAGE_STATE, vec![2]);
    told.tlvs.push(tlv::NETWORK_ERROR_CODE, vec![3, 0, 34]);
    told.tlvs.push(tlv::USER_MESSAGE_REFERENCE, vec![1, 0]);
    let found = receipt(&told).unwrap();
    assert_eq!(
        (found.ids, found.state, found.reference),
        (vec!["ff".into(), "255".into()], State::Delivered, Some(256))
    );
    assert_eq!(found.error.as_deref(), Some("034"));
}

#[test]
fn what_a_phone_sends_is_no_receipt_whatever_it_says() {
    assert_eq!(receipt(&message(b"id:1 stat:DELIVRD")), None);
    for acknowledgement in [0x08, 0x10] {
        assert_eq!(
            receipt(&Message {
                esm_class: acknowledgement,
                ..message(b"id:1 stat:DELIVRD")
            }),
            None
        );
    }
    let notification = receipt(&Message {
        esm_class: TYPE_INTERMEDIATE,
        ..message(b"id:1 stat:ENROUTE")
    })
    .unwrap();
    assert!(notification.intermediate && !notification.state.is_final());
}

#[test]
fn final_is_all_but_what_is_under_way() {
    let all = [
        State::Delivered,
        State::Expired,
        State::Deleted,
        State::Undeliverable,
        State::Unknown,
        State::Rejected,
        State::Skipped,
    ];
    assert!(all.iter().all(|state| state.is_final()));
    assert!(
        ![State::Scheduled, State::Enroute, State::Accepted]
            .iter()
            .any(|state| state.is_final())
    );
}

#[test]
fn parts_are_joined_by_header_or_by_parameters() {
    let mut sar = message(b"text");
    for (tag, value) in [
        (tlv::SAR_REFERENCE, vec![1, 2]),
        (tlv::SAR_TOTAL, vec![3]),
        (tlv::SAR_NUMBER, vec![2]),
    ] {
        sar.tlvs.push(tag, value);
    }
    let (join, octets) = sar.unwrapped().unwrap();
    assert_eq!((join.unwrap().reference, octets), (0x102, &b"text"[..]));
    let header = Message {
        esm_class: HEADER_BIT,
        ..message(&[5, 0, 3, 7, 2, 1, b'a'])
    };
    let (join, octets) = header.unwrapped().unwrap();
    assert_eq!((join.unwrap().number, octets), (1, &b"a"[..]));
    assert!(
        Message {
            esm_class: HEADER_BIT,
            ..message(&[9, 0])
        }
        .unwrapped()
        .is_err()
    );
}

#[test]
fn nothing_that_is_logged_shows_a_password_or_a_number() {
    let bind = Bind {
        mode: Mode::Transceiver,
        system_id: "reef".into(),
        password: "secret".into(),
        system_type: "".into(),
    };
    let shown = format!(
        "{:?} {:?}",
        Body::Bind(bind),
        Body::Message(Kind::Submit, message(b"private"))
    );
    for hidden in ["secret", "private", "1700000001"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

proptest! {
    #[test]
    fn any_stream_is_read_without_panic(octets in prop::collection::vec(any::<u8>(), 0..400), command in 0_u32..0x10, response: bool) {
        let mut read = BytesMut::from(&octets[..]);
        while let Ok(Some(frame)) = next_frame(&mut read) {
            let _ = frame.read();
        }
        let command = command | if response { RESPONSE } else { 0 };
        let frame = Frame { header: Header { command, status: 0, sequence: 1 }, body: octets.into() };
        if let Ok(Pdu { body: Body::Message(_, message), .. }) = frame.read() {
            let _ = (receipt(&message), message.unwrapped());
        }
    }

    #[test]
    fn messages_are_read_as_they_were_written(
        number in "[0-9]{1,20}", octets in prop::collection::vec(any::<u8>(), 0..600), esm_class: u8, data_coding: u8, registered: u8, tag: u16,
    ) {
        let mut sent = Message { esm_class, data_coding, registered, octets: octets.into(), ..message(b"") };
        sent.destination.number = number;
        if tag != tlv::MESSAGE_PAYLOAD {
            sent.tlvs.push(tag, vec![1, 2, 3]);
        }
        for kind in [Kind::Submit, Kind::Deliver, Kind::Data] {
            let mut out = written(&Pdu::new(0, 5, Body::Message(kind, sent.clone())));
            let read = next_frame(&mut out).unwrap().unwrap().read().unwrap();
            prop_assert_eq!(read.body, Body::Message(kind, sent.clone()));
        }
    }
}
