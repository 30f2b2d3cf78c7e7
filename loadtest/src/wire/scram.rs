//! The client's side of SCRAM (RFC 5802, RFC 7677), with what is dear kept for the next login.
//!
//! PBKDF2 is most of a login's cost on the client. A salted password is kept per account, so that a second pass of logins
//! measures the server. No channel binding: connections are the tool's own.

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The hash of a mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    /// SCRAM-SHA-1.
    Sha1,
    /// SCRAM-SHA-256.
    Sha256,
}

/// What PBKDF2 made of a password, and for which salt.
#[derive(Clone, Debug)]
pub(crate) struct Salted {
    hash: Hash,
    salt: Vec<u8>,
    rounds: u32,
    client_key: Vec<u8>,
    server_key: Vec<u8>,
}

/// A login under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    hash: Hash,
    nonce: String,
    first_bare: String,
    server_signature: Vec<u8>,
}

impl Hash {
    /// The mechanism's name.
    pub(crate) fn mechanism(self) -> &'static str {
        match self {
            Hash::Sha1 => "SCRAM-SHA-1",
            Hash::Sha256 => "SCRAM-SHA-256",
        }
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        const ANY: &str = "HMAC takes a key of any length";
        match self {
            Hash::Sha1 => {
                let mac = Hmac::<Sha1>::new_from_slice(key).expect(ANY);
                mac.chain_update(data).finalize().into_bytes().to_vec()
            }
            Hash::Sha256 => {
                let mac = Hmac::<Sha256>::new_from_slice(key).expect(ANY);
                mac.chain_update(data).finalize().into_bytes().to_vec()
            }
        }
    }

    fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Hash::Sha1 => Sha1::digest(data).to_vec(),
            Hash::Sha256 => Sha256::digest(data).to_vec(),
        }
    }

    fn salted(self, password: &str, salt: &[u8], rounds: u32) -> Vec<u8> {
        match self {
            Hash::Sha1 => pbkdf2::pbkdf2_hmac_array::<Sha1, 20>(password.as_bytes(), salt, rounds).to_vec(),
            Hash::Sha256 => pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, rounds).to_vec(),
        }
    }
}

impl Salted {
    fn derive(hash: Hash, password: &str, salt: &[u8], rounds: u32) -> Salted {
        let salted = hash.salted(password, salt, rounds);
        Salted {
            hash,
            salt: salt.to_vec(),
            rounds,
            client_key: hash.hmac(&salted, b"Client Key"),
            server_key: hash.hmac(&salted, b"Server Key"),
        }
    }

    fn fits(&self, hash: Hash, salt: &[u8], rounds: u32) -> bool {
        self.hash == hash && self.rounds == rounds && self.salt == salt
    }
}

impl Exchange {
    /// Begins a login; the message to send, in base64.
    pub(crate) fn begin(hash: Hash, user: &str) -> Result<(Exchange, String)> {
        let mut random = [0; 15];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        Ok(Exchange::with_nonce(hash, user, &STANDARD.encode(random)))
    }

    fn with_nonce(hash: Hash, user: &str, nonce: &str) -> (Exchange, String) {
        let name = user.replace('=', "=3D").replace(',', "=2C");
        let first_bare = format!("n={name},r={nonce}");
        let message = STANDARD.encode(format!("n,,{first_bare}"));
        let exchange = Exchange {
            hash,
            nonce: nonce.to_owned(),
            first_bare,
            server_signature: Vec::new(),
        };
        (exchange, message)
    }

    /// Answers the server's challenge (base64 to base64); derives keys only for a salt that `kept` does not know.
    pub(crate) fn answer(&mut self, challenge: &str, password: &str, kept: &mut Option<Box<Salted>>) -> Result<String> {
        let server_first = String::from_utf8(STANDARD.decode(challenge).context("the challenge is not base64")?)?;
        let field = |name: &str| server_first.split(',').find_map(|field| field.strip_prefix(name));
        let nonce = field("r=").context("a challenge without nonce")?;
        ensure!(nonce.starts_with(&self.nonce), "a challenge with another nonce");
        let salt = STANDARD.decode(field("s=").context("a challenge without salt")?)?;
        let rounds: u32 = field("i=").context("a challenge without iterations")?.parse()?;
        if !kept.as_ref().is_some_and(|kept| kept.fits(self.hash, &salt, rounds)) {
            *kept = Some(Box::new(Salted::derive(self.hash, password, &salt, rounds)));
        }
        let Some(keys) = kept else { bail!("no keys") };
        let without_proof = format!("c=biws,r={nonce}");
        let message = format!("{},{server_first},{without_proof}", self.first_bare);
        let signature = self.hash.hmac(&self.hash.digest(&keys.client_key), message.as_bytes());
        let proof: Vec<u8> = keys.client_key.iter().zip(&signature).map(|(k, s)| k ^ s).collect();
        self.server_signature = self.hash.hmac(&keys.server_key, message.as_bytes());
        Ok(STANDARD.encode(format!("{without_proof},p={}", STANDARD.encode(proof))))
    }

    /// Checks what the server says with its success: that it knows the password too.
    pub(crate) fn verify(&self, outcome: &str) -> Result<()> {
        let text = String::from_utf8(STANDARD.decode(outcome).context("the outcome is not base64")?)?;
        let signature = text.strip_prefix("v=").context("success without a signature")?;
        ensure!(
            STANDARD.decode(signature)? == self.server_signature,
            "the server's signature is wrong"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the example of an RFC: everything in clear, as it is printed there.
    fn check(hash: Hash, nonce: &str, server_first: &str, client_final: &str, server_final: &str) {
        let (mut exchange, first) = Exchange::with_nonce(hash, "user", nonce);
        assert_eq!(
            STANDARD.decode(first).unwrap(),
            format!("n,,n=user,r={nonce}").into_bytes()
        );
        let mut kept = None;
        let answer = exchange
            .answer(&STANDARD.encode(server_first), "pencil", &mut kept)
            .unwrap();
        assert_eq!(
            String::from_utf8(STANDARD.decode(answer).unwrap()).unwrap(),
            client_final
        );
        exchange.verify(&STANDARD.encode(server_final)).unwrap();
        assert!(exchange.verify(&STANDARD.encode("v=AAAA")).is_err());
        // With a wrong password, the keys that are kept answer: nothing is derived again.
        let (mut again, _) = Exchange::with_nonce(hash, "user", nonce);
        again
            .answer(&STANDARD.encode(server_first), "other", &mut kept)
            .unwrap();
        again.verify(&STANDARD.encode(server_final)).unwrap();
    }

    #[test]
    fn sha_1_answers_as_rfc_5802_does() {
        check(
            Hash::Sha1,
            "fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        );
    }

    #[test]
    fn sha_256_answers_as_rfc_7677_does() {
        check(
            Hash::Sha256,
            "rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        );
    }
}
