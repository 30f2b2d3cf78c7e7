//! `reef node import-followers`: a file of bare JIDs, one a line, to a node.
//!
//! Lines go in parts to a running server, or to the store where none runs; two parts are on their way at a time, so that
//! one is read and made canonical while the other is written. Empty lines and those that begin with `#` are left out.

use super::Exit;
use super::run::{absent, offline};
use crate::admin::{Connection, Performer, Request, Response};
use crate::config::Config;
use crossbeam::channel::{Receiver, bounded};
use reef_engine::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Arc;

/// Lines of a part.
const PART_LINES: usize = 5_000;
/// Lines after which it is told how far it is.
const TOLD_LINES: u64 = 1_000_000;
/// Bytes of a line: more than the longest bare JID.
const LINE_BYTES_MAX: usize = 4_096;
/// Parts that are on their way at a time.
const WORKERS: usize = 2;

/// Some lines, each with its number.
#[derive(Default)]
struct Part(Vec<(u64, String)>);

/// What came of them.
#[derive(Debug, Default)]
struct Summary {
    imported: u64,
    already: u64,
    refused: u64,
    bad: u64,
    first_bad: Option<(u64, String)>,
}

/// Where parts go.
pub(super) enum Way<'p> {
    Socket(Connection),
    Store(&'p Performer),
    /// One that nobody else has.
    Own(Box<Performer>),
}

impl Way<'_> {
    pub(super) fn ask(&mut self, request: Request) -> io::Result<Response> {
        match self {
            Way::Socket(connection) => connection.ask(&request),
            Way::Store(performer) => Ok(performer.perform(request)),
            Way::Own(performer) => Ok(performer.perform(request)),
        }
    }

    /// It is done with.
    pub(super) fn close(&self) {
        if let Way::Own(performer) = self {
            performer.engine.close();
        }
    }
}

/// The way to the running server, or to the store where none runs.
pub(super) fn way(config: &Config, part: Option<Arc<dyn crate::part::Part>>) -> Result<Way<'static>, Exit> {
    match Connection::open(&config.data_dir) {
        Ok(connection) => Ok(Way::Socket(connection)),
        Err(error) if absent(&error) => Ok(Way::Own(Box::new(offline(config, part)?))),
        Err(error) => Err(Exit::failed(error)),
    }
}

/// Imports a file, or standard input where it is `-`; what came of it.
///
/// # Errors
/// The file, the node, or the server; what was imported until then stays, and importing again goes on.
pub(super) fn import(
    (config, part): (&Config, Option<Arc<dyn crate::part::Part>>),
    service: &str,
    node: &str,
    file: &Path,
) -> Result<Value, Exit> {
    let started = SystemClock.now();
    let source: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let opened = File::open(file).map_err(|e| Exit::failed(format!("{} cannot be read: {e}", file.display())))?;
        Box::new(BufReader::with_capacity(1 << 20, opened))
    };
    let connected: Result<Vec<Connection>, io::Error> =
        (0..WORKERS).map(|_| Connection::open(&config.data_dir)).collect();
    let summary = match connected {
        Ok(connections) => send(
            source,
            service,
            node,
            connections.into_iter().map(Way::Socket).collect(),
        ),
        Err(error) if absent(&error) => {
            let performer = offline(config, part)?;
            let sent = send(
                source,
                service,
                node,
                (0..WORKERS).map(|_| Way::Store(&performer)).collect(),
            );
            performer.engine.close();
            sent
        }
        Err(error) => Err(error),
    };
    let summary = summary.map_err(Exit::failed)?;
    Ok(json!({
        "imported": summary.imported,
        "already": summary.already,
        "refused": summary.refused,
        "bad_lines": summary.bad,
        "first_bad_line": summary.first_bad.as_ref().map(|(line, _)| line),
        "first_bad": summary.first_bad.as_ref().map(|(_, text)| text),
        "seconds": SystemClock.now().0.saturating_sub(started.0) as f64 / 1000.0,
    }))
}

