//! Dialback (XEP-0220): keys (XEP-0185), and the bytes of its elements.
//!
//! Must not know streams: who may ask and what follows from an answer is for those who carry these elements.

use std::fmt::Write;

use hmac::{Hmac, Mac};
use minidom::Element;
use reef_stanza::{Condition, ErrorType, escape_attr, ns};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::names::domain;

/// What our keys are made with; the same after a restart, and on all machines that serve our domains.
pub(super) struct Secret(String);

/// A key, or what somebody says about one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    /// Normalised.
    pub(super) from: String,
    /// Normalised.
    pub(super) to: String,
    /// The stream that the key is for, in a `db:verify`.
    pub(super) id: String,
    /// What is said, if it is an answer.
    pub(super) answer: Option<Verdict>,
    /// The key.
    pub(super) key: String,
}

/// What is said about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is ours.
    Valid,
    /// It is not.
    Invalid,
    /// It cannot be said (XEP-0220 §2.5).
    Error(Condition),
}

impl Secret {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(hex(&Sha256::digest(secret)))
    }

    /// The key by which `originating` proves itself to `receiving` on the stream that has this id.
    pub(super) fn key(&self, receiving: &str, originating: &str, id: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("a key of HMAC may have any length");
        mac.update(format!("{receiving} {originating} {id}").as_bytes());
        hex(&mac.finalize().into_bytes())
    }

    /// Whether a key is ours; takes the same time whatever it is.
    pub(super) fn made(&self, key: &str, receiving: &str, originating: &str, id: &str) -> bool {
        let expected = self.key(receiving, originating, id);
        expected.as_bytes().ct_eq(key.as_bytes()).into()
    }
}

impl Claim {
    /// Reads a `db:result` or `db:verify`; `None` where 'from' or 'to' is no domain.
    pub(super) fn read(element: &Element) -> Option<Self> {
        Some(Self {
            from: domain(element.attr("from")?)?,
            to: domain(element.attr("to")?)?,
            id: element.attr("id").unwrap_or_default().to_owned(),
            answer: element.attr("type").map(|kind| match kind {
                "valid" => Verdict::Valid,
                "invalid" => Verdict::Invalid,
                _ => Verdict::Error(condition(element)),
            }),
            key: element.text().trim().to_owned(),
        })
    }
}

/// The conditions that matter here; the rest is undefined.
fn condition(element: &Element) -> Condition {
    let known = [
        Condition::ItemNotFound,
        Condition::RemoteServerNotFound,
        Condition::RemoteServerTimeout,
        Condition::PolicyViolation,
        Condition::NotAuthorized,
        Condition::Forbidden,
        Condition::NotAcceptable,
        Condition::ResourceConstraint,
    ];
    let said = element
        .children()
        .filter(|child| child.name() == "error")
        .flat_map(Element::children)
        .find(|child| child.has_ns(ns::STANZAS));
    let found = said.and_then(|said| known.into_iter().find(|known| known.as_str() == said.name()));
    found.unwrap_or(Condition::UndefinedCondition)
}

/// `<db:result from to>key</db:result>`.
pub(super) fn ask_result(from: &str, to: &str, key: &str) -> Vec<u8> {
    element("result", from, to, "", None, key)
}

/// `<db:verify from to id>key</db:verify>`.
pub(super) fn ask_verify(from: &str, to: &str, id: &str, key: &str) -> Vec<u8> {
    element("verify", from, to, id, None, key)
}

/// The answer to a `db:result`.
pub(super) fn result(claim: &Claim, verdict: Verdict) -> Vec<u8> {
    element("result", &claim.to, &claim.from, "", Some(verdict), "")
}

/// The answer to a `db:verify`.
pub(super) fn verified(claim: &Claim, verdict: Verdict) -> Vec<u8> {
    element("verify", &claim.to, &claim.from, &claim.id, Some(verdict), "")
}

fn element(name: &str, from: &str, to: &str, id: &str, verdict: Option<Verdict>, key: &str) -> Vec<u8> {
    let mut out = format!("<db:{name}").into_bytes();
    let kind = verdict.map_or("", |verdict| match verdict {
        Verdict::Valid => "valid",
        Verdict::Invalid => "invalid",
        Verdict::Error(_) => "error",
    });
    for (name, value) in [("from", from), ("to", to), ("id", id), ("type", kind)] {
        if !value.is_empty() {
            out.extend_from_slice(format!(" {name}='").as_bytes());
            escape_attr(value, &mut out);
            out.push(b'\'');
        }
    }
    let content = match verdict {
        Some(Verdict::Error(condition)) => {
            let kind = match condition.default_type() {
                // What a peer may do about it later is tried by whoever sends again.
                ErrorType::Modify => ErrorType::Cancel,
                kind => kind,
            };
            format!(
                "<error type='{}'><{} xmlns='{}'/></error>",
                kind.as_str(),
                condition.as_str(),
                ns::STANZAS
            )
        }
        _ => key.to_owned(),
    };
    match content.is_empty() {
        true => out.extend_from_slice(b"/>"),
        false => out.extend_from_slice(format!(">{content}</db:{name}>").as_bytes()),
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_xep_0185() {
        let secret = Secret::new(b"s3cr3tf0rd14lb4ck");
        let key = secret.key("xmpp.example.com", "example.org", "D60000229F");
        assert_eq!(key, "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643");
        assert!(secret.made(&key, "xmpp.example.com", "example.org", "D60000229F"));
        assert!(!secret.made(&key, "xmpp.example.com", "example.org", "D60000229E"));
        assert!(!secret.made("", "xmpp.example.com", "example.org", "D60000229F"));
    }

    #[test]
    fn elements_are_written_as_the_xep_shows_them() {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let claim = Claim {
            from: "a.example".to_owned(),
            to: "b.example".to_owned(),
            id: "1'2".to_owned(),
            answer: None,
            key: "k".to_owned(),
        };
        assert_eq!(
            text(ask_result("a.example", "b.example", "k")),
            "<db:result from='a.example' to='b.example'>k</db:result>"
        );
        assert_eq!(
            text(verified(&claim, Verdict::Valid)),
            "<db:verify from='b.example' to='a.example' id='1&apos;2' type='valid'/>"
        );
        assert_eq!(
            text(result(&claim, Verdict::Error(Condition::ItemNotFound))),
            "<db:result from='b.example' to='a.example' type='error'><error type='cancel'>\
             <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>"
        );
    }
}
