//! How to be bound: where, as whom, how much at once, and how long to wait for what.

use crate::pdu::Mode;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Submits under way at once.
const WINDOW_MAX: usize = 1000;
/// Submits that wait for the window.
const QUEUE_MAX: usize = 10_000;

/// With which binds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// One connection both ways.
    #[default]
    Transceiver,
    /// One that only submits.
    Transmitter,
    /// One that only receives.
    Receiver,
    /// Two connections, a transmitter and a receiver.
    Pair,
}

/// Over TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The name that the certificate must have; the host of the address if there is none here.
    pub name: Option<String>,
    /// Roots to trust besides the system's, in PEM.
    pub ca: Option<PathBuf>,
}

/// How to be bound. `Debug` never shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct EsmeConfig {
    /// Host and port.
    pub address: String,
    /// TLS, if it is to be.
    pub tls: Option<Tls>,
    /// 15 characters at most.
    pub system_id: String,
    /// 8 by the standard, 16 at most.
    pub password: String,
    /// 12 at most.
    pub system_type: String,
    /// With which binds.
    pub bind: Binding,
    /// Submits written and unanswered, 1 to 1000. Default: 10.
    pub window: usize,
    /// Submits that may wait for the window. Default: 10.
    pub queue: usize,
    /// After so long without anything from the SMSC it is asked whether it is there. Default: 30 s.
    pub enquire: Duration,
    /// How long it has to answer that. Default: 10 s.
    pub enquire_timeout: Duration,
    /// How long connecting may take, and the answer to a bind. Default: 30 s.
    pub response_timeout: Duration,
    /// How long the answer to a submit may take until nobody counts on it. Default: 60 s.
    pub submit_timeout: Duration,
    /// How long to wait for answers when stopping. Default: 5 s.
    pub drain: Duration,
    /// How long to wait for the answer to an unbind. Default: 2 s.
    pub unbind_timeout: Duration,
    /// The first and the longest wait before dialling again, of which a random part is waited. Default: 1 s, 60 s.
    pub again: (Duration, Duration),
    /// Bound so long, the next loss begins with the first wait. Default: 60 s.
    pub settled: Duration,
    /// The least wait where the SMSC says that we are bound already. Default: 30 s.
    pub already_bound: Duration,
    /// The wait where it does not take who we are. Default: 5 min.
    pub refused: Duration,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// A number out of its bounds.
    #[error("{0}")]
    Value(&'static str),
    /// Certificates that cannot be read.
    #[error("certificates of {path}: {cause}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
}

impl EsmeConfig {
    /// The defaults, for an address and who one is there.
    pub fn new(address: &str, system_id: &str, password: &str) -> EsmeConfig {
        EsmeConfig {
            address: address.to_owned(),
            tls: None,
            system_id: system_id.to_owned(),
            password: password.to_owned(),
            system_type: String::new(),
            bind: Binding::default(),
            window: 10,
            queue: 10,
            enquire: Duration::from_secs(30),
            enquire_timeout: Duration::from_secs(10),
            response_timeout: Duration::from_secs(30),
            submit_timeout: Duration::from_secs(60),
            drain: Duration::from_secs(5),
            unbind_timeout: Duration::from_secs(2),
            again: (Duration::from_secs(1), Duration::from_secs(60)),
            settled: Duration::from_secs(60),
            already_bound: Duration::from_secs(30),
            refused: Duration::from_secs(5 * 60),
        }
    }

    /// Whether it can be.
    ///
    /// # Errors
    /// It says what cannot.
    pub fn check(&self) -> Result<(), Wrong> {
        let says =
            |text: &str, max: usize| text.len() <= max && text.bytes().all(|octet| octet.is_ascii() && octet != 0);
        let rules = [
            ((1..=WINDOW_MAX).contains(&self.window), "the window must be 1 to 1000"),
            (self.queue <= QUEUE_MAX, "the queue must be 10000 at most"),
            (
                says(&self.system_id, 15),
                "system_id must be 15 characters of ASCII at most",
            ),
            (
                says(&self.password, 16),
                "the password must be 16 characters of ASCII at most",
            ),
            (
                says(&self.system_type, 12),
                "system_type must be 12 characters of ASCII at most",
            ),
        ];
        let broken = rules.iter().find(|(holds, _)| !holds);
        broken.map_or(Ok(()), |(_, rule)| Err(Wrong::Value(rule)))
    }

    /// The name that a certificate must have.
    pub(super) fn tls_name(&self) -> &str {
        let host = self
            .address
            .rsplit_once(':')
            .map_or(self.address.as_str(), |(host, _)| host);
        let named = self.tls.as_ref().and_then(|tls| tls.name.as_deref());
        named.unwrap_or_else(|| host.trim_matches(['[', ']']))
    }
}

impl Binding {
    /// The connections that it takes.
    pub(super) fn modes(self) -> &'static [Mode] {
        match self {
            Binding::Transceiver => &[Mode::Transceiver],
            Binding::Transmitter => &[Mode::Transmitter],
            Binding::Receiver => &[Mode::Receiver],
            Binding::Pair => &[Mode::Transmitter, Mode::Receiver],
        }
    }
}

impl fmt::Debug for EsmeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EsmeConfig")
            .field("address", &self.address)
            .field("tls", &self.tls)
            .field("system_id", &self.system_id)
            .field("bind", &self.bind)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}
