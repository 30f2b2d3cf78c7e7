//! A server of a comparison: started before its runs, ended after them with all that it started.

use crate::clock::Clock;
use crate::crowd::Bell;
use crate::settings;
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use toml::{Table, Value};

/// A server as the file has it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: String,
    /// Its version, or how it was tuned.
    pub(super) about: String,
    /// A shell command that serves in the foreground; none where it runs already.
    start: Option<String>,
    /// Flags that are its own.
    flags: Table,
    /// Flags that are its own in one scenario.
    only: Table,
}

/// A server that runs.
#[derive(Debug)]
pub(super) struct Started {
    child: Option<Child>,
}

/// Seconds for a server to accept connections, and to end.
const PATIENCE_S: u64 = 60;

impl Server {
    /// From its table.
    pub(super) fn read(mut table: Table) -> Result<Server> {
        let only = match table.remove("only") {
            None => Table::new(),
            Some(Value::Table(only)) => only,
            Some(_) => bail!("only.SCENARIO is a table of flags"),
        };
        let server = Server {
            name: settings::take(&mut table, "name")?.context("a [[server]] has a name")?,
            about: settings::take(&mut table, "about")?.unwrap_or_default(),
            start: settings::take(&mut table, "start")?,
            flags: table,
            only,
        };
        Ok(server)
    }

    /// The flags of a run on this server: the run's, and over them its own.
    pub(super) fn flags_of(&self, run: &Table) -> Table {
        let mut flags = run.clone();
        let scenario = run.get("scenario").and_then(Value::as_str).unwrap_or_default();
        flags.extend(self.flags.clone());
        if let Some(Value::Table(only)) = self.only.get(scenario) {
            flags.extend(only.clone());
        }
        flags.insert("name".to_owned(), Value::String(self.name.clone()));
        flags
    }

    /// Starts it and waits until it accepts connections.
    pub(super) fn start(&self) -> Result<Started> {
        let Some(command) = &self.start else {
            return Ok(Started { child: None });
        };
        // exec: the shell becomes the server, and what it starts is in its process group.
        let child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", self.name))?;
        let mut started = Started { child: Some(child) };
        let address = self
            .flags
            .get("server")
            .and_then(Value::as_str)
            .unwrap_or("127.0.0.1:5222");
        let mut ended = None;
        let accepts = within_patience(|| {
            ended = started.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            ended.is_some() || TcpStream::connect(address).is_ok()
        });
        if let Some(status) = ended {
            bail!("{} ended as soon as it was started: {status}", self.name);
        }
        ensure!(accepts, "{} does not accept connections on {address}", self.name);
        Ok(started)
    }
}

impl Started {
    /// Its process.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let Some(child) = &mut self.child else { return };
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::TERM);
            if !within_patience(|| matches!(child.try_wait(), Ok(Some(_)))) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            // What it left behind in its group ends too.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = child.wait();
    }
}

/// Looks ten times a second until it holds.
fn within_patience(holds: impl FnMut() -> bool) -> bool {
    let clock = Clock::start();
    Bell::default().wait(Some((clock, PATIENCE_S * 1_000_000)), holds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_server_is_started_and_ended_with_its_group() {
        // The port accepts already: what is tested is the process.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let table = format!(
            "name = 'cat'\nabout = 'a cat'\nstart = 'tail -f /dev/null'\nserver = '{address}'\nonly.catch-up.ask = true"
        );
        let server = Server::read(table.parse().unwrap()).unwrap();
        let started = server.start().unwrap();
        let pid = started.pid().unwrap();
        assert!(std::fs::exists(format!("/proc/{pid}")).unwrap());
        let run = "scenario = 'catch-up'\nfollowers = 5\nserver = 'other'"
            .parse()
            .unwrap();
        let flags = server.flags_of(&run);
        assert_eq!(
            (flags["name"].as_str(), flags["ask"].as_bool()),
            (Some("cat"), Some(true))
        );
        assert_eq!(
            (flags["server"].as_str(), flags["followers"].as_integer()),
            (Some(&*address.to_string()), Some(5))
        );
        drop(started);
        assert!(!std::fs::exists(format!("/proc/{pid}")).unwrap());
        assert!(Server::read("start = 'x'".parse().unwrap()).is_err());
    }

    #[test]
    fn a_server_that_ends_at_once_is_not_waited_for() {
        let table = "name = 'dead'\nstart = 'false'\nserver = '127.0.0.1:1'";
        let server = Server::read(table.parse().unwrap()).unwrap();
        let error = server.start().unwrap_err().to_string();
        assert!(error.starts_with("dead ended as soon as it was started"), "{error}");
    }
}
