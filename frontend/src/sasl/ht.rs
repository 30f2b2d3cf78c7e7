//! HT, hashed tokens (draft-schmaus-kitten-sasl-ht): a token that the server made, proven in one message, bound to the channel or not;
//! and the two of them that a client may have at a time (XEP-0484 §5.1).
//!
//! It must not know clocks, the store or XML: whoever asks says what time it is. What comes next: `stream::fast`.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{Bindings, ChannelBinding, Failure, Hash};

/// A mechanism of HT over SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashedToken(Option<ChannelBinding>);

impl HashedToken {
    const ALL: [Self; 3] = [
        Self(Some(ChannelBinding::Exporter)),
        Self(Some(ChannelBinding::EndPoint)),
        Self(None),
    ];

    /// Those that a connection can do, the better ones first.
    pub fn offered(bindings: &Bindings) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|ht| ht.data(bindings).is_some())
    }

    /// The one of this name, if the connection can do it.
    pub fn pick(name: &str, bindings: &Bindings) -> Option<Self> {
        Self::offered(bindings).find(|ht| ht.name() == name)
    }

    /// The name in IANA's registry.
    pub fn name(self) -> &'static str {
        match self.0 {
            Some(ChannelBinding::Exporter) => "HT-SHA-256-EXPR",
            Some(ChannelBinding::EndPoint) => "HT-SHA-256-ENDP",
            None => "HT-SHA-256-NONE",
        }
    }

    fn data(self, bindings: &Bindings) -> Option<&[u8]> {
        match self.0 {
            Some(binding) => bindings.data(binding),
            None => Some(&[]),
        }
    }

    /// What the server answers to a proof of this token, if it is one. Compares in constant time.
    fn answer(self, secret: &str, proof: &[u8], bindings: &Bindings) -> Option<Vec<u8>> {
        let channel = self.data(bindings)?;
        let mac = |who: &[u8]| Hash::Sha256.hmac(secret.as_bytes(), &[who, channel].concat());
        bool::from(mac(b"Initiator").ct_eq(proof)).then(|| mac(b"Responder"))
    }
}

/// The one message: `authcid NUL proof`.
pub struct TokenMessage<'m> {
    /// The user name, prepared with SASLprep.
    pub authcid: String,
    proof: &'m [u8],
}

impl<'m> TokenMessage<'m> {
    /// Parses it.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(message: &'m [u8]) -> Result<Self, Failure> {
        let at = message
            .iter()
            .position(|byte| *byte == 0)
            .ok_or(Failure::MalformedRequest)?;
        let (name, proof) = message.split_at(at);
        let name = str::from_utf8(name).map_err(|_| Failure::MalformedRequest)?;
        let authcid = stringprep::saslprep(name)
            .map_err(|_| Failure::NotAuthorized)?
            .into_owned();
        let proof = proof.get(1..).unwrap_or_default();
        Ok(Self { authcid, proof })
    }
}

/// A token of one client.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// It, as the client has it.
    pub secret: String,
    /// The mechanism that it was asked for with: it is proven by no other.
    pub mechanism: String,
    /// Milliseconds since 1970: from then on it is worth nothing.
    pub expires: u64,
}

/// Tokens are as good as passwords: they stay out of logs.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("mechanism", &self.mechanism)
            .finish_non_exhaustive()
    }
}

/// What was proven, and when: a token is kept only while that still holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Basis {
    /// A password, by the stored form of its credentials.
    Password(Vec<u8>),
    /// A token, by all that its client had.
    Tokens(Tokens),
}

/// The tokens of one client: one that it has used, and one that it was given since and may not have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Used, or the first.
    pub current: Option<Token>,
    /// Given since.
    pub new: Option<Token>,
}

impl Tokens {
    /// Proves one of them, and forgets the older where it is the newer (XEP-0484 §3.5). What the server answers, and until when it
    /// is worth something.
    ///
    /// # Errors
    /// It is none of them, or its time is over.
    pub fn prove(
        &mut self,
        mechanism: HashedToken,
        message: &TokenMessage<'_>,
        bindings: &Bindings,
        now: u64,
    ) -> Result<(Vec<u8>, u64), Failure> {
        let proven = |token: &Option<Token>| {
            let token = token.as_ref().filter(|token| token.mechanism == mechanism.name())?;
            let answer = mechanism.answer(&token.secret, message.proof, bindings)?;
            Some((answer, token.expires))
        };
        let new = proven(&self.new);
        if new.is_some() {
            self.current = self.new.take();
        }
        let (answer, expires) = new.or_else(|| proven(&self.current)).ok_or(Failure::NotAuthorized)?;
        match now < expires {
            true => Ok((answer, expires)),
            false => Err(Failure::CredentialsExpired),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(secret: &str) -> Token {
        Token {
            secret: secret.to_owned(),
            mechanism: "HT-SHA-256-NONE".to_owned(),
            expires: 100,
        }
    }

    fn prove(tokens: &mut Tokens, mechanism: &str, secret: &str, now: u64) -> Result<(Vec<u8>, u64), Failure> {
        let bindings = Bindings {
            exporter: Some([7; 32]),
            end_point: None,
        };
        let mechanism = HashedToken::pick(mechanism, &bindings).unwrap();
        let channel = mechanism.data(&bindings).unwrap();
        let proof = Hash::Sha256.hmac(secret.as_bytes(), &[b"Initiator", channel].concat());
        let message = [b"juliet\0", &proof[..]].concat();
        let message = TokenMessage::parse(&message).unwrap();
        assert_eq!(message.authcid, "juliet");
        tokens.prove(mechanism, &message, &bindings, now)
    }

    #[test]
    fn the_newer_token_once_used_ends_the_older() {
        let mut tokens = Tokens {
            current: Some(token("a")),
            new: Some(token("b")),
        };
        assert!(prove(&mut tokens, "HT-SHA-256-NONE", "a", 1).is_ok());
        assert!(prove(&mut tokens, "HT-SHA-256-NONE", "b", 1).is_ok());
        assert_eq!(
            prove(&mut tokens, "HT-SHA-256-NONE", "a", 1),
            Err(Failure::NotAuthorized)
        );
        assert_eq!(tokens.current, Some(token("b")));
        let answer = Hash::Sha256.hmac(b"b", b"Responder");
        assert_eq!(prove(&mut tokens, "HT-SHA-256-NONE", "b", 99), Ok((answer, 100)));
        assert_eq!(
            prove(&mut tokens, "HT-SHA-256-NONE", "b", 100),
            Err(Failure::CredentialsExpired)
        );
    }

    #[test]
    fn a_token_is_proven_by_the_mechanism_alone_with_which_it_was_asked_for() {
        let mut tokens = Tokens {
            current: Some(token("a")),
            new: None,
        };
        assert_eq!(
            prove(&mut tokens, "HT-SHA-256-EXPR", "a", 1),
            Err(Failure::NotAuthorized)
        );
        let unbound = Bindings::default();
        let none = HashedToken::offered(&unbound).map(HashedToken::name);
        assert_eq!(none.collect::<Vec<_>>(), ["HT-SHA-256-NONE"]);
        assert!(TokenMessage::parse(b"juliet").is_err());
        assert!(!format!("{:?}", token("secret")).contains("secret"));
    }
}
