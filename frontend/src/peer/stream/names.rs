//! Domains as they are compared, and tables in which an operator writes something about them.
//!
//! Must not know what is written.

use std::collections::HashMap;

use jid::{DomainPart, Jid};

/// The domain that a text is, normalised; `None` where it is none, or an address with more than a domain.
pub(super) fn domain(text: &str) -> Option<String> {
    let jid = Jid::new(text).ok()?;
    let alone = jid.node().is_none() && jid.resource().is_none();
    alone.then(|| jid.domain().as_str().to_owned())
}

/// A table by domain: `peer.example`, `*.peer.example` for its subdomains, `*` for all.
#[derive(Debug)]
pub(super) struct ByDomain<T>(HashMap<String, T>);

impl<T: Copy> ByDomain<T> {
    /// The table that the operator wrote; what is no domain was refused when the configuration was read.
    pub(super) fn new<'a>(written: impl IntoIterator<Item = (&'a String, &'a T)>) -> Self
    where
        T: 'a,
    {
        Self(written.into_iter().map(|(key, value)| (normal(key), *value)).collect())
    }

    /// What is written about a domain; the longest that fits counts.
    pub(super) fn get(&self, domain: &str) -> Option<T> {
        if let Some(value) = self.0.get(domain) {
            return Some(*value);
        }
        let mut rest = domain;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(value) = self.0.get(&format!("*.{parent}")) {
                return Some(*value);
            }
            rest = parent;
        }
        self.0.get("*").copied()
    }
}

fn normal(key: &str) -> String {
    let (prefix, name) = match key.strip_prefix("*.") {
        Some(name) => ("*.", name),
        None => ("", key),
    };
    let name = DomainPart::new(name).map_or_else(|_| name.to_owned(), |name| name.as_str().to_owned());
    format!("{prefix}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_that_fits_counts() {
        let written = ["*", "*.example", "*.peer.example", "Chat.Peer.example"]
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        let numbers = [0, 1, 2, 3];
        let table = ByDomain::new(written.iter().zip(&numbers));
        for (domain, expected) in [
            ("chat.peer.example", 3),
            ("x.chat.peer.example", 2),
            ("a.peer.example", 2),
            ("peer.example", 1),
            ("example", 0),
            ("127.0.0.1", 0),
        ] {
            assert_eq!(table.get(domain), Some(expected), "{domain}");
        }
        assert_eq!(ByDomain::<u8>::new([]).get("example"), None);
    }

    #[test]
    fn a_domain_is_no_address_and_is_folded() {
        assert_eq!(domain("Peer.EXAMPLE").as_deref(), Some("peer.example"));
        assert_eq!(domain("[::1]").as_deref(), Some("[::1]"));
        for text in ["", "user@peer.example", "peer.example/x", "a b"] {
            assert_eq!(domain(text), None, "{text:?}");
        }
    }
}
