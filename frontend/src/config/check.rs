//! What types cannot say about a configuration: values that exclude each other, limits that may not be 0.
//!
//! It must not know where values came from: `source` finds the key's origin for the error.

use std::net::IpAddr;
use std::time::Duration;

use jid::{BareJid, DomainPart};

use super::Config;

/// The least stanza size that RFC 6120 §13.12 allows a server to set.
const STANZA_BYTES_MIN: usize = 10_000;
/// The least number of rounds that RFC 5802 §5.1 recommends.
const SCRAM_ITERATIONS_MIN: u32 = 4_096;
/// The least time for which credentials at another service are good.
const EXPIRES_MIN: Duration = Duration::from_secs(60);

/// A key whose value is refused.
pub(super) struct Wrong {
    pub(super) key: &'static str,
    pub(super) message: String,
}

pub(super) fn wrong(key: &'static str, message: impl Into<String>) -> Result<(), Wrong> {
    Err(Wrong {
        key,
        message: message.into(),
    })
}

impl Config {
    /// Refuses what cannot work and normalises the domain.
    pub(super) fn check(&mut self) -> Result<(), Wrong> {
        self.check_domain()?;
        self.check_admins()?;
        self.check_listeners()?;
        self.check_peers()?;
        self.check_files()?;
        self.check_http()?;
        self.check_contact()?;
        self.check_services()?;
        self.check_components()?;
        self.check_limits()
    }

    fn check_domain(&mut self) -> Result<(), Wrong> {
        match DomainPart::new(&self.domain) {
            Ok(domain) => self.domain = domain.into_owned().into_inner(),
            Err(error) => {
                return wrong(
                    "domain",
                    format!("{:?} is no domain ({error}); write one like example.org", self.domain),
                );
            }
        }
        if self.data_dir.as_os_str().is_empty() {
            return wrong("data_dir", "is empty; name a directory");
        }
        Ok(())
    }

    /// Whom the server trusts with itself is an account of its own.
    fn check_admins(&mut self) -> Result<(), Wrong> {
        for admin in &mut self.c2s.admins {
            match BareJid::new(admin) {
                Ok(jid) if jid.node().is_some() && jid.domain().as_str() == self.domain => *admin = jid.to_string(),
                _ => {
                    let message = format!(
                        "{admin:?} is no account of this server; write one like juliet@{}",
                        self.domain
                    );
                    return wrong("c2s.admins", message);
                }
            }
        }
        Ok(())
    }

    fn check_listeners(&self) -> Result<(), Wrong> {
        let exposed = self.c2s.listen.iter().find(|address| !address.ip().is_loopback());
        if let (false, Some(address)) = (self.c2s.require_tls, exposed) {
            let message = format!("may be false only if every c2s.listen is on loopback, and {address} is not");
            return wrong("c2s.require_tls", message);
        }
        if self.c2s.handshake_timeout == Duration::ZERO {
            return wrong("c2s.handshake_timeout", "must be longer than 0s");
        }
        if self.c2s.scram_iterations < SCRAM_ITERATIONS_MIN {
            return wrong(
                "c2s.scram_iterations",
                format!("must be at least {SCRAM_ITERATIONS_MIN}"),
            );
        }
        Ok(())
    }

    fn check_peers(&self) -> Result<(), Wrong> {
        let s2s = &self.s2s;
        if s2s.retry_min == Duration::ZERO {
            return wrong("s2s.retry_min", "must be longer than 0s");
        }
        if s2s.retry_max < s2s.retry_min {
            return wrong("s2s.retry_max", "must not be shorter than s2s.retry_min");
        }
        if s2s.idle_timeout == Duration::ZERO {
            return wrong("s2s.idle_timeout", "must be longer than 0s");
        }
        let no_domain = |domain: &&String| DomainPart::new(domain.strip_prefix("*.").unwrap_or(domain)).is_err();
        if let Some(domain) = s2s.resolve.keys().find(no_domain) {
            return wrong(
                "s2s.resolve",
                format!("{domain:?} is no domain; write peer.example or *.peer.example"),
            );
        }
        if let Some(domain) = s2s.policy.keys().filter(|domain| *domain != "*").find(no_domain) {
            return wrong(
                "s2s.policy",
                format!("{domain:?} is no domain; write peer.example, *.peer.example or *"),
            );
        }
        Ok(())
    }

    fn check_files(&self) -> Result<(), Wrong> {
        match (
            self.tls.cert.as_os_str().is_empty(),
            self.tls.key.as_os_str().is_empty(),
        ) {
            (true, false) => wrong("tls.cert", "is missing although tls.key is set; set both or neither"),
            (false, true) => wrong("tls.key", "is missing although tls.cert is set; set both or neither"),
            _ => Ok(()),
        }
    }

    fn check_http(&self) -> Result<(), Wrong> {
        let url = &self.http.public_url;
        if !(url.is_empty() || url.starts_with("https://") || url.starts_with("http://")) {
            return wrong(
                "http.public_url",
                format!("{url:?} must begin with https:// or http://"),
            );
        }
        if let Some(bad) = self.http.origins.iter().find(|origin| !is_origin(origin)) {
            return wrong(
                "http.origins",
                format!("{bad:?} is no origin; write https://chat.example.org, or * for any"),
            );
        }
        match self.http.trusted_proxies.iter().find(|network| !is_network(network)) {
            Some(bad) => wrong(
                "http.trusted_proxies",
                format!("{bad:?} is no address; write 10.0.0.1 or 10.0.0.0/8"),
            ),
            None => Ok(()),
        }
    }

