//! The tool as a whole against a scripted server: what it counts is what the server did.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test: the scripted server needs threads"
)]

mod fake_server;

use fake_server::Faults;
use serde_json::Value;
use std::process::Command;
use std::sync::Arc;

/// Runs the tool; its exit code and its report.
fn run(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_reef-loadtest"))
        .args(arguments)
        .args(["--json", "-", "--no-progress"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"));
    (output.status.code(), report)
}

/// Ten posts to five followers by a server with these faults.
fn fanout(faults: Faults) -> (Option<i32>, Value) {
    let server = fake_server::start(faults, None).to_string();
    let flags = [
        "--followers",
        "5",
        "--posts",
        "10",
        "--outstanding",
        "20",
        "--patience",
        "2",
        "--register",
    ];
    let (code, report) = run(&[&["fanout", "--server", &server][..], &flags[..]].concat());
    (code, report["faults"].clone())
}

/// The counts of faults in the order of the report.
fn counts(faults: &Value) -> [u64; 6] {
    ["lost", "doubled", "out_of_order", "unasked", "refused", "dropped"].map(|name| faults[name].as_u64().unwrap())
}

#[test]
fn a_server_without_faults_has_none() {
    let server = fake_server::start(Faults::default(), None).to_string();
    let (code, report) = run(&[
        "fanout",
        "--server",
        &server,
        "--followers",
        "5",
        "--posts",
        "10",
        "--threads",
        "2",
    ]);
    assert_eq!(code, Some(0));
    assert_eq!(counts(&report["faults"]), [0; 6]);
    let posts = &report["phases"].as_array().unwrap()[0];
    assert_eq!(
        (posts["posts"].as_u64(), posts["deliveries"].as_u64()),
        (Some(10), Some(50))
    );
    assert_eq!(posts["latencies"]["last"]["count"].as_u64(), Some(10));
    assert_eq!(posts["latencies"]["first"]["count"].as_u64(), Some(10));
}

// The first post of a fan-out measures bytes: numbers 1 to 10 are the round's.
#[test]
fn a_doubled_post_counts_once_per_follower() {
    let (code, faults) = fanout(Faults {
        double: Some(3),
        ..Faults::default()
    });
    assert_eq!((code, counts(&faults)), (Some(1), [0, 5, 0, 0, 0, 0]), "{faults}");
}

#[test]
fn a_late_post_is_out_of_order_and_not_lost() {
    let (code, faults) = fanout(Faults {
        late: Some(3),
        ..Faults::default()
    });
    assert_eq!((code, counts(&faults)), (Some(1), [0, 0, 5, 0, 0, 0]), "{faults}");
}

#[test]
fn a_post_that_never_comes_is_lost() {
    let (code, faults) = fanout(Faults {
        lose: Some(10),
        ..Faults::default()
    });
    assert_eq!((code, counts(&faults)), (Some(1), [5, 0, 0, 0, 0, 0]), "{faults}");
    let (_, faults) = fanout(Faults {
        lose: Some(4),
        ..Faults::default()
    });
    assert_eq!(counts(&faults), [5, 0, 0, 0, 0, 0], "{faults}");
}

#[test]
fn a_refused_post_is_told_in_the_server_s_words() {
    let (code, faults) = fanout(Faults {
        refuse: Some(2),
        ..Faults::default()
    });
    assert_eq!((code, counts(&faults)), (Some(1), [5, 0, 0, 0, 1, 0]), "{faults}");
    assert!(faults["words"].to_string().contains("policy-violation"), "{faults}");
}

#[test]
fn followers_who_are_cut_off_are_counted() {
    let (code, faults) = fanout(Faults {
        cut: Some(10),
        ..Faults::default()
    });
    assert_eq!((code, counts(&faults)), (Some(1), [5, 0, 0, 0, 0, 5]), "{faults}");
}

#[test]
fn a_run_that_breaks_off_is_told_with_what_was_found() {
    let cut = Faults {
        cut: Some(3),
        ..Faults::default()
    };
    let server = fake_server::start(cut, None).to_string();
    let flags = "--followers 6 --groups 3 --period 0.5 --rounds 1 --patience 2".split(' ');
    let flags: Vec<&str> = ["away", "--server", &server].into_iter().chain(flags).collect();
    let (code, report) = run(&flags);
    let faults = &report["faults"];
    assert_eq!(code, Some(1));
    let word = faults["words"].to_string();
    assert!(
        counts(faults)[5] > 0 && word.contains("posts, comings and goings 1"),
        "{faults}"
    );
}

#[test]
fn sessions_log_in_under_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let server = fake_server::start(Faults::default(), Some(Arc::new(config))).to_string();
    let (code, report) = run(&[
        "connect-storm",
        "--tls",
        "direct",
        "--server-tls",
        &server,
        "--sessions",
        "20",
    ]);
    assert_eq!((code, counts(&report["faults"])), (Some(0), [0; 6]));
    assert_eq!(report["phases"][0]["latencies"]["job"]["count"].as_u64(), Some(20));
}

#[test]
fn followers_come_and_go_and_a_page_is_written() {
    let server = fake_server::start(Faults::default(), None).to_string();
    let page = tempfile::NamedTempFile::new().unwrap();
    let html = page.path().to_str().unwrap();
    let shape = [
        "--authors",
        "3",
        "--followers",
        "6",
        "--follows",
        "3",
        "--seconds",
        "0.3",
        "--html",
        html,
    ];
    let (code, report) = run(&[&["graph", "--server", &server][..], &shape[..]].concat());
    // The scripted server gives every post to all: all follow all here.
    assert_eq!((code, counts(&report["faults"])), (Some(0), [0; 6]));
    let text = std::fs::read_to_string(page.path()).unwrap();
    assert!(text.starts_with("<!doctype html>") && text.contains("No faults") && text.contains("<svg"));
    assert!(
        !text.contains("http://") || !text.contains("src="),
        "nothing is loaded from elsewhere"
    );
}
