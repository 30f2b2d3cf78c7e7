//! Whatever is written into the log or the tables is read again as it was: every operation, change and row.
//!
//! A value that is read otherwise than it is written makes the whole store count as damaged at the next start. Knows no
//! engine: only the bytes.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

use reef_engine::model::{NodeId, Seq, Timestamp};
use reef_sms::config::Hours;
use reef_sms::tables::rows::{
    Asked, Audit, Audited, Class, Code, Delivery, DeliveryId, Dialogue, Edge, Fanout, Final, Heard, Held, Number,
    NumberId, Progress, Ring, RouteId, Spent, State, Usage, Waiting, What,
};
use reef_sms::tables::{
    Change, Do, Fate, Hear, HearMost, Intent, Keep, NewCode, Op, Outcome, Plan, Receipt, RingMove, Say, Source,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fmt::Debug;

const HASH: [u8; 16] = [9; 16];
const AT: Timestamp = Timestamp(1_768_046_400_123);
const NODE: NodeId = NodeId(u32::MAX);
const SEQ: Seq = Seq(u64::MAX);
const ID: DeliveryId = DeliveryId(1 << 40);
const NUMBER: NumberId = NumberId(70_000);
const ROUTE: RouteId = RouteId(300);

/// Written, read, and nothing left over.
fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let bytes = postcard::to_stdvec(value).unwrap();
    let (read, rest) = postcard::take_from_bytes::<T>(&bytes).unwrap_or_else(|error| panic!("{value:?}: {error}"));
    assert_eq!(read, *value);
    assert!(rest.is_empty(), "{value:?} left {rest:?}");
}

/// The kinds among some values, as their own names have it.
fn kinds<T: Debug>(values: &[T]) -> BTreeSet<String> {
    let name = |value: &T| {
        let shown = format!("{value:?}");
        shown.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned()
    };
    values.iter().map(name).collect()
}

fn states() -> Vec<State> {
    use State::{Active, Bad, Dormant, New, Off, Pending, Stopped};
    let all = vec![New, Pending, Active, Off, Stopped, Dormant, Bad];
    // Who adds one adds it above.
    for state in &all {
        match state {
            New | Pending | Active | Off | Stopped | Dormant | Bad => {}
        }
    }
    all
}

fn asked() -> Vec<Asked> {
    vec![Asked::Follow("a@b".into()), Asked::Join("ann".into()), Asked::Again]
}

fn changes() -> Vec<Change> {
    let mut all: Vec<Change> = states().into_iter().map(Change::State).collect();
    all.extend(asked().into_iter().map(|asked| Change::Ask(asked, AT)));
    for hours in [
        None,
        Some(Hours::default()),
        Some(Hours::minutes(1_260, 480)),
        Some(Hours::minutes(0, 1_439)),
    ] {
        all.push(Change::Quiet(hours));
    }
    all.extend([
        Change::Answered,
        Change::Account(None),
        Change::Account(Some("a@b".into())),
        Change::Get(NODE, u16::MAX),
        Change::Unget(NODE),
        Change::On(None, true),
        Change::On(Some(NODE), false),
        Change::Zone(None),
        Change::Zone(Some("Europe/Berlin".into())),
        Change::Limit(None),
        Change::Limit(Some(200)),
        Change::Messages(true),
        Change::Replies(false),
        Change::Pin(None),
        Change::Pin(Some(HASH)),
        Change::PinTried(false, 5, AT),
        Change::Doubted(true),
        Change::Took(vec![(NODE, SEQ)]),
        Change::Helped,
        Change::Hinted,
        Change::Posted(Some(u64::MAX)),
        Change::Posted(None),
        Change::Consent(vec![0, 255]),
        Change::Read,
        Change::Proved("a@b".into(), HASH),
    ]);
    // Who adds one adds it above.
    for change in &all {
        match change {
            Change::State(_) | Change::Ask(..) | Change::Answered | Change::Account(_) | Change::Get(..) => {}
            Change::Unget(_) | Change::On(..) | Change::Zone(_) | Change::Quiet(_) | Change::Limit(_) => {}
            Change::Messages(_) | Change::Replies(_) | Change::Pin(_) | Change::PinTried(..) => {}
            Change::Doubted(_) | Change::Took(_) | Change::Helped | Change::Hinted | Change::Posted(_) => {}
            Change::Consent(_) | Change::Read | Change::Proved(..) => {}
        }
    }
    assert_eq!(kinds(&all).len(), 22);
    all
}

fn finals() -> Vec<Final> {
    use Final::{Deleted, Delivered, Expired, Rejected, Undeliverable, Unknown};
    vec![Delivered, Expired, Deleted, Undeliverable, Rejected, Unknown]
}

fn progresses() -> Vec<Progress> {
    let mut all: Vec<Progress> = finals().into_iter().map(Progress::Final).collect();
    all.extend([
        Progress::Intent,
        Progress::Later(3, AT),
        Progress::Acked,
        Progress::InDoubt,
        Progress::Failed(u32::MAX),
        Progress::Expired,
        Progress::Void,
    ]);
    assert_eq!(kinds(&all).len(), 8);
    all
}

fn classes() -> Vec<Class> {
    vec![Class::First, Class::Answer, Class::Message, Class::Post, Class::Digest]
}

