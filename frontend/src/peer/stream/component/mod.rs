//! Programs beside the server that speak for domains of their own (XEP-0114), such as a service of chat rooms.
//!
//! To the rest of the server such a domain is as another server: what is for it waits in an outbox, and what comes from it
//! arrives as from a peer. Here is who may connect and who has. Must not know stanzas. Next: `accept.rs`.

mod accept; // until it has shown who it is
mod run; //    from then on

pub(crate) use accept::serve_components;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::context::Route;
use crate::config::ComponentConfig;
use crate::sasl::Hash;
use subtle::ConstantTimeEq;

/// All that there may be, and those that are connected.
pub(crate) struct Components {
    secrets: HashMap<String, String>,
    /// By name. Held for one look-up.
    connected: Mutex<HashMap<String, Route>>,
}

impl Components {
    pub(super) fn new(config: &[ComponentConfig]) -> Components {
        let secret = |component: &ComponentConfig| (component.name.clone(), component.secret.clone());
        Components {
            secrets: config.iter().map(secret).collect(),
            connected: Mutex::default(),
        }
    }

    /// Whether a domain, normalised, is a component's.
    pub(crate) fn has(&self, domain: &str) -> bool {
        self.secrets.contains_key(domain)
    }

    /// The names of those that are connected, in order.
    pub(crate) fn connected(&self) -> Vec<String> {
        let mut names: Vec<String> = self.live().keys().cloned().collect();
        names.sort();
        names
    }

    /// The way to one, where it is connected.
    pub(super) fn route(&self, domain: &str) -> Option<Route> {
        self.live().get(domain).cloned()
    }

    /// Whether a handshake is that of a component, on a stream of this id (§3).
    fn proves(&self, name: &str, id: &str, handshake: &str) -> bool {
        let Some(secret) = self.secrets.get(name) else {
            return false;
        };
        let hash = Hash::Sha1.digest(format!("{id}{secret}").as_bytes());
        let good: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        bool::from(good.as_bytes().ct_eq(handshake.as_bytes()))
    }

    /// One connects; false where it already is.
    fn join(&self, name: &str, route: Route) -> bool {
        let mut live = self.live();
        if live.contains_key(name) {
            return false;
        }
        live.insert(name.to_owned(), route);
        true
    }

    /// It has gone.
    fn leave(&self, name: &str) {
        self.live().remove(name);
    }

    fn live(&self) -> MutexGuard<'_, HashMap<String, Route>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use tokio::sync::mpsc;

    fn components() -> Components {
        Components::new(&[ComponentConfig {
            name: "muc.a.example".into(),
            secret: "secret".into(),
            secret_file: PathBuf::new(),
        }])
    }

    #[test]
    fn a_handshake_is_the_hash_of_id_and_secret() {
        // printf %s 3BF96D32secret | sha1sum
        let good = "b09ea9b3b7f586be8a08d0a3dd7466f110aeb136";
        let components = components();
        assert!(components.proves("muc.a.example", "3BF96D32", good));
        assert!(!components.proves("muc.a.example", "3BF96D33", good));
        assert!(!components.proves("sms.a.example", "3BF96D32", good));
        assert!(!components.proves("muc.a.example", "3BF96D32", ""));
    }

    #[test]
    fn one_connection_has_a_name() {
        let components = components();
        let route = || Route {
            stream: 1,
            commands: mpsc::channel(1).0,
            sm: false,
            stanza_limit: None,
        };
        assert!(components.join("muc.a.example", route()));
        assert!(!components.join("muc.a.example", route()));
        assert_eq!(components.connected(), ["muc.a.example"]);
        components.leave("muc.a.example");
        assert!(components.join("muc.a.example", route()));
    }
}