    fn check_contact(&self) -> Result<(), Wrong> {
        for (key, addresses) in self.contact.purposes() {
            if let Some(address) = addresses.iter().find(|address| !is_uri(address)) {
                return wrong(
                    key,
                    format!("{address:?} is no URI; write one like mailto:abuse@example.org"),
                );
            }
        }
        Ok(())
    }

    fn check_services(&self) -> Result<(), Wrong> {
        let key = "external_service";
        for service in &self.external_service {
            let said = format!("{} at {}", service.kind, service.host);
            let words = [&service.kind, &service.host];
            if words
                .iter()
                .any(|word| word.is_empty() || word.contains(|c: char| c.is_whitespace() || c.is_control()))
            {
                return wrong(key, format!("{said:?}: type and host are one word each"));
            }
            let fixed = (!service.username.is_empty(), !service.password.is_empty());
            match (fixed, !service.secret.is_empty()) {
                ((false, false), _) | ((true, true), false) => {}
                (_, true) => {
                    return wrong(
                        key,
                        format!("{said}: give it a secret or a username with a password, not both"),
                    );
                }
                _ => return wrong(key, format!("{said}: a username and a password go together")),
            }
            if service.expires < EXPIRES_MIN {
                return wrong(key, format!("{said}: expires must be at least 1m"));
            }
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), Wrong> {
        let limits = &self.limits;
        for (key, bytes) in [
            ("limits.stanza_bytes", limits.stanza_bytes),
            ("limits.stanza_bytes_before_auth", limits.stanza_bytes_before_auth),
        ] {
            if bytes < STANZA_BYTES_MIN {
                return wrong(key, format!("must be at least {STANZA_BYTES_MIN} (RFC 6120 §13.12)"));
            }
        }
        let positive = [
            ("limits.catch_up_posts", u64::from(limits.catch_up_posts)),
            ("limits.sessions_per_account", u64::from(limits.sessions_per_account)),
            (
                "limits.connections_unauthenticated",
                u64::from(limits.connections_unauthenticated),
            ),
            ("limits.sasl_attempts", u64::from(limits.sasl_attempts)),
            ("limits.peer_streams", u64::from(limits.peer_streams)),
            ("limits.peer_stanza_burst", u64::from(limits.peer_stanza_burst)),
            ("limits.peer_bytes_burst", limits.peer_bytes_burst),
            ("limits.roster_items", u64::from(limits.roster_items)),
            ("limits.blocked_addresses", u64::from(limits.blocked_addresses)),
            ("limits.archive_page", u64::from(limits.archive_page)),
            ("limits.archive_page_max", u64::from(limits.archive_page_max)),
            ("limits.archive_scan", u64::from(limits.archive_scan)),
            ("limits.sm_unacked", u64::from(limits.sm_unacked)),
            ("limits.devices_per_account", u64::from(limits.devices_per_account)),
            ("limits.device_days", u64::from(limits.device_days)),
            ("limits.queue_posts", u64::from(limits.queue_posts)),
            ("limits.catch_ups_parallel", u64::from(limits.catch_ups_parallel)),
            ("limits.nodes_per_account", u64::from(limits.nodes_per_account)),
            ("limits.affiliations_per_node", u64::from(limits.affiliations_per_node)),
            ("limits.item_bytes", limits.item_bytes as u64),
            ("limits.items_per_node", limits.items_per_node),
            (
                "limits.subscriptions_per_account",
                u64::from(limits.subscriptions_per_account),
            ),
            ("limits.publish_burst", u64::from(limits.publish_burst)),
            ("limits.node_publish_burst", u64::from(limits.node_publish_burst)),
            ("limits.host_publish_burst", u64::from(limits.host_publish_burst)),
            ("limits.commit_queue_age_ms", u64::from(limits.commit_queue_age_ms)),
            ("limits.upload_bytes", limits.upload_bytes),
        ];
        match positive.into_iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => wrong(key, "must be at least 1"),
            None => Ok(()),
        }
    }
}

/// A scheme and something behind it, without spaces (RFC 3986 §3).
fn is_uri(text: &str) -> bool {
    let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    let scheme = text.split_once(':').filter(|(_, rest)| !rest.is_empty());
    let letters = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    };
    plain && scheme.is_some_and(|(scheme, _)| letters(scheme))
}

/// `https://chat.example.org`, with a port or without, and nothing behind it; or `*`.
fn is_origin(origin: &str) -> bool {
    let site = origin
        .split_once("://")
        .filter(|(scheme, _)| !scheme.is_empty())
        .map(|(_, site)| site);
    origin == "*" || site.is_some_and(|site| !site.is_empty() && !site.contains(['/', ' ', '*']))
}

/// An address, or an address and a prefix length.
fn is_network(text: &str) -> bool {
    let (address, prefix) = text
        .split_once('/')
        .map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let bits_max = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    prefix.is_none_or(|prefix| prefix.parse::<u8>().is_ok_and(|bits| bits <= bits_max))
}
