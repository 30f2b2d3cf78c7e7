//! The scenario `social` against a scripted server: every part runs, and each wrong answer is found.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test: the scripted server needs threads"
)]

mod fake_server;

use fake_server::Faults;
use fake_server::social::Wrong;
use serde_json::Value;
use std::process::{Command, Stdio};

/// Runs the scenario small against a server that errs so; the exit code, the report, and what was said.
fn run(wrong: Wrong, more: &[&str]) -> (Option<i32>, Value, String) {
    let faults = Faults {
        wrong,
        owners: &[3, 70],
        remembers: true,
        ..Faults::default()
    };
    let server = fake_server::start(faults, None).to_string();
    let flags = "--followers 3,70 --visits 2 --likes 25 --like-group 10 --clients 6 --posts 4 --follows 3,9 --missed 2,7 \
                 --returns 2 --rounds 2 --patience 2 --no-progress --json -";
    let output = Command::new(env!("CARGO_BIN_EXE_reef-loadtest"))
        .args(["social", "--server", &server])
        .args(flags.split_whitespace())
        .args(more)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (
        output.status.code(),
        report,
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// The words of a run in which something was wrong.
fn fault(wrong: Wrong, part: &str) -> String {
    let (code, report, errors) = run(wrong, &["--only", part]);
    assert_eq!(code, Some(1), "{report}");
    format!("{} {} {errors}", report["faults"], report["notes"])
}

#[test]
fn all_parts_are_measured_and_nothing_is_wrong_with_a_right_server() {
    // Figures of CPU are of some process that lives as long.
    let mut idle = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let (code, report, errors) = run(Wrong::default(), &["--pid", &idle.id().to_string()]);
    idle.kill().unwrap();
    idle.wait().unwrap();
    assert_eq!(code, Some(0), "{} {errors}", report["faults"]);
    let phases = report["phases"].as_array().unwrap();
    let of = |name: &str, field: &str| -> Vec<u64> {
        let named = phases.iter().filter(|phase| phase["name"] == name);
        named.map(|phase| phase[field].as_u64().unwrap()).collect()
    };
    assert_eq!(of("an owner of 70 followers logs in", "posts"), [2, 2]);
    assert_eq!(of("an owner of 70 followers asks", "posts"), [20, 20]);
    assert_eq!(of("likes of the one post", "posts"), [10, 10, 5]);
    for name in ["everybody fetches the newest", "everybody fetches by id"] {
        assert_eq!(of(name, "deliveries"), [6, 6], "{name}");
    }
    for follows in [3, 9] {
        assert_eq!(
            of(&format!("back: follows {follows}, missed 7"), "deliveries"),
            [14, 14]
        );
    }
    let keys: Vec<&str> = report["figures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["key"].as_str().unwrap())
        .collect();
    for key in [
        "owner_70_p50_ms",
        "owner_70_cpu_ms",
        "like_last_p99_ms",
        "like_last_cpu_us",
        "fetch_newest_ack_p50_ms",
        "fetch_by_id_cpu_us",
        "return_9_7_first_p50_ms",
        "return_9_7_cpu_ms",
    ] {
        assert!(keys.contains(&key), "{key} in {keys:?}");
    }
}

#[test]
fn a_wrong_number_of_followers_is_found() {
    let wrong = Wrong {
        followers: true,
        ..Wrong::default()
    };
    assert!(fault(wrong, "owners").contains("not what was asked for"));
}

#[test]
fn a_like_that_is_not_counted_is_found() {
    let wrong = Wrong {
        likes: true,
        ..Wrong::default()
    };
    assert!(fault(wrong, "likes").contains("noticed count='24'"));
}

#[test]
fn a_post_that_is_announced_with_what_is_in_it_is_found() {
    let wrong = Wrong {
        announced: true,
        ..Wrong::default()
    };
    assert!(fault(wrong, "newest").contains("announced with what is in it"));
}

#[test]
fn a_post_fetched_again_instead_of_the_next_is_found() {
    let wrong = Wrong {
        fetched: true,
        ..Wrong::default()
    };
    assert!(fault(wrong, "newest").contains("doubled"));
}

#[test]
fn a_post_that_does_not_come_on_return_is_found() {
    let wrong = Wrong {
        missed: true,
        ..Wrong::default()
    };
    assert!(fault(wrong, "returns").contains("no answer in time"));
}
