//! What a peer must do to be talked to, by its domain: the operator's `s2s.policy`, `require_tls` and `dialback`.
//!
//! Must not know streams. What comes next: who dials and who accepts asks for the [`Rules`] of the other's domain.

use super::names::ByDomain;
use crate::config::{PeerPolicy, S2sConfig};

/// The operator's policies.
#[derive(Debug)]
pub(super) struct Policy {
    require_tls: bool,
    dialback: bool,
    peers: ByDomain<PeerPolicy>,
}

/// What holds for one domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// No streams at all.
    pub(super) denied: bool,
    /// Only over TLS.
    pub(super) tls: bool,
    /// Dialback stands in for a certificate that is not valid for the domain.
    pub(super) dialback: bool,
}

impl Policy {
    pub(super) fn new(config: &S2sConfig) -> Self {
        Self {
            require_tls: config.require_tls,
            dialback: config.dialback,
            peers: ByDomain::new(&config.policy),
        }
    }

    /// The rules for a domain, normalised.
    pub(super) fn of(&self, domain: &str) -> Rules {
        let policy = self.peers.get(domain).unwrap_or(PeerPolicy::Allow);
        Rules {
            denied: policy == PeerPolicy::Deny,
            tls: self.require_tls || matches!(policy, PeerPolicy::Tls | PeerPolicy::Certificate),
            dialback: self.dialback && policy != PeerPolicy::Certificate,
        }
    }

    /// The rules for one who has not said who he is.
    pub(super) fn of_nobody(&self) -> Rules {
        Rules {
            denied: false,
            tls: self.require_tls,
            dialback: self.dialback,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_adds_to_what_holds_for_all() {
        let mut config = S2sConfig {
            require_tls: false,
            ..S2sConfig::default()
        };
        for (domain, policy) in [
            ("bad.example", PeerPolicy::Deny),
            ("*.bank.example", PeerPolicy::Certificate),
            ("tls.example", PeerPolicy::Tls),
            ("open.bank.example", PeerPolicy::Allow),
        ] {
            config.policy.insert(domain.to_owned(), policy);
        }
        let policy = Policy::new(&config);
        let check = |domain, denied, tls, dialback| {
            let expected = Rules { denied, tls, dialback };
            assert_eq!(policy.of(domain), expected, "{domain}");
        };
        check("other.example", false, false, true);
        check("bad.example", true, false, true);
        check("a.bank.example", false, true, false);
        check("tls.example", false, true, true);
        check("open.bank.example", false, false, true);
        config.require_tls = true;
        config.dialback = false;
        let strict = Policy::new(&config).of("other.example");
        assert!(strict.tls && !strict.dialback);
    }
}
