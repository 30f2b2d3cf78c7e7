//! `[components]` and `[[component]]`: programs beside this one that speak for domains of their own (XEP-0114).
//!
//! It must not know streams. What comes next: `check` says which names may be, and reads secrets from files.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use jid::{DomainPart, DomainRef};
use serde::{Deserialize, Serialize};

use super::Config;
use super::check::{Wrong, wrong};
use crate::peer::name::{PARTS, is_ours};

/// `[components]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ComponentsConfig {
    /// Where they connect, without TLS: nobody listens where there is no `[[component]]`.
    pub listen: Vec<SocketAddr>,
}

impl Default for ComponentsConfig {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 5347))],
        }
    }
}

/// `[[component]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentConfig {
    /// Its whole domain, e.g. `muc.example.org`.
    pub name: String,
    /// By what it shows that it is it.
    #[serde(default)]
    pub secret: String,
    /// A file that has this, with or without a line's end.
    #[serde(default)]
    pub secret_file: PathBuf,
}

impl Config {
    /// Normalises names, and reads secrets.
    pub(super) fn check_components(&mut self) -> Result<(), Wrong> {
        let key = "component";
        let mut known: Vec<String> = Vec::new();
        for component in &mut self.component {
            let said = component.name.clone();
            match DomainPart::new(&said) {
                Ok(name) if said.contains('.') => component.name = DomainRef::as_str(&name).to_owned(),
                _ => return wrong(key, format!("{said:?} is no name; write one like muc.{}", self.domain)),
            }
            let part = |name: &&str| component.name == format!("{name}.{}", self.domain);
            if is_ours(&self.domain, &component.name) || PARTS.iter().any(part) {
                return wrong(key, format!("{said:?} is the server's own"));
            }
            if known.contains(&component.name) {
                return wrong(key, format!("{said:?} is there twice"));
            }
            known.push(component.name.clone());
            let from_file = !component.secret_file.as_os_str().is_empty();
            if from_file != component.secret.is_empty() {
                return wrong(key, format!("{said:?}: give it a secret or a secret_file, not both"));
            }
            if from_file {
                let file = component.secret_file.display().to_string();
                match std::fs::read_to_string(&component.secret_file) {
                    Ok(secret) => component.secret = secret.trim_end_matches(['\r', '\n']).to_owned(),
                    Err(error) => return wrong(key, format!("{said:?}: {file} cannot be read: {error}")),
                }
                if component.secret.is_empty() {
                    return wrong(key, format!("{said:?}: {file} is empty"));
                }
                component.secret_file = PathBuf::new();
            }
        }
        Ok(())
    }
}
