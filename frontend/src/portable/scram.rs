//! What proves a password, in a file: one element for each mechanism.
//!
//! An account here has one salt and one count for both: what says otherwise cannot be taken over.

use super::PIE_SCRAM;
use crate::sasl::{Credentials, Keys, Stored};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minidom::Element;
use reef_stanza::element::{Build, child_text, el};

const SHA1: &str = "SCRAM-SHA-1";
const SHA256: &str = "SCRAM-SHA-256";

/// Whether an element is such a proof.
pub(crate) fn is_scram(element: &Element) -> bool {
    element.is("scram-credentials", PIE_SCRAM)
}

/// The elements of an account; none where its password does not last.
pub(super) fn elements(stored: &[u8]) -> Vec<Element> {
    let Ok(Stored::Lasting(credentials)) = Stored::from_bytes(stored) else {
        return Vec::new();
    };
    let one = |mechanism: &str, stored: &[u8], server: &[u8]| {
        let field = |name: &str, text: &str| el(name, PIE_SCRAM).with_text(text);
        el("scram-credentials", PIE_SCRAM)
            .set("mechanism", mechanism)
            .child(field("iter-count", &credentials.iterations.to_string()))
            .child(field("salt", &STANDARD.encode(&credentials.salt)))
            .child(field("server-key", &STANDARD.encode(server)))
            .child(field("stored-key", &STANDARD.encode(stored)))
    };
    let (sha1, sha256) = (&credentials.sha1, &credentials.sha256);
    vec![
        one(SHA1, &sha1.stored, &sha1.server),
        one(SHA256, &sha256.stored, &sha256.server),
    ]
}

/// What the elements of an account prove; `None` where they lack one of our mechanisms, or are salted apart.
pub(crate) fn credentials(elements: &[Element]) -> Option<Credentials> {
    let of = |mechanism: &str| {
        elements
            .iter()
            .find(|element| element.attr("mechanism") == Some(mechanism))
    };
    let (sha1, sha256) = (of(SHA1)?, of(SHA256)?);
    let bytes = |element: &Element, name: &str| STANDARD.decode(child_text(element, name)?.trim()).ok();
    let iterations = |element: &Element| child_text(element, "iter-count")?.trim().parse::<u32>().ok();
    let salt = bytes(sha1, "salt").filter(|salt| (1..=255).contains(&salt.len()))?;
    let same = iterations(sha1)? == iterations(sha256)? && bytes(sha256, "salt")? == salt;
    let count = iterations(sha1).filter(|count| *count > 0 && same)?;
    Some(Credentials {
        iterations: count,
        salt,
        sha1: Keys {
            stored: bytes(sha1, "stored-key")?.try_into().ok()?,
            server: bytes(sha1, "server-key")?.try_into().ok()?,
        },
        sha256: Keys {
            stored: bytes(sha256, "stored-key")?.try_into().ok()?,
            server: bytes(sha256, "server-key")?.try_into().ok()?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_one_mechanism_is_not_enough() {
        let own = Credentials::derive("pencil", 10, b"salt".to_vec()).unwrap();
        let mut elements = elements(&own.to_bytes());
        assert!(credentials(&elements) == Some(own));
        elements.pop();
        assert!(credentials(&elements).is_none());
    }
}
