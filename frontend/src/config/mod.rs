//! The configuration: every key of the operator's file with its default, typed, read once at the start and checked.
//!
//! It must not know what the values are used for. What comes next: `main.rs` hands each part its section.
//!
//! An unknown key is an error that names the nearest known one, and every error is one line that says where the value
//! came from, which key it is and what to do.

mod check;
mod components;
mod duration;
mod error;
mod limits;
mod nearest;
mod sections;
mod services;
mod source;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use components::{ComponentConfig, ComponentsConfig};
pub use error::{ConfigError, Origin};
pub use limits::Limits;
pub use sections::{
    C2sConfig, Create, Durability, HttpConfig, PeerPolicy, PubsubConfig, Registration, S2sConfig, StoreConfig,
    TlsConfig,
};
pub use services::{ContactConfig, ExternalService, Transport};

/// Everything an operator may set. An empty file serves `localhost`. The free tables may hold passwords: it is never
/// logged as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The domain that is served, normalised as a JID's domain; `pubsub.` and `comments.` of it come with it.
    pub domain: String,
    /// Where the store, the certificate and the administration socket live.
    pub data_dir: PathBuf,
    /// Clients.
    pub c2s: C2sConfig,
    /// Other servers.
    pub s2s: S2sConfig,
    /// The generic pubsub service.
    pub pubsub: PubsubConfig,
    /// Our certificate, and whom we trust.
    pub tls: TlsConfig,
    /// WebSocket, BOSH, uploads, metrics, web.
    pub http: HttpConfig,
    /// The store.
    pub store: StoreConfig,
    /// Whom people write to.
    pub contact: ContactConfig,
    /// What clients find beside the server.
    pub external_service: Vec<ExternalService>,
    /// Where components connect.
    pub components: ComponentsConfig,
    /// Which there are.
    pub component: Vec<ComponentConfig>,
    /// Every limit.
    pub limits: Limits,
    /// The SMS gateway reads its own keys from here.
    pub sms: toml::Table,
    /// The cluster reads its own keys from here; empty: embedded.
    pub cluster: toml::Table,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            domain: "localhost".to_owned(),
            data_dir: PathBuf::from("./reef-data"),
            c2s: C2sConfig::default(),
            s2s: S2sConfig::default(),
            pubsub: PubsubConfig::default(),
            tls: TlsConfig::default(),
            http: HttpConfig::default(),
            store: StoreConfig::default(),
            contact: ContactConfig::default(),
            external_service: Vec::new(),
            components: ComponentsConfig::default(),
            component: Vec::new(),
            limits: Limits::default(),
            sms: toml::Table::new(),
            cluster: toml::Table::new(),
        }
    }
}

impl Config {
    /// The domains of components.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.component.iter().map(|component| component.name.as_str())
    }

    /// Reads the file (none: defaults), then lets the environment (`REEF__C2S__LISTEN=…`) and then `sets`
    /// (`c2s.listen=…`) override it, and checks the result. Of `env` only the names that begin with `REEF__` count.
    /// Reads one file, writes nothing.
    pub fn load(
        path: Option<&Path>,
        sets: &[String],
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let schema = toml::Table::try_from(Self::default()).expect("the default configuration is a TOML table");
        let mut given = source::Given::default();
        if let Some(path) = path {
            given.file(path, &schema)?;
        }
        for (name, value) in env {
            given.environment(&name, &value, &schema)?;
        }
        for set in sets {
            given.set(set, &schema)?;
        }
        let mut config: Self = given.parse()?;
        config.check().map_err(|wrong| given.blame(wrong.key, wrong.message))?;
        Ok(config)
    }
}
