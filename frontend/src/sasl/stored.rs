//! What an account's row keeps of its password: none yet, one that passes, or one that lasts.
//!
//! Who made an account for somebody without a client is remembered until a password lasts: that maker may give it one, and may
//! make it again. It must not know accounts or clocks. What comes next: `tables/account.rs` keeps it, `crate::host` reads it.

use super::{Credentials, CredentialsError};

const NONE: u8 = 0;
const LASTING: u8 = 1;
const PASSING: u8 = 2;

/// The credentials of an account, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// Nobody logs in.
    None {
        /// Who made the account, as its maker knows itself.
        maker: u64,
    },
    /// A password that was given for once: whoever logs in sets his own.
    Passing {
        /// Who made the account.
        maker: u64,
        /// Milliseconds since 1970: from then on it is as none.
        until: u64,
        /// The password's keys.
        credentials: Credentials,
    },
    /// A password that its account has chosen, or the operator.
    Lasting(Credentials),
}

impl Stored {
    /// The stored form: a byte for the kind, what the kind has (big-endian), and the credentials'.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Stored::None { maker } => [&[NONE][..], &maker.to_be_bytes()].concat(),
            Stored::Passing {
                maker,
                until,
                credentials,
            } => [
                &[PASSING][..],
                &maker.to_be_bytes(),
                &until.to_be_bytes(),
                &credentials.to_bytes(),
            ]
            .concat(),
            Stored::Lasting(credentials) => credentials.to_bytes(),
        }
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// It is of another version, or cut short.
    pub fn from_bytes(bytes: &[u8]) -> Result<Stored, CredentialsError> {
        let (&kind, rest) = bytes.split_first().ok_or(CredentialsError::Stored)?;
        match kind {
            // Once written without its maker.
            NONE if rest.is_empty() => Ok(Stored::None { maker: 0 }),
            NONE => match rest.split_first_chunk() {
                Some((maker, [])) => Ok(Stored::None {
                    maker: u64::from_be_bytes(*maker),
                }),
                _ => Err(CredentialsError::Stored),
            },
            PASSING => {
                let (maker, rest) = rest.split_first_chunk().ok_or(CredentialsError::Stored)?;
                let (until, rest) = rest.split_first_chunk().ok_or(CredentialsError::Stored)?;
                Ok(Stored::Passing {
                    maker: u64::from_be_bytes(*maker),
                    until: u64::from_be_bytes(*until),
                    credentials: Credentials::from_bytes(rest)?,
                })
            }
            LASTING => Credentials::from_bytes(bytes).map(Stored::Lasting),
            _ => Err(CredentialsError::Stored),
        }
    }

    /// With what one logs in now, in milliseconds since 1970.
    pub fn now(self, now: u64) -> Option<Credentials> {
        match self {
            Stored::Lasting(credentials) => Some(credentials),
            Stored::Passing { until, credentials, .. } => (now < until).then_some(credentials),
            Stored::None { .. } => None,
        }
    }

    /// Who made the account, unless it has a password of its own.
    pub fn maker(&self) -> Option<u64> {
        match self {
            Stored::None { maker } | Stored::Passing { maker, .. } => Some(*maker),
            Stored::Lasting(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials::derive("pencil", 4, vec![7; 16]).unwrap()
    }

    #[test]
    fn all_kinds_come_back_from_their_bytes_and_damaged_bytes_are_refused() {
        let passing = Stored::Passing {
            maker: 5,
            until: 70_000,
            credentials: credentials(),
        };
        for stored in [Stored::None { maker: 9 }, passing, Stored::Lasting(credentials())] {
            let bytes = stored.to_bytes();
            for len in (0..bytes.len()).filter(|len| (bytes[0], *len) != (NONE, 1)) {
                assert_eq!(Stored::from_bytes(&bytes[..len]), Err(CredentialsError::Stored));
            }
            assert_eq!(Stored::from_bytes(&bytes), Ok(stored));
        }
        assert_eq!(Stored::from_bytes(&[0]), Ok(Stored::None { maker: 0 }));
        assert_eq!(Stored::from_bytes(&[3]), Err(CredentialsError::Stored));
    }

    #[test]
    fn a_passing_password_is_none_once_its_time_is_over() {
        let passing = |now| {
            let stored = Stored::Passing {
                maker: 5,
                until: 70_000,
                credentials: credentials(),
            };
            stored.now(now)
        };
        assert!(passing(69_999).is_some());
        assert!(passing(70_000).is_none());
    }
}
