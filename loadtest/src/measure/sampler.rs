//! Takes a sample of server, tool and kernel four times a second on a thread of its own: the lines of the plots.
//!
//! A sample reads a few small files of `/proc`, 0.2 ms of CPU a second in all; it counts as the tool's own.

use crate::crowd::Crowd;
use crate::measure::memory::sockets_kib;
use crate::measure::process::Processes;
use serde::{Deserialize, Serialize};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Time between two samples.
const EVERY: Duration = Duration::from_millis(250);
/// Samples that are kept; beyond, every second one is dropped and half as many are taken.
const SAMPLES_MAX: usize = 4096;

/// One sample; rates are those since the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Seconds of the run.
    pub(crate) at_s: f64,
    /// Deliveries a second.
    pub(crate) deliveries_per_second: f64,
    /// Answers a second.
    pub(crate) answers_per_second: f64,
    /// Cores that the server keeps busy.
    pub(crate) server_cores: f64,
    /// Cores that the tool keeps busy.
    pub(crate) own_cores: f64,
    /// The server's resident MiB.
    pub(crate) server_mib: f64,
    /// MiB in the kernel's TCP buffers.
    pub(crate) sockets_mib: f64,
}

/// A sampler at work.
pub(crate) struct Sampler {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Locked for a push.
    samples: Arc<Mutex<Vec<Sample>>>,
}

/// Counters at one moment.
#[derive(Clone, Copy, Default)]
struct Reading {
    at_s: f64,
    delivered: u64,
    acked: u64,
    server_cpu: f64,
    own_cpu: f64,
}

impl Sampler {
    /// Begins to sample.
    #[allow(
        clippy::disallowed_methods,
        reason = "samples must be taken while the scenario waits"
    )]
    pub(crate) fn start(crowd: Arc<Crowd>, server: Processes) -> anyhow::Result<Sampler> {
        let (stop, stopped) = sync_channel(1);
        let samples: Arc<Mutex<Vec<Sample>>> = Arc::default();
        let kept = samples.clone();
        let body = move || {
            let mut before = Reading::now(&crowd, &server);
            let mut every = EVERY;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(every) {
                let now = Reading::now(&crowd, &server);
                let mut samples = kept.lock().unwrap_or_else(PoisonError::into_inner);
                samples.push(now.since(&before, &server));
                before = now;
                if samples.len() >= SAMPLES_MAX {
                    let mut nth = 0;
                    samples.retain(|_| {
                        nth += 1;
                        nth % 2 == 0
                    });
                    every *= 2;
                }
            }
        };
        let thread = std::thread::Builder::new().name("sampler".into()).spawn(body)?;
        Ok(Sampler {
            stop: Some(stop),
            thread: Some(thread),
            samples,
        })
    }

    /// Ends it; what was sampled.
    pub(crate) fn finish(mut self) -> Vec<Sample> {
        self.stop();
        std::mem::take(&mut *self.samples.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Reading {
    fn now(crowd: &Crowd, server: &Processes) -> Reading {
        let shared = crowd.shared();
        Reading {
            at_s: shared.clock().seconds(),
            delivered: shared.delivered(),
            acked: shared.acked(),
            server_cpu: server.cpu_seconds(),
            own_cpu: Processes::own().cpu_seconds(),
        }
    }

    fn since(&self, before: &Reading, server: &Processes) -> Sample {
        let seconds = (self.at_s - before.at_s).max(1e-6);
        Sample {
            at_s: self.at_s,
            deliveries_per_second: (self.delivered - before.delivered) as f64 / seconds,
            answers_per_second: (self.acked - before.acked) as f64 / seconds,
            server_cores: (self.server_cpu - before.server_cpu) / seconds,
            own_cores: (self.own_cpu - before.own_cpu) / seconds,
            server_mib: server.resident_kib() as f64 / 1024.0,
            sockets_mib: sockets_kib() as f64 / 1024.0,
        }
    }
}
