//! PLAIN (RFC 4616): the password itself, so only where the connection is encrypted.
//!
//! It must not know how passwords are stored beyond [`Credentials::verify`]. What comes next: `stream::sasl` runs
//! [`PlainMessage::verify`] on a blocking thread.

use std::fmt;

use super::{Credentials, Decoys, Failure};

/// The one message of PLAIN.
pub struct PlainMessage {
    /// The authorization identity, if the client gave one.
    pub authzid: Option<String>,
    /// The user name, prepared with SASLprep.
    pub authcid: String,
    password: String,
}

impl PlainMessage {
    /// Parses `[authzid] NUL authcid NUL passwd`.
    pub fn parse(message: &[u8]) -> Result<Self, Failure> {
        let message = str::from_utf8(message).map_err(|_| Failure::MalformedRequest)?;
        let mut parts = message.split('\0');
        let (Some(authzid), Some(authcid), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Failure::MalformedRequest);
        };
        if authcid.is_empty() || password.is_empty() {
            return Err(Failure::MalformedRequest);
        }
        let authcid = stringprep::saslprep(authcid).map_err(|_| Failure::NotAuthorized)?;
        Ok(Self {
            authzid: (!authzid.is_empty()).then(|| authzid.to_owned()),
            authcid: authcid.into_owned(),
            password: password.to_owned(),
        })
    }

    /// Checks the password; an unknown account takes as long as a known one. Cost: one PBKDF2 (some milliseconds), so
    /// it runs on a blocking thread.
    pub fn verify(&self, account: Option<&Credentials>, decoys: &Decoys) -> Result<(), Failure> {
        let decoy = decoys.credentials(&self.authcid);
        let right = account.unwrap_or(&decoy).verify(&self.password);
        if right && account.is_some() {
            Ok(())
        } else {
            Err(Failure::NotAuthorized)
        }
    }
}

/// The password stays out of logs.
impl fmt::Debug for PlainMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainMessage")
            .field("authcid", &self.authcid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_decides() {
        let decoys = Decoys::new([1; 32], 4);
        let account = Credentials::derive("xipj3plmq", 4, vec![3; 16]).unwrap();
        let check = |message: &[u8], account, expected| {
            assert_eq!(
                PlainMessage::parse(message).and_then(|plain| plain.verify(account, &decoys)),
                expected
            );
        };
        check(b"\0juliet\0xipj3plmq", Some(&account), Ok(()));
        check(b"juliet@x\0juliet\0xipj3plmq", Some(&account), Ok(()));
        check(b"\0juliet\0wrong", Some(&account), Err(Failure::NotAuthorized));
        check(b"\0juliet\0xipj3plmq", None, Err(Failure::NotAuthorized));
        check(b"\0juliet\0\x07", Some(&account), Err(Failure::NotAuthorized));
    }

    #[test]
    fn malformed_messages_are_refused() {
        let messages: [&[u8]; 6] = [b"", b"juliet", b"\0juliet", b"\0\0secret", b"\0juliet\0", b"\0a\0b\0c"];
        for message in messages {
            assert_eq!(
                PlainMessage::parse(message).err(),
                Some(Failure::MalformedRequest),
                "{message:?}"
            );
        }
        assert_eq!(PlainMessage::parse(b"\0\xff\0b").err(), Some(Failure::MalformedRequest));
    }
}
