//! Every operation, as it is put into the log.

use super::values::{changes, classes, finals, keep, progresses, says};
use super::{AT, HASH, ID, NODE, NUMBER, ROUTE, SEQ, again, kinds};
use reef_engine::model::Seq;
use reef_sms::tables::rows::{Class, NumberId};
use reef_sms::tables::{Do, Fate, Hear, HearMost, Intent, NewCode, Op, Outcome, Plan, Receipt, RingMove, Say, Source};

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
        newest: SEQ,
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
