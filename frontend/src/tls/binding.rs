//! Channel bindings of a TLS connection (RFC 9266, RFC 5929), as data for SASL.
//!
//! It must not know SASL's messages. What comes next: `sasl::scram` compares the data with the client's.

use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{Channel, Identity};
use crate::sasl::Bindings;

/// What a connection, past its handshake, can be bound to.
pub(crate) fn bindings(channel: &mut Channel, identity: &Identity) -> Bindings {
    Bindings {
        exporter: channel.take_exporter(),
        end_point: identity.end_point.clone(),
    }
}

/// `tls-server-end-point` of a certificate (RFC 5929 §4.1): its hash with the hash function of its signature, SHA-256
/// where that is MD5 or SHA-1. `None` where it is undefined (Ed25519) or unknown to us.
pub fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    Some(match signature_hash(certificate)? {
        SignatureHash::Sha256 => Sha256::digest(certificate).to_vec(),
        SignatureHash::Sha384 => Sha384::digest(certificate).to_vec(),
        SignatureHash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

enum SignatureHash {
    Sha256,
    Sha384,
    Sha512,
}

/// From the certificate's `signatureAlgorithm`, its second field (RFC 5280 §4.1.1.2).
fn signature_hash(certificate: &[u8]) -> Option<SignatureHash> {
    let (mut fields, _) = der_value(certificate, 0x30)?;
    (_, fields) = der_value(fields, 0x30)?;
    let (algorithm, _) = der_value(fields, 0x30)?;
    let (oid, parameters) = der_value(algorithm, 0x06)?;
    match oid {
        // 1.2.840.113549.1.1.10, RSASSA-PSS: the hash is the first parameter, [0]; absent, it is SHA-1 (RFC 4055 §3.1).
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a] => {
            let (parameters, _) = der_value(parameters, 0x30)?;
            let Some((hash, _)) = der_value(parameters, 0xa0) else {
                return Some(SignatureHash::Sha256);
            };
            let (hash, _) = der_value(hash, 0x30)?;
            let (hash, _) = der_value(hash, 0x06)?;
            match hash {
                // 2.16.840.1.101.3.4.2.{1,2,3}, and 1.3.14.3.2.26, SHA-1.
                [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 1] | [0x2b, 0x0e, 0x03, 0x02, 0x1a] => {
                    Some(SignatureHash::Sha256)
                }
                [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 2] => Some(SignatureHash::Sha384),
                [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 3] => Some(SignatureHash::Sha512),
                _ => None,
            }
        }
        // 1.2.840.113549.1.1.*, RSA with MD5 (4), SHA-1 (5), SHA-256 (11), SHA-384 (12), SHA-512 (13).
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, with] => match with {
            4 | 5 | 11 => Some(SignatureHash::Sha256),
            12 => Some(SignatureHash::Sha384),
            13 => Some(SignatureHash::Sha512),
            _ => None,
        },
        // 1.2.840.10045.4.1, ECDSA with SHA-1.
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01] => Some(SignatureHash::Sha256),
        // 1.2.840.10045.4.3.{2,3,4}, ECDSA with SHA-256, SHA-384, SHA-512.
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, with] => match with {
            2 => Some(SignatureHash::Sha256),
            3 => Some(SignatureHash::Sha384),
            4 => Some(SignatureHash::Sha512),
            _ => None,
        },
        _ => None,
    }
}

/// The contents of the DER value at the front, if it has this tag, and what follows it.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    if *found != tag {
        return None;
    }
    if *first < 0x80 {
        return rest.split_at_checked(usize::from(*first));
    }
    let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if length.is_empty() || length.len() > 4 {
        return None;
    }
    let length = length.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
    rest.split_at_checked(length)
}
