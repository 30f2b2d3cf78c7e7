//! Every row that the tables keep.

use super::values::{asked, keep, progresses, states};
use super::{AT, HASH, NODE, NUMBER, ROUTE, SEQ, again};
use reef_engine::model::Seq;
use reef_sms::config::Hours;
use reef_sms::tables::rows::{
    Audit, Audited, Class, Code, Delivery, Dialogue, Edge, Fanout, Heard, Held, Number, Ring, Spent, State, Usage,
    Waiting, What,
};

fn number(state: State, quiet: Option<Hours>, all: bool) -> Number {
    Number {
        hash: HASH,
        sealed: vec![7; 40],
        route: ROUTE,
        state,
        epoch: u32::MAX,
        since: SEQ,
        account: all.then(|| "a@b".into()),
        zone: all.then(|| "Europe/Berlin".into()),
        quiet,
        limit: all.then_some(200),
        messages: all,
        replies: !all,
        pin: all.then_some(HASH),
        doubted: all,
        heard: AT,
        made: AT,
        gets: u16::MAX,
    }
}

#[test]
fn every_row_of_a_number_is_read_as_it_was_written() {
    for state in states() {
        again(&state);
        again(&number(state, None, false));
        again(&number(state, Some(Hours::minutes(1_260, 480)), true));
    }
    again(&Usage::default());
    again(&Usage {
        day: i32::MIN,
        segments: u16::MAX,
        answers: 1,
        digests: u8::MAX,
        helps: 3,
        burst: (AT, 6),
        due: Some(AT),
        reference: u16::MAX,
        strikes: 2,
        stop_told: Some(AT),
        hinted: Some(AT),
        said: (AT, 1, 2, 3),
        pins: (4, AT),
        last: Some((NODE, SEQ, AT)),
        posted: Some((u64::MAX, AT)),
        codes: (i32::MAX, 3),
    });
    again(&Held {
        posts: vec![(NODE, SEQ)],
        more: 9,
    });
    for asked in asked() {
        again(&Dialogue { asked, until: AT });
    }
    again(&Code {
        code: HASH,
        number: NUMBER,
        from_phone: true,
        until: AT,
        tries: 5,
        made: (i32::MAX, 3),
    });
    again(&Heard {
        number: NUMBER,
        route: ROUTE,
        at: AT,
        sealed: vec![0, 1],
    });
    let mut audited: Vec<Audited> = states().into_iter().map(Audited::State).collect();
    audited.extend([Audited::Linked(true), Audited::Consent, Audited::Read, Audited::Locked]);
    for what in audited {
        again(&Audit {
            at: AT,
            hash: HASH,
            what,
            epoch: 2,
            by: "operator".into(),
        });
    }
}

#[test]
fn every_row_of_what_is_sent_is_read_as_it_was_written() {
    let whats = [
        What::Post {
            node: NODE,
            seq: SEQ,
            more: u16::MAX,
        },
        What::Text("words".into()),
        What::Digest("\u{1f980}".into()),
    ];
    for (progress, what) in progresses().into_iter().flat_map(|p| whats.iter().map(move |w| (p, w))) {
        again(&Delivery {
            number: NUMBER,
            route: ROUTE,
            class: Class::Post,
            what: what.clone(),
            epoch: 1,
            at: AT,
            expires: AT,
            segments: 4,
            progress,
            ids: vec!["0a".into()],
        });
    }
    again(&Waiting {
        number: NUMBER,
        epoch: 1,
        text: "words".into(),
        again: true,
        at: AT,
        expires: AT,
    });
    again(&Edge {
        on: true,
        handled: SEQ,
        sent: Seq(0),
    });
    again(&Ring {
        at: NUMBER,
        lap: u64::MAX,
        visits: u64::MAX,
        followers: u32::MAX,
    });
    again(&Fanout {
        lap: 1,
        at: NUMBER,
        visits: 2,
        deadline: AT,
        item: "item".into(),
    });
    again(&Spent {
        segments: u64::MAX,
        micros: 1,
    });
    again(&keep());
}
