//! What connections are told to do: steps of one account's job, and the batch that jobs belong to.
//!
//! Scenarios write plans; `worker` carries them out. Knows no socket.

use crate::wire::mark::Sighting;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One step of a job; the next begins when it is done.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Connects, with TLS as the run says, up to the server's features.
    Connect,
    /// Connects and nothing more: the ruler's sockets.
    ConnectRaw,
    /// Registers the account.
    Register,
    /// Authenticates and binds.
    Login,
    /// Asks, and waits for all answers.
    Requests(Requests),
    /// Sends this.
    Send(String),
    /// Becomes available; how long it takes from here to the first post and to all is measured.
    Return,
    /// From now on posts are announced without what is in them, and each is fetched.
    Fetch(Fetch),
    /// From now on all posts of these authors from these numbers on must come.
    Expect(Vec<(u32, u32)>),
    /// Whether the account counts for the completeness of posts.
    Counts(bool),
    /// From here on bytes are only scanned for posts.
    Watch,
    /// Waits until the account has got all that it must get, as far as it has been published.
    AwaitAll,
    /// The same, and the end of the stream will do: the server may have cut who did not read.
    Drain,
    /// Says nothing more and waits until the server has ended the connection.
    Outlast,
    /// Reads nothing more.
    Stall,
    /// Reads again.
    Unstall,
    /// Says goodbye and reads to the end of the stream.
    Close,
}

/// Requests of one connection.
#[derive(Clone)]
pub(crate) struct Requests {
    /// How many.
    pub(crate) count: u32,
    /// How many may be unanswered at once.
    pub(crate) outstanding: u32,
    /// No new ones after this time of the run's clock, in microseconds.
    pub(crate) until_us: u64,
    /// Makes the nth: an IQ with this id.
    pub(crate) make: Make,
    /// What every answer must hold; another one counts as refused.
    pub(crate) holds: Option<Arc<str>>,
}

/// Makes the text of the nth request, with this id, at this time in microseconds.
pub(crate) type Make = Arc<dyn Fn(u32, &str, u64) -> String + Send + Sync>;

/// What asks for an announced post.
#[derive(Clone)]
pub(crate) struct Fetch(pub(crate) MakeFetch);

/// Makes the IQ with this id that fetches a post.
pub(crate) type MakeFetch = Arc<dyn Fn(Sighting, &str) -> String + Send + Sync>;

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetch")
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Requests({} by {})", self.count, self.outstanding)
    }
}

impl Requests {
    /// One request.
    pub(crate) fn one(make: impl Fn(&str) -> String + Send + Sync + 'static) -> Step {
        Requests::some(1, 1, move |_, id, _| make(id))
    }

    /// `count` requests, `outstanding` at once.
    pub(crate) fn some(
        count: u32,
        outstanding: u32,
        make: impl Fn(u32, &str, u64) -> String + Send + Sync + 'static,
    ) -> Step {
        Step::Requests(Requests {
            count,
            outstanding: outstanding.max(1),
            until_us: u64::MAX,
            make: Arc::new(make),
            holds: None,
        })
    }
}

impl Step {
    /// Requests of which each answer must hold this text.
    pub(crate) fn whose_answers_hold(mut self, text: &str) -> Step {
        if let Step::Requests(requests) = &mut self {
            requests.holds = Some(text.into());
        }
        self
    }
}

/// Makes the steps of an account.
pub(crate) type Plan = Box<dyn Fn(u32) -> Vec<Step> + Send + Sync>;

/// Jobs of many accounts, some of them at once.
pub(crate) struct Batch {
    /// What each account does.
    pub(crate) plan: Plan,
    /// Accounts in it.
    pub(crate) total: u32,
    /// How many may be at it at once, over all threads.
    pub(crate) parallel: u32,
    done: AtomicU32,
    failed: AtomicU32,
    /// The first errors in words. Locked per error, of which few are kept.
    errors: Mutex<Vec<String>>,
}

/// Errors that are kept word for word.
const ERRORS_MAX: usize = 8;

impl Batch {
    /// A batch of `total` accounts.
    pub(crate) fn new(plan: Plan, total: u32, parallel: u32) -> Batch {
        Batch {
            plan,
            total,
            parallel: parallel.max(1),
            done: AtomicU32::new(0),
            failed: AtomicU32::new(0),
            errors: Mutex::default(),
        }
    }

    /// Notes the end of a job.
    pub(crate) fn finish(&self, outcome: Result<(), String>) {
        if let Err(error) = outcome {
            let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
            if errors.len() < ERRORS_MAX {
                errors.push(error);
            }
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.done.fetch_add(1, Ordering::Release);
    }

    /// Jobs that have ended, well or not.
    pub(crate) fn done(&self) -> u32 {
        self.done.load(Ordering::Acquire)
    }

    /// Jobs that failed, and why the first of them did.
    pub(crate) fn failures(&self) -> (u32, Vec<String>) {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (self.failed.load(Ordering::Relaxed), errors)
    }
}
