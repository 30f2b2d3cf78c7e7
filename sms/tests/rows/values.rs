//! Values of every kind that there is: who adds a kind adds it here.

use super::{AT, HASH, NODE, SEQ, kinds};
use reef_sms::config::Hours;
use reef_sms::tables::rows::{Asked, Class, Final, Progress, State};
use reef_sms::tables::{Change, Keep, Say};

pub(crate) fn states() -> Vec<State> {
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

pub(crate) fn asked() -> Vec<Asked> {
    vec![Asked::Follow("a@b".into()), Asked::Join("ann".into()), Asked::Again]
}

pub(crate) fn changes() -> Vec<Change> {
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

pub(crate) fn finals() -> Vec<Final> {
    use Final::{Deleted, Delivered, Expired, Rejected, Undeliverable, Unknown};
    vec![Delivered, Expired, Deleted, Undeliverable, Rejected, Unknown]
}

pub(crate) fn progresses() -> Vec<Progress> {
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

pub(crate) fn classes() -> Vec<Class> {
    vec![Class::First, Class::Answer, Class::Message, Class::Post, Class::Digest]
}

pub(crate) fn says() -> Vec<Say> {
    let say = |class| Say {
        class,
        text: "words".into(),
        expires: AT,
    };
    classes().into_iter().map(say).collect()
}

pub(crate) fn keep() -> Keep {
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