fn sources() -> Vec<Source> {
    vec![
        Source::Post {
            node: NODE,
            seq: SEQ,
            others: vec![Seq(1), SEQ],
        },
        Source::Waiting(AT, ID),
        Source::Digest {
            text: "12 posts: \u{1f980}".into(),
            handled: vec![(NODE, SEQ)],
            held: vec![(NODE, Seq(0))],
            more: u32::MAX,
            most: 3,
        },
    ]
}

fn intents() -> Vec<Intent> {
    let mut all = Vec::new();
    for (source, class) in sources()
        .into_iter()
        .flat_map(|s| classes().into_iter().map(move |c| (s.clone(), c)))
    {
        all.push(Intent {
            number: NUMBER,
            epoch: u32::MAX,
            class,
            segments: 4,
            micros: u64::MAX,
            day: i32::MIN,
            limit: 200,
            burst: 255,
            source,
            expires: AT,
        });
    }
    all
}

fn says() -> Vec<Say> {
    let say = |class| Say {
        class,
        text: "words".into(),
        expires: AT,
    };
    classes().into_iter().map(say).collect()
}

fn hear(stop: Option<&str>) -> Op {
    Op::Hear(Hear {
        route: ROUTE,
        hash: HASH,
        sealed: vec![1, 2],
        prefix: "+1202".into(),
        key: HASH,
        same_ms: u64::MAX,
        words: Vec::new(),
        stop: stop.map(Into::into),
        always: stop.is_some(),
        most: HearMost {
            hour: 30,
            day: 200,
            newcomers: u32::MAX,
            doubt_ms: u64::MAX,
            dormant_ms: 0,
        },
    })
}

fn code(say: Option<Say>) -> Op {
    Op::Code {
        account: "a@b".into(),
        made: Some(NewCode {
            code: HASH,
            hash: HASH,
            sealed: vec![3],
            route: ROUTE,
            from_phone: say.is_none(),
            until: AT,
            most: 3,
            most_of_account: 5,
            say,
        }),
    }
}

fn plan() -> Op {
    let to = RingMove {
        at: NUMBER,
        lap: u64::MAX,
        visits: u32::MAX,
    };
    Op::Plan(Plan {
        route: ROUTE,
        rings: vec![(NODE, to)],
        done: vec![(NODE, SEQ)],
        send: intents(),
        later: vec![(NUMBER, AT)],
        begun: vec![(AT, NUMBER)],
        put_off: vec![(Class::Message, AT, ID, Some(AT)), (Class::First, AT, ID, None)],
        day: -1,
        month: i32::MAX,
    })
}

fn fates() -> Vec<Fate> {
    let fate = |progress| Fate {
        id: ID,
        progress,
        ids: vec!["0a".into(), "".into()],
        bad: true,
    };
    progresses().into_iter().map(fate).collect()
}

fn receipts() -> Vec<Receipt> {
    let receipt = |said| Receipt {
        route: ROUTE,
        hash: HASH,
        ids: vec!["a".into()],
        said,
    };
    finals().into_iter().map(receipt).collect()
}

fn keep() -> Keep {
    Keep {
        deliveries: AT,
        heard: AT,
        early: AT,
        parts: AT,
        fresh: AT,
        consent: AT,
        most: u32::MAX,
    }
}

fn ops() -> Vec<Op> {
    let doing = |epoch, heard| {
        Op::Do(Do {
            number: NUMBER,
            epoch,
            heard,
            changes: changes(),
            say: says(),
            by: "phone".into(),
        })
    };
    let all = vec![
        Op::Part {
            key: HASH,
            sealed: vec![0; 300],
        },
        Op::Begin {
            routes: vec!["a".into(), "b".into()],
            check: HASH,
        },
        hear(None),
        hear(Some("stopped")),
        doing(None, None),
        doing(Some(7), Some(u64::MAX)),
        code(None),
        code(says().pop()),
        Op::Code {
            account: "a@b".into(),
            made: None,
        },
        Op::WrongCode { account: "a@b".into() },
        plan(),
        Op::Fates(fates()),
        Op::Receipts(receipts()),
        Op::Posts {
            upto: SEQ,
            posts: vec![(NODE, SEQ, "item".into(), AT)],
        },
        Op::Pause {
            route: ROUTE,
            paused: true,
        },
        Op::Forget(keep()),
        Op::Erase { number: NumberId(7) },
    ];
    // Who adds one adds it above.
    for op in &all {
        match op {
            Op::Part { .. } | Op::Begin { .. } | Op::Hear(_) | Op::Do(_) | Op::Code { .. } => {}
            Op::WrongCode { .. } | Op::Plan(_) | Op::Fates(_) | Op::Receipts(_) | Op::Posts { .. } => {}
            Op::Pause { .. } | Op::Forget(_) | Op::Erase { .. } => {}
        }
    }
    assert_eq!(kinds(&all).len(), 13);
    all
}

#[test]
fn every_operation_is_read_as_it_was_written() {
    for op in ops() {
        again(&op);
        assert_eq!(op.encode(), postcard::to_stdvec(&op).unwrap());
    }
    changes().iter().for_each(again);
    intents().iter().for_each(again);
    fates().iter().for_each(again);
    let outcome = Outcome {
        number: Some(NUMBER),
        epoch: 3,
        heard: Some(u64::MAX),
        planned: vec![None, Some(ID)],
        routes: vec![ROUTE],
        waiting: vec![ID],
        matched: 2,
        more: true,
    };
    again(&outcome);
    assert_eq!(Outcome::decode(&postcard::to_stdvec(&outcome).unwrap()), outcome);
}

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
