//! The flags that all scenarios share: where the server is, who the accounts are, what to write down.
//!
//! They read the same from a file (`reef-loadtest run FILE.toml`): a key is a flag's name.

use crate::crowd::Roster;
use crate::wire::pubsub::Place;
use crate::wire::session::Mechanism;
use crate::wire::tls;
use anyhow::{Context, Result, ensure};
use rustls::ClientConfig;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;

/// When TLS begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Tls {
    /// Never: the server must allow it.
    #[default]
    Off,
    /// After STARTTLS, on `--server`.
    Starttls,
    /// At once, on `--server-tls`.
    Direct,
}

/// Flags of every scenario.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Common {
    /// Where the server accepts clients.
    #[arg(long, default_value = "127.0.0.1:5222", help_heading = "Server")]
    pub(crate) server: String,
    /// Where it accepts clients with direct TLS.
    #[arg(long, default_value = "127.0.0.1:5223", help_heading = "Server")]
    pub(crate) server_tls: String,
    /// TLS; certificates are not verified unless --ca is given.
    #[arg(long, value_enum, default_value_t, help_heading = "Server")]
    pub(crate) tls: Tls,
    /// PEM file with the roots that the server's certificate must lead to.
    #[arg(long, help_heading = "Server")]
    pub(crate) ca: Option<PathBuf>,
    /// The server's domain.
    #[arg(long, default_value = "localhost", help_heading = "Server")]
    pub(crate) domain: String,
    /// A pubsub service to create nodes on; without it authors publish on their accounts.
    #[arg(long, help_heading = "Server")]
    pub(crate) service: Option<String>,
    /// The node; on a service what nodes' names begin with, by default a new one each run.
    #[arg(long, help_heading = "Server")]
    pub(crate) node: Option<String>,
    /// Items that a node created on a service keeps.
    #[arg(long, default_value_t = 1, help_heading = "Server")]
    pub(crate) max_items: u32,
    /// A process of the server, for its CPU and memory with its children; may be given again.
    #[arg(long, help_heading = "Server")]
    pub(crate) pid: Vec<u32>,
    /// What the server is called in the report.
    #[arg(long, default_value = "server", help_heading = "Server")]
    pub(crate) name: String,
    /// How to authenticate.
    #[arg(long, value_enum, default_value = "auto", help_heading = "Accounts")]
    pub(crate) mechanism: Mechanism,
    /// Registers the accounts first (XEP-0077); those that are there already are as good.
    #[arg(long, help_heading = "Accounts")]
    pub(crate) register: bool,
    /// Prepared accounts, a line `user:password` each; the first are the authors.
    #[arg(long, help_heading = "Accounts")]
    pub(crate) accounts: Option<PathBuf>,
    /// What made-up accounts' names begin with, by default `load` and the scenario: `load0`, …; authors are `loadauthor`, `loadauthor1`, …
    ///
    /// What earlier runs follow stays followed: where a run differs in who follows whom, give it a prefix of its own.
    #[arg(long, help_heading = "Accounts")]
    pub(crate) prefix: Option<String>,
    /// Their password.
    #[arg(long, default_value = "load", help_heading = "Accounts")]
    pub(crate) password: String,
    /// Logins at once.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Tool")]
    pub(crate) logins: u32,
    /// Threads that drive connections; two by default where there are as many cores, or one would be what is measured.
    #[arg(long, default_value_t = threads(), help_heading = "Tool")]
    pub(crate) threads: usize,
    /// Seconds to wait for an answer or a last delivery.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Tool")]
    pub(crate) patience: u64,
    /// Writes the report as JSON into this file; `-` is standard output.
    #[arg(long, help_heading = "Report")]
    pub(crate) json: Option<PathBuf>,
    /// Writes the report as a page with plots into this file.
    #[arg(long, help_heading = "Report")]
    pub(crate) html: Option<PathBuf>,
    /// Shows no progress.
    #[arg(long, help_heading = "Report")]
    pub(crate) no_progress: bool,
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(2))
}

/// The microblog of an account (XEP-0277).
const MICROBLOG: &str = "urn:xmpp:microblog:0";

impl Common {
    /// The address to connect to.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        let text = match self.tls {
            Tls::Direct => &self.server_tls,
            Tls::Off | Tls::Starttls => &self.server,
        };
        let mut found = text.to_socket_addrs().with_context(|| format!("the address {text}"))?;
        found.next().with_context(|| format!("{text} has no address"))
    }

    /// TLS's configuration, and whether it begins with STARTTLS.
    pub(crate) fn tls_config(&self) -> Result<Option<(Arc<ClientConfig>, bool)>> {
        let config = || tls::config(self.ca.as_deref());
        Ok(match self.tls {
            Tls::Off => None,
            Tls::Starttls => Some((config()?, true)),
            Tls::Direct => Some((config()?, false)),
        })
    }

    /// Who the accounts are, of which the first `authors` publish; an error if fewer than `needed` are prepared.
    pub(crate) fn roster(&self, scenario: &str, authors: u32, needed: u32) -> Result<Roster> {
        let mut prepared = Vec::new();
        if let Some(file) = &self.accounts {
            let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                let (user, password) = line.split_once(':').context("a line of --accounts is user:password")?;
                prepared.push((user.to_owned(), password.to_owned()));
            }
            let have = prepared.len();
            ensure!(
                have >= needed as usize,
                "{} has {have} accounts, {needed} are needed",
                file.display()
            );
        }
        Ok(Roster {
            authors,
            prefix: self.prefix.clone().unwrap_or_else(|| match scenario {
                "fanout" => "load".to_owned(),
                other => format!("load-{other}-"),
            }),
            password: self.password.clone(),
            prepared,
        })
    }

    /// Where authors publish; `run` makes nodes on a service this run's own.
    pub(crate) fn place(&self, run: &str) -> Place {
        match &self.service {
            None => Place::Account {
                node: self.node.clone().unwrap_or_else(|| MICROBLOG.to_owned()),
            },
            Some(service) => Place::Service {
                service: service.clone(),
                node: self.node.clone().unwrap_or_else(|| format!("reef-load-{run}")),
            },
        }
    }
}