#[allow(clippy::disallowed_methods, reason = "two parts at a time, and waited for here")]
fn send(source: Box<dyn BufRead>, service: &str, node: &str, ways: Vec<Way<'_>>) -> io::Result<Summary> {
    std::thread::scope(|scope| {
        let (parts, waiting) = bounded::<Part>(1);
        let workers: Vec<_> = ways
            .into_iter()
            .map(|way| {
                let waiting = waiting.clone();
                scope.spawn(move || work(way, service, node, &waiting))
            })
            .collect();
        drop(waiting);
        let read = read(source, |part| parts.send(part).is_ok());
        drop(parts);
        let mut summary = Summary::default();
        for worker in workers {
            let died = || Err(io::Error::other("a thread of the import has died"));
            summary.add(worker.join().unwrap_or_else(|_| died())?);
        }
        read.map(|()| summary)
    })
}

/// Reads lines, and gives them away in parts until nobody takes them.
fn read(mut source: Box<dyn BufRead>, mut give: impl FnMut(Part) -> bool) -> io::Result<()> {
    let (mut part, mut number, mut bytes) = (Part::default(), 0_u64, Vec::new());
    loop {
        bytes.clear();
        if source.read_until(b'\n', &mut bytes)? == 0 {
            give(part);
            return Ok(());
        }
        number += 1;
        // What is too long or no UTF-8 is no JID: it is cut, and refused and counted like others that are none.
        bytes.truncate(LINE_BYTES_MAX);
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            part.0.push((number, line.to_owned()));
        }
        if part.0.len() == PART_LINES && !give(std::mem::take(&mut part)) {
            return Ok(());
        }
        if number.is_multiple_of(TOLD_LINES) {
            // A reader of it that is gone is no reason to stop.
            let _ = writeln!(io::stderr(), "reef: {number} lines read");
        }
    }
}

fn work(mut way: Way<'_>, service: &str, node: &str, parts: &Receiver<Part>) -> io::Result<Summary> {
    let mut summary = Summary::default();
    for part in parts {
        let request = Request::NodeImportFollowers {
            service: service.to_owned(),
            node: node.to_owned(),
            followers: part.0.iter().map(|(_, line)| line.clone()).collect(),
        };
        match way.ask(request)? {
            Response::Done(done) => summary.add(Summary::of(&done, &part)),
            Response::Failed(why) => return Err(io::Error::other(why)),
            Response::Rows { .. } => return Err(io::Error::other("the server answers something else")),
        }
    }
    Ok(summary)
}

impl Summary {
    fn of(done: &Value, part: &Part) -> Summary {
        let count = |name: &str| done.get(name).and_then(Value::as_u64).unwrap_or(0);
        let first = done.get("first_bad").and_then(Value::as_u64);
        Summary {
            imported: count("imported"),
            already: count("already"),
            refused: count("refused"),
            bad: count("bad"),
            first_bad: first.and_then(|place| part.0.get(place as usize).cloned()),
        }
    }

    fn add(&mut self, other: Summary) {
        self.imported += other.imported;
        self.already += other.already;
        self.refused += other.refused;
        self.bad += other.bad;
        self.first_bad = [self.first_bad.take(), other.first_bad].into_iter().flatten().min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_imported_once_and_its_bad_lines_are_named() {
        let dir = tempfile::TempDir::new().unwrap();
        let config = Config {
            data_dir: dir.path().to_owned(),
            ..Config::default()
        };
        let performer = offline(&config, None).unwrap();
        let made = Request::NodeCreate {
            service: "pubsub.localhost".into(),
            node: "news".into(),
            settings: vec![("access_model".into(), "open".into())],
        };
        assert!(matches!(performer.perform(made), Response::Done(_)));
        drop(performer);
        let mut lines = String::from("# who follows\n\nROMEO@Montague.lit\nnot a jid\nromeo@montague.lit\n");
        (0..12_000).for_each(|number| lines.push_str(&format!("user{number}@localhost\n")));
        lines.push_str("x@y/z\n");
        let file = dir.path().join("followers");
        std::fs::write(&file, lines).unwrap();
        for (imported, already) in [(12_001, 1), (0, 12_002)] {
            let done = import((&config, None), "pubsub.localhost", "news", &file).unwrap();
            assert_eq!(
                (done["imported"].as_u64(), done["already"].as_u64()),
                (Some(imported), Some(already))
            );
            assert_eq!(
                (done["refused"].as_u64(), done["bad_lines"].as_u64()),
                (Some(0), Some(2))
            );
            assert_eq!(
                (done["first_bad_line"].as_u64(), done["first_bad"].as_str()),
                (Some(4), Some("not a jid"))
            );
        }
        assert!(import((&config, None), "pubsub.localhost", "none", &file).is_err());
    }
}
