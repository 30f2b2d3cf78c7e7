//! SCRAM, the server's side (RFC 5802, RFC 7677): client-first → server-first → client-final → server-final.
//!
//! The exchange is two values: [`ClientFirst`] is turned into a [`Challenged`] once credentials are known, and that
//! ends it, so that no message can come out of turn. It must not know the store, XML or base64 around the messages.
//! What comes next: `stream::sasl` sends what comes out.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use subtle::ConstantTimeEq;

use super::gs2::{self, Flag};
use super::{Bindings, ChannelBinding, Credentials, Decoys, Failure, Hash};

/// A client's first message, understood.
#[derive(Debug)]
pub struct ClientFirst {
    /// The user name, decoded and prepared with SASLprep.
    pub authcid: String,
    /// The authorization identity, if the client gave one.
    pub authzid: Option<String>,
    hash: Hash,
    binding: Option<ChannelBinding>,
    header: String,
    bare: String,
    nonce: String,
}

/// An exchange that waits for the client's proof.
pub struct Challenged {
    hash: Hash,
    credentials: Credentials,
    known: bool,
    binding: Option<ChannelBinding>,
    header: String,
    bare: String,
    nonce: String,
    server_first: String,
}

impl ClientFirst {
    /// Parses client-first-message. `plus` says whether a `-PLUS` mechanism was picked; `bindings` are those of the
    /// connection, and if there are any, a client that says `y` ("you offer none") has been lied to by somebody in
    /// between: [`Failure::NotAuthorized`] (RFC 5802 §6).
    pub fn parse(hash: Hash, plus: bool, bindings: &Bindings, message: &[u8]) -> Result<Self, Failure> {
        let message = str::from_utf8(message).map_err(|_| Failure::MalformedRequest)?;
        let header = gs2::parse(message)?;
        let binding = match (header.flag, plus) {
            (Flag::Used(name), true) => Some(bindings.named(name).ok_or(Failure::MalformedRequest)?),
            (Flag::NotOffered, false) if !bindings.is_empty() => return Err(Failure::NotAuthorized),
            (Flag::NotOffered | Flag::Unsupported, false) => None,
            (Flag::Used(_), false) | (Flag::NotOffered | Flag::Unsupported, true) => {
                return Err(Failure::MalformedRequest);
            }
        };
        // A reserved `m=` extension in front must fail the exchange (RFC 5802 §5.1): it is no `n=`.
        let mut attributes = header.rest.split(',');
        let name = attribute(attributes.next(), "n=")?;
        let nonce = attribute(attributes.next(), "r=")?;
        if nonce.is_empty() || !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::MalformedRequest);
        }
        let name = gs2::decode_name(name)?;
        let authcid = stringprep::saslprep(&name)
            .map_err(|_| Failure::NotAuthorized)?
            .into_owned();
        let (bare, header_text) = (header.rest.to_owned(), header.text.to_owned());
        Ok(Self {
            authcid,
            authzid: header.authzid,
            hash,
            binding,
            header: header_text,
            bare,
            nonce: nonce.to_owned(),
        })
    }

    /// The server-first-message, and the exchange that goes on. `account` is `None` for a name that nobody has: the
    /// exchange then runs against a decoy and fails at the end. `server_nonce` is printable, without commas, and new. `offered` is
    /// what the client should have been shown ([`offered`]; nothing is said of nothing): its hash tells it of whoever has shown it less (XEP-0474 §5.1).
    pub fn challenge(
        self,
        account: Option<Credentials>,
        decoys: &Decoys,
        server_nonce: &str,
        offered: &str,
    ) -> (Vec<u8>, Challenged) {
        let decoy = decoys.credentials(&self.authcid);
        let known = account.is_some();
        let credentials = account.unwrap_or(decoy);
        let nonce = format!("{}{server_nonce}", self.nonce);
        let salt = BASE64.encode(&credentials.salt);
        let mut server_first = format!("r={nonce},s={salt},i={}", credentials.iterations);
        if !offered.is_empty() {
            let offered = BASE64.encode(self.hash.digest(offered.as_bytes()));
            server_first.push_str(&format!(",h={offered}"));
        }
        let message = server_first.clone().into_bytes();
        let Self {
            hash,
            binding,
            header,
            bare,
            ..
        } = self;
        (
            message,
            Challenged {
                hash,
                credentials,
                known,
                binding,
                header,
                bare,
                nonce,
                server_first,
            },
        )
    }
}

impl Challenged {
    /// Checks client-final-message and gives server-final-message. All comparisons of secrets are in constant time.
    pub fn verify(self, message: &[u8], bindings: &Bindings) -> Result<Vec<u8>, Failure> {
        let message = str::from_utf8(message).map_err(|_| Failure::MalformedRequest)?;
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(Failure::MalformedRequest)?;
        let mut attributes = without_proof.split(',');
        let channel = attribute(attributes.next(), "c=")?;
        let nonce = attribute(attributes.next(), "r=")?;
        let channel = BASE64.decode(channel).map_err(|_| Failure::MalformedRequest)?;
        let mut proof = BASE64.decode(proof).map_err(|_| Failure::MalformedRequest)?;

        let bound = self
            .binding
            .and_then(|binding| bindings.data(binding))
            .unwrap_or_default();
        let expected_channel = [self.header.as_bytes(), bound].concat();
        let (stored_key, server_key) = self.credentials.keys(self.hash);
        let auth_message = format!("{},{},{without_proof}", self.bare, self.server_first);
        let client_signature = self.hash.hmac(stored_key, auth_message.as_bytes());
        if proof.len() != client_signature.len() {
            return Err(Failure::MalformedRequest);
        }
        // ClientKey = ClientProof XOR ClientSignature, and its hash is what we have stored (RFC 5802 §3).
        proof
            .iter_mut()
            .zip(&client_signature)
            .for_each(|(byte, mask)| *byte ^= mask);
        let proven = self.hash.digest(&proof).ct_eq(stored_key)
            & channel.ct_eq(&expected_channel)
            & nonce.as_bytes().ct_eq(self.nonce.as_bytes());
        if !(bool::from(proven) && self.known) {
            return Err(Failure::NotAuthorized);
        }
        let server_signature = self.hash.hmac(server_key, auth_message.as_bytes());
        Ok(format!("v={}", BASE64.encode(server_signature)).into_bytes())
    }
}

/// Keys and nonces stay out of logs.
impl fmt::Debug for Challenged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenged")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

/// Mechanisms and types of channel binding as they are hashed (XEP-0474 §5.1); `bindings` are none where none were shown.
pub fn offered<'n>(mechanisms: impl Iterator<Item = &'n str>, bindings: impl Iterator<Item = &'n str>) -> String {
    let sorted = |names: Vec<&'n str>| {
        let mut names = names;
        names.sort_unstable();
        names.join("\u{1e}")
    };
    let bindings: Vec<&str> = bindings.collect();
    let mut offered = sorted(mechanisms.collect());
    if !bindings.is_empty() {
        offered.push('\u{1f}');
        offered.push_str(&sorted(bindings));
    }
    offered
}

fn attribute<'a>(part: Option<&'a str>, name: &str) -> Result<&'a str, Failure> {
    part.and_then(|part| part.strip_prefix(name))
        .ok_or(Failure::MalformedRequest)
}

#[cfg(test)]
#[path = "scram_tests.rs"]
mod tests;
