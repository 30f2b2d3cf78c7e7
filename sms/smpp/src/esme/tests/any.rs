//! Whatever the other side does and however long it takes: each submit ends once, no place is lost, the window is kept. The bench
//! is `super`'s.

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

const WINDOW: usize = 5;

#[derive(Clone, Debug)]
enum Step {
    Submit(bool),
    /// An answer to one of the first numbers, perhaps to none.
    Answer(u32, u32),
    Nack(u32, u32),
    Octets(u32, Vec<u8>),
    Pass(u64),
    Stop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let status = prop_oneof![4 => Just(OK), 1 => Just(THROTTLED), 1 => any::<u32>()];
    let command = prop_oneof![
        Just(DELIVER_SM),
        Just(DATA_SM),
        Just(SUBMIT_SM),
        Just(ENQUIRE_LINK),
        0_u32..0x200,
        any::<u32>()
    ];
    let step = prop_oneof![
        6 => any::<bool>().prop_map(Step::Submit),
        6 => (1_u32..60, status.clone()).prop_map(|(number, status)| Step::Answer(number, status)),
        1 => (1_u32..60, status).prop_map(|(number, status)| Step::Nack(number, status)),
        2 => (command, prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(command, body)| Step::Octets(command, body)),
        2 => (1_u64..40).prop_map(Step::Pass),
        1 => Just(Step::Stop),
    ];
    prop::collection::vec(step, 0..120)
}

/// How each submit ended: in doubt and answered may both be, in this order.
fn ends(bench: &mut Bench, ended: &mut HashMap<u64, Vec<&'static str>>) {
    for event in bench.session.events.drain(..) {
        let (token, end) = match event {
            Event::Answered { token, .. } => (token, "answered"),
            Event::InDoubt { token } => (token, "in doubt"),
            Event::Voided { token } => (token, "voided"),
            Event::Unwritten { token } => (token, "unwritten"),
            _ => continue,
        };
        ended.entry(token).or_default().push(end);
    }
}

proptest! {
    #[test]
    fn each_submit_ends_once_and_no_place_is_lost(steps in steps()) {
        let mut bench = Bench::bound(WINDOW);
        let (mut tokens, mut ended) = (0, HashMap::new());
        for step in steps {
            match step {
                Step::Submit(may) if bench.session.takes() => {
                    tokens += 1;
                    bench.submit(tokens, may);
                }
                Step::Submit(_) => {}
                Step::Answer(number, status) => bench.receive(status, number, Body::MessageResp(Kind::Submit, None)),
                Step::Nack(number, status) => bench.receive(status, number, Body::GenericNack),
                Step::Octets(command, body) => {
                    let header = Header { command, status: 0, sequence: 1000 };
                    bench.session.frame(Frame { header, body: body.into() }, bench.now);
                }
                Step::Pass(seconds) => bench.pass(Duration::from_secs(seconds)),
                Step::Stop => bench.session.stop(bench.now),
            }
            prop_assert!(bench.session.pending.len() <= WINDOW);
            prop_assert_eq!(bench.session.doubts, bench.session.pending.values().filter(|pending| pending.in_doubt).count());
            ends(&mut bench, &mut ended);
            // All that it wrote is whole.
            let _ = bench.sent();
            if bench.session.phase == Phase::Ended {
                break;
            }
        }
        bench.session.give_up();
        ends(&mut bench, &mut ended);
        for token in 1..=tokens {
            let ended = ended.remove(&token).unwrap_or_default();
            let right = matches!(ended.as_slice(), ["answered" | "in doubt" | "voided"] | ["in doubt", "answered"]);
            prop_assert!(right, "{}: {:?}", token, ended);
        }
        prop_assert_eq!(bench.places.free(), 2000);
    }
}
