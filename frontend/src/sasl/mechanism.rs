//! The mechanisms' names, and which of them a connection is offered.
//!
//! It must not know how a mechanism works. What comes next: the name a client picks goes through [`Offer::pick`] to
//! `scram` or `plain`.

use super::{Failure, Hash};

/// A SASL mechanism that Reef speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// SCRAM over a hash; `plus` means bound to the TLS channel (RFC 5802 §4).
    Scram {
        /// The hash function.
        hash: Hash,
        /// Whether channel binding is used.
        plus: bool,
    },
    /// The password itself (RFC 4616).
    Plain,
}

impl Mechanism {
    /// Every mechanism, best first; features list them in this order.
    pub const ALL: [Self; 5] = [
        Self::Scram {
            hash: Hash::Sha256,
            plus: true,
        },
        Self::Scram {
            hash: Hash::Sha1,
            plus: true,
        },
        Self::Scram {
            hash: Hash::Sha256,
            plus: false,
        },
        Self::Scram {
            hash: Hash::Sha1,
            plus: false,
        },
        Self::Plain,
    ];

    /// The name in IANA's registry, as `<mechanism/>` carries it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scram {
                hash: Hash::Sha256,
                plus: true,
            } => "SCRAM-SHA-256-PLUS",
            Self::Scram {
                hash: Hash::Sha1,
                plus: true,
            } => "SCRAM-SHA-1-PLUS",
            Self::Scram {
                hash: Hash::Sha256,
                plus: false,
            } => "SCRAM-SHA-256",
            Self::Scram {
                hash: Hash::Sha1,
                plus: false,
            } => "SCRAM-SHA-1",
            Self::Plain => "PLAIN",
        }
    }
}

/// What one connection is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The `-PLUS` mechanisms: the connection has a channel binding.
    pub plus: bool,
    /// PLAIN: the connection is encrypted, or the operator lets passwords pass in the clear on loopback.
    pub plain: bool,
}

impl Offer {
    /// The offered mechanisms, best first.
    pub fn mechanisms(self) -> impl Iterator<Item = Mechanism> {
        Mechanism::ALL.into_iter().filter(move |mechanism| self.has(*mechanism))
    }

    /// The mechanism of this name, if it is offered; PLAIN that is withheld for want of TLS says so.
    pub fn pick(self, name: &str) -> Result<Mechanism, Failure> {
        let known = Mechanism::ALL.into_iter().find(|mechanism| mechanism.name() == name);
        match known {
            Some(mechanism) if self.has(mechanism) => Ok(mechanism),
            Some(Mechanism::Plain) => Err(Failure::EncryptionRequired),
            _ => Err(Failure::InvalidMechanism),
        }
    }

    fn has(self, mechanism: Mechanism) -> bool {
        match mechanism {
            Mechanism::Scram { plus: true, .. } => self.plus,
            Mechanism::Scram { plus: false, .. } => true,
            Mechanism::Plain => self.plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(offer: Offer) -> Vec<&'static str> {
        offer.mechanisms().map(Mechanism::name).collect()
    }

    #[test]
    fn mechanisms_are_listed_best_first() {
        assert_eq!(
            names(Offer {
                plus: true,
                plain: true
            }),
            [
                "SCRAM-SHA-256-PLUS",
                "SCRAM-SHA-1-PLUS",
                "SCRAM-SHA-256",
                "SCRAM-SHA-1",
                "PLAIN"
            ]
        );
        assert_eq!(
            names(Offer {
                plus: false,
                plain: false
            }),
            ["SCRAM-SHA-256", "SCRAM-SHA-1"]
        );
    }

    #[test]
    fn only_what_is_offered_can_be_picked() {
        let offer = Offer {
            plus: false,
            plain: false,
        };
        assert_eq!(
            offer.pick("SCRAM-SHA-1"),
            Ok(Mechanism::Scram {
                hash: Hash::Sha1,
                plus: false
            })
        );
        assert_eq!(offer.pick("SCRAM-SHA-1-PLUS"), Err(Failure::InvalidMechanism));
        assert_eq!(offer.pick("PLAIN"), Err(Failure::EncryptionRequired));
        assert_eq!(offer.pick("DIGEST-MD5"), Err(Failure::InvalidMechanism));
    }
}
