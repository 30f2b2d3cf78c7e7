//! The parent's side of the ruler: starts sender and drain, runs phases, reads their CPU.

use crate::bare::Load;
use crate::bare::drain::Drained;
use crate::bare::setup::Setup;
use crate::clock::Clock;
use crate::measure::process::Processes;
use crate::report::{KERNEL_CPU, Phase};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The ruler of a run.
pub(crate) struct Bare {
    sender: Helper,
    drain: Helper,
}

struct Helper {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
struct Sent {
    posts: u64,
    begun_s: f64,
    seconds: f64,
}

impl Bare {
    /// Starts a ruler of so many sockets and bytes a message, on the run's clock.
    pub(crate) fn start(sockets: u32, bytes: usize, clock: Clock, threads: usize) -> Result<Bare> {
        let program = &std::env::current_exe()?;
        let (sockets, origin) = (sockets.to_string(), clock.origin_us().to_string());
        let common = ["--sockets", &sockets, "--mark", "ltbare0000-", "--origin", &origin];
        let mut sender = Helper::start(program, "bare-sender", &common, &["--bytes", &bytes.to_string()])?;
        let port = sender.line()?;
        let threads = threads.to_string();
        let mut drain = Helper::start(
            program,
            "bare-drain",
            &common,
            &["--port", &port, "--threads", &threads],
        )?;
        ensure!(
            drain.line()? == "ready" && sender.line()? == "ready",
            "the bare loop does not start"
        );
        Ok(Bare { sender, drain })
    }

    /// Why a ring of this setup cannot be had, if so.
    pub(crate) fn refuses(&mut self, setup: Setup) -> Result<Option<String>> {
        let answer = self.sender.ask(&format!("ring {setup}"))?;
        Ok((answer != "ready").then_some(answer))
    }

    /// Sends as the load says; the phase, with the sender's CPU as the server's and the drain's as the tool's.
    pub(crate) fn run(&mut self, name: &str, round: u32, load: &Load) -> Result<Phase> {
        let (sender, drain) = (self.sender.process(), self.drain.process());
        let kernel = Processes::soft_interrupts();
        let (cpu, own, kernel_cpu) = (sender.cpu_seconds(), drain.cpu_seconds(), kernel.cpu_seconds());
        let sent: Sent = serde_json::from_str(&self.sender.ask(&serde_json::to_string(load)?)?)?;
        let (cpu, own) = (sender.cpu_seconds() - cpu, drain.cpu_seconds() - own);
        let kernel_cpu = kernel.cpu_seconds() - kernel_cpu;
        let drained: Drained = serde_json::from_str(&self.drain.ask("collect")?)?;
        ensure!(
            drained.faults == 0,
            "the bare loop itself lost count: {} faults",
            drained.faults
        );
        let latencies = [("first", drained.first), ("each", drained.each), ("last", drained.last)];
        Ok(Phase {
            name: name.to_owned(),
            who: "bare".to_owned(),
            round,
            begun_s: sent.begun_s,
            seconds: sent.seconds,
            posts: sent.posts,
            deliveries: drained.deliveries,
            cpu_seconds: cpu,
            own_cpu_seconds: own,
            bytes_per_delivery: drained.bytes as f64 / drained.deliveries.max(1) as f64,
            latencies: latencies.map(|(name, latency)| (name.to_owned(), latency)).into(),
            more: BTreeMap::from([(KERNEL_CPU.to_owned(), kernel_cpu)]),
        })
    }
}

impl Helper {
    fn start(program: &std::path::Path, command: &str, common: &[&str], more: &[&str]) -> Result<Helper> {
        let mut child = Command::new(program)
            .arg(command)
            .args(common)
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the bare loop")?;
        let orders = child.stdin.take().context("a child with a standard input")?;
        let answers = BufReader::new(child.stdout.take().context("a child with a standard output")?);
        Ok(Helper { child, orders, answers })
    }

    fn process(&self) -> Processes {
        Processes::only(self.child.id())
    }

    fn ask(&mut self, order: &str) -> Result<String> {
        writeln!(self.orders, "{order}").context("the bare loop is gone")?;
        self.line()
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.answers.read_line(&mut line)? > 0, "the bare loop ended");
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
