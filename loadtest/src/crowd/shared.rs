//! What the threads of a crowd share: how to connect, who is who, counters, and the bell that wakes the scenario.

use crate::clock::Clock;
use crate::crowd::board::Board;
use crate::wire::mark::Mark;
use crate::wire::session::{Identity, Mechanism};
use rustls::ClientConfig;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How a crowd connects and counts.
pub(crate) struct Config {
    /// The server.
    pub(crate) address: SocketAddr,
    /// Its domain.
    pub(crate) domain: String,
    /// TLS, and whether it begins with STARTTLS.
    pub(crate) tls: Option<(Arc<ClientConfig>, bool)>,
    /// How to authenticate.
    pub(crate) mechanism: Mechanism,
    /// Seconds that a step of a job may take.
    pub(crate) patience_s: u64,
    /// Which thread drives which account.
    pub(crate) shares: Shares,
    /// Who the accounts are.
    pub(crate) roster: Roster,
    /// The run's mark.
    pub(crate) mark: Mark,
    /// The run's clock.
    pub(crate) clock: Clock,
    /// What is under way.
    pub(crate) board: Board,
}

/// The accounts by number: first the authors, then the followers.
#[derive(Clone, Debug)]
pub(crate) struct Roster {
    /// How many of the accounts are authors.
    pub(crate) authors: u32,
    /// What made-up names begin with.
    pub(crate) prefix: String,
    /// Their password.
    pub(crate) password: String,
    /// Prepared accounts, name and password, instead of made-up ones.
    pub(crate) prepared: Vec<(String, String)>,
}

impl Roster {
    /// Name and password of an account.
    pub(crate) fn account(&self, number: u32) -> (String, String) {
        if let Some(account) = self.prepared.get(number as usize) {
            return account.clone();
        }
        let name = match number.checked_sub(self.authors) {
            Some(follower) => format!("{}{follower}", self.prefix),
            None if number == 0 => format!("{}author", self.prefix),
            None => format!("{}author{number}", self.prefix),
        };
        (name, self.password.clone())
    }
}

/// Which thread drives which account: so many threads for all, and one for those that must not wait behind them.
///
/// A follower of a small author, or an author, would otherwise wait until the tool has read ten thousand other sockets:
/// the tool would measure itself.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    threads: usize,
    /// Ascending.
    apart: Vec<u32>,
}

impl Shares {
    /// So many threads, and one more for the accounts `apart` if there are any.
    pub(crate) fn new(threads: usize, mut apart: Vec<u32>) -> Shares {
        apart.sort_unstable();
        Shares {
            threads: threads.max(1),
            apart,
        }
    }

    /// Threads in all.
    pub(crate) fn count(&self) -> usize {
        self.threads + usize::from(!self.apart.is_empty())
    }

    /// The thread of an account, and its place there.
    pub(crate) fn place(&self, number: u32) -> (usize, usize) {
        match self.apart.binary_search(&number) {
            Ok(local) => (self.threads, local),
            Err(_) => (number as usize % self.threads, number as usize / self.threads),
        }
    }

    /// The account at a place of a thread.
    pub(crate) fn number(&self, thread: usize, local: usize) -> u32 {
        match thread == self.threads {
            true => self.apart.get(local).copied().unwrap_or(u32::MAX),
            false => u32::try_from(local * self.threads + thread).unwrap_or(u32::MAX),
        }
    }
}

/// The shared part of a crowd.
pub(crate) struct Shared {
    /// How it was set up.
    pub(crate) config: Config,
    /// Rings when a post is complete, a job ends or an answer comes.
    pub(crate) bell: Bell,
    pub(super) delivered: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) acked: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) dropped: AtomicU64,
}

impl Shared {
    pub(super) fn new(config: Config) -> Shared {
        Shared {
            config,
            bell: Bell::default(),
            delivered: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            acked: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// The run's clock.
    pub(crate) fn clock(&self) -> Clock {
        self.config.clock
    }

    /// What is under way.
    pub(crate) fn board(&self) -> &Board {
        &self.config.board
    }

    /// Posts delivered to followers, each to each counted.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Bytes read from sockets, as they are on the wire.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Requests that were answered with a result.
    pub(crate) fn acked(&self) -> u64 {
        self.acked.load(Ordering::Acquire)
    }

    /// Requests that were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Connections that ended and should not have.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The bare JID of an account.
    pub(crate) fn jid(&self, account: u32) -> String {
        format!("{}@{}", self.config.roster.account(account).0, self.config.domain)
    }

    pub(super) fn identity(&self, account: u32) -> Identity {
        let (user, password) = self.config.roster.account(account);
        Identity {
            user,
            password,
            domain: self.config.domain.clone(),
            resource: "load".to_owned(),
        }
    }
}

/// Wakes the scenario. Locked for as long as it takes to change a number.
#[derive(Default)]
pub(crate) struct Bell {
    rung: Mutex<u64>,
    changed: Condvar,
}

/// A condition is looked at again after this time even without the bell: progress is shown then.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Bell {
    /// Rings it.
    pub(crate) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    /// Waits until the condition holds, or for so long; whether it holds.
    pub(crate) fn wait(&self, at_most: Option<(Clock, u64)>, mut holds: impl FnMut() -> bool) -> bool {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let seen = *rung;
            drop(rung);
            if holds() {
                return true;
            }
            let mut pause = LOOK_AGAIN;
            if let Some((clock, until_us)) = at_most {
                let left = until_us.saturating_sub(clock.micros());
                if left == 0 {
                    return false;
                }
                pause = pause.min(Duration::from_micros(left));
            }
            rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
            if *rung == seen {
                let waited = self.changed.wait_timeout(rung, pause);
                rung = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_account_has_one_place_and_those_apart_a_thread_of_their_own() {
        let shares = Shares::new(2, vec![9, 0, 1]);
        assert_eq!(shares.count(), 3);
        for number in 0..20 {
            let (thread, local) = shares.place(number);
            assert_eq!(shares.number(thread, local), number);
            assert_eq!(thread == 2, [0, 1, 9].contains(&number));
        }
        assert_eq!(Shares::new(0, Vec::new()).count(), 1);
    }
}
