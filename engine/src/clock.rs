//! Time, as everything in Reef gets it: a trait, so that tests and the simulation own it.
//!
//! Only this file reads the machine's clock.

use crate::model::Timestamp;
use std::time::SystemTime;

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads it")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Fills with random bytes from the system.
///
/// # Errors
/// Never on a system that Reef runs on; a failing source of randomness is fatal to the caller's request only.
pub fn random<const N: usize>() -> Result<[u8; N], crate::error::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| crate::error::Error::Closed)?;
    Ok(bytes)
}
