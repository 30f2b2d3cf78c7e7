//! The ruler by itself: a sender and a drain of fifty sockets, as a run starts them.
#![allow(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

struct Helper {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Helper {
    fn start(arguments: &[&str]) -> Helper {
        let mut child = Command::new(env!("CARGO_BIN_EXE_reef-loadtest"))
            .args(arguments)
            .args(["--sockets", "50", "--mark", "ltbare0000-", "--origin", "0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Helper { child, orders, answers }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn ask(&mut self, order: &str) -> Value {
        writeln!(self.orders, "{order}").unwrap();
        serde_json::from_str(&self.line()).unwrap()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sender and drain, ready.
fn ruler() -> (Helper, Helper) {
    let mut sender = Helper::start(&["bare-sender", "--bytes", "400"]);
    let port = sender.line();
    let mut drain = Helper::start(&["bare-drain", "--port", &port]);
    assert_eq!((drain.line().as_str(), sender.line().as_str()), ("ready", "ready"));
    (sender, drain)
}

/// Sends so in every manner, and sees every message arrive at every socket once.
fn every_manner(sender: &mut Helper, drain: &mut Helper, ring: &Value) {
    let load = |outstanding: u32, burst: u32, merge: u32, rate: f64, posts: u64| json!({ "outstanding": outstanding, "burst": burst, "merge": merge, "rate": rate, "seconds": 0.0, "posts": posts, "ring": ring });
    // 1,000 posts of 400 bytes in a burst fill the buffers of the sockets.
    let loads = [
        load(1, 0, 1, 0.0, 20),
        load(4, 0, 1, 0.0, 40),
        load(4, 0, 4, 0.0, 40),
        load(1, 1000, 1, 0.0, 1000),
        load(1, 0, 1, 500.0, 10),
    ];
    for load in loads {
        let sent = sender.ask(&load.to_string());
        let drained = drain.ask("collect");
        let posts = load["posts"].as_u64().unwrap();
        assert_eq!(sent["posts"].as_u64(), Some(posts), "{load}");
        assert_eq!(drained["deliveries"].as_u64(), Some(posts * 50), "{load}");
        assert_eq!(drained["bytes"].as_u64(), Some(posts * 50 * 400), "{load}");
        assert_eq!(drained["last"]["count"].as_u64(), Some(posts), "{load}");
        assert_eq!(drained["faults"].as_u64(), Some(0), "{load}");
    }
}

#[test]
fn every_socket_gets_every_message_in_every_manner() {
    let (mut sender, mut drain) = ruler();
    every_manner(&mut sender, &mut drain, &Value::Null);
}

/// Where the kernel or its administrator forbids rings, the tool says so, and there is nothing to look at.
#[test]
fn every_socket_gets_every_message_through_every_ring_that_may_be() {
    let (mut sender, mut drain) = ruler();
    for (name, work, batch, fixed, every) in [
        ("defer+1024", "Defer", 1024, false, false),
        ("defer+8+every", "Defer", 8, false, true),
        ("coop+16+fixed", "Coop", 16, true, false),
        ("plain+1+fixed+every", "Plain", 1, true, true),
    ] {
        writeln!(sender.orders, "ring {name}").unwrap();
        let answer = sender.line();
        if answer == "ready" {
            let ring = json!({ "work": work, "batch": batch, "fixed": fixed, "every": every });
            every_manner(&mut sender, &mut drain, &ring);
        } else {
            assert!(answer.contains("io_uring"), "{answer}");
        }
    }
    // After rings, plain sends go on where they were.
    every_manner(&mut sender, &mut drain, &Value::Null);
}
