//! The run's clock: microseconds since its origin on the system's monotonic clock, so that children of the run share it.
//!
//! Posts carry such a time in their item id, and a latency is one subtraction wherever they arrive.

use rustix::time::{ClockId, clock_gettime};

/// Tells the time of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin_us: u64,
}

impl Clock {
    /// A clock that begins now.
    pub(crate) fn start() -> Clock {
        Clock { origin_us: system_us() }
    }

    /// The clock of the process that started this one.
    pub(crate) fn with_origin(origin_us: u64) -> Clock {
        Clock { origin_us }
    }

    /// Where it began, for a child.
    pub(crate) fn origin_us(&self) -> u64 {
        self.origin_us
    }

    /// Microseconds since the origin; one vDSO call, about 25 ns.
    pub(crate) fn micros(&self) -> u64 {
        system_us().saturating_sub(self.origin_us)
    }

    /// Seconds since the origin.
    pub(crate) fn seconds(&self) -> f64 {
        self.micros() as f64 / 1e6
    }
}

fn system_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000
}
