//! `[contact]` and `[[external_service]]`: whom people write to, and what their clients find beside the server.
//!
//! It must not know how clients are told. What comes next: `check` judges what types cannot.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// `[contact]`: addresses as URIs, `mailto:`, `xmpp:` or `https:`, that everybody may read (XEP-0157).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContactConfig {
    /// Who hears of abuse.
    pub abuse: Vec<String>,
    /// Who runs the server.
    pub admin: Vec<String>,
    /// Who hears what people think of it.
    pub feedback: Vec<String>,
    /// Who sells.
    pub sales: Vec<String>,
    /// Who hears of holes.
    pub security: Vec<String>,
    /// Where it says how the server is doing.
    pub status: Vec<String>,
    /// Who helps.
    pub support: Vec<String>,
}

impl ContactConfig {
    /// The addresses of each purpose, with the key of the configuration.
    pub fn purposes(&self) -> [(&'static str, &[String]); 7] {
        [
            ("contact.abuse", &self.abuse),
            ("contact.admin", &self.admin),
            ("contact.feedback", &self.feedback),
            ("contact.sales", &self.sales),
            ("contact.security", &self.security),
            ("contact.status", &self.status),
            ("contact.support", &self.support),
        ]
    }
}

/// `[[external_service]]`: a server beside this one, such as TURN (XEP-0215).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalService {
    /// `stun`, `stuns`, `turn`, `turns`, or what else is registered.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name or address.
    pub host: String,
    /// Its port.
    #[serde(default)]
    pub port: Option<u16>,
    /// How it is reached.
    #[serde(default)]
    pub transport: Option<Transport>,
    /// What it is called for people; empty: nothing.
    #[serde(default)]
    pub name: String,
    /// What all log in as there; empty: nobody needs to, or `secret` is set.
    #[serde(default)]
    pub username: String,
    /// Their password.
    #[serde(default)]
    pub password: String,
    /// The secret that the service shares with this server (coturn's `static-auth-secret`): each account gets a name and
    /// a password of its own, which pass.
    #[serde(default)]
    pub secret: String,
    /// After how long these pass.
    #[serde(default = "day", with = "duration")]
    pub expires: Duration,
}

/// How a service is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl Transport {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        }
    }
}

fn day() -> Duration {
    Duration::from_secs(86_400)
}
