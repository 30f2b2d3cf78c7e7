//! How the ruler's ring is set up, as flags and orders name it: `defer+1024`, `coop+64+fixed`.
//!
//! Knows no ring: `ring` makes one of it.

use anyhow::{Error, bail, ensure};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// When the kernel does a ring's own work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Work {
    /// When the one thread of the ring asks for completions (`SINGLE_ISSUER | DEFER_TASKRUN`).
    #[default]
    Defer,
    /// At its next system call, without interrupting it (`COOP_TASKRUN`).
    Coop,
    /// As a ring is without flags.
    Plain,
}

/// A ring's setup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) work: Work,
    /// Sends of one system call.
    pub(crate) batch: u32,
    /// The message lies in a registered buffer (`WRITE_FIXED`; there is no `SEND` from one).
    pub(crate) fixed: bool,
    /// A completion for every send, not only for those that went wrong.
    pub(crate) every: bool,
}

/// Sends of one system call, unless it is said.
const BATCH: u32 = 1024;
/// The kernel's own limit of a ring.
const BATCH_MAX: u32 = 32_768;

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            work: Work::default(),
            batch: BATCH,
            fixed: false,
            every: false,
        }
    }
}

impl FromStr for Setup {
    type Err = Error;

    fn from_str(text: &str) -> Result<Setup, Error> {
        let mut setup = Setup::default();
        for word in text.split('+') {
            match word {
                "defer" => setup.work = Work::Defer,
                "coop" => setup.work = Work::Coop,
                "plain" => setup.work = Work::Plain,
                "fixed" => setup.fixed = true,
                "every" => setup.every = true,
                number => match number.parse() {
                    Ok(batch) => setup.batch = batch,
                    Err(_) => bail!("{word}: defer, coop or plain, a number of sends, fixed, every; with + between"),
                },
            }
        }
        ensure!(
            (1..=BATCH_MAX).contains(&setup.batch),
            "a ring takes 1 to {BATCH_MAX} sends at once"
        );
        Ok(setup)
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let work = match self.work {
            Work::Defer => "defer",
            Work::Coop => "coop",
            Work::Plain => "plain",
        };
        let fixed = if self.fixed { "+fixed" } else { "" };
        let every = if self.every { "+every" } else { "" };
        write!(f, "{work}+{}{fixed}{every}", self.batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setups_are_read_as_they_are_shown_and_nonsense_is_refused() {
        for (text, shown) in [
            ("defer", "defer+1024"),
            ("64+coop", "coop+64"),
            ("plain+1+every+fixed", "plain+1+fixed+every"),
        ] {
            let setup: Setup = text.parse().unwrap();
            assert_eq!(setup.to_string(), shown);
            assert_eq!(shown.parse::<Setup>().unwrap(), setup);
        }
        for text in ["", "defer+0", "defer+32769", "sqpoll", "defer++fixed"] {
            assert!(text.parse::<Setup>().is_err(), "{text}");
        }
    }
}
