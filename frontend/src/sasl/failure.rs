//! Why an authentication fails: the conditions of RFC 6120 §6.5, and the only error type of `sasl`.
//!
//! It must not say which half of a name and password was wrong: both are [`Failure::NotAuthorized`]. What comes next:
//! `stream::sasl` writes it as `<failure/>`.

/// A SASL failure condition (RFC 6120 §6.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The client sent `<abort/>` (§6.5.1).
    #[error("aborted")]
    Aborted,
    /// The account exists and has been suspended (§6.5.2).
    #[error("account-disabled")]
    AccountDisabled,
    /// The password must be changed first (§6.5.3).
    #[error("credentials-expired")]
    CredentialsExpired,
    /// The mechanism is not to be used before TLS (§6.5.4).
    #[error("encryption-required")]
    EncryptionRequired,
    /// The data is not base64 (§6.5.5).
    #[error("incorrect-encoding")]
    IncorrectEncoding,
    /// The authorization identity is not that of the account (§6.5.6).
    #[error("invalid-authzid")]
    InvalidAuthzid,
    /// A mechanism that was not offered (§6.5.7).
    #[error("invalid-mechanism")]
    InvalidMechanism,
    /// The message does not follow the mechanism's syntax (§6.5.8).
    #[error("malformed-request")]
    MalformedRequest,
    /// The mechanism is weaker than the account asks for (§6.5.9).
    #[error("mechanism-too-weak")]
    MechanismTooWeak,
    /// The proof is wrong, or there is no such account (§6.5.10).
    #[error("not-authorized")]
    NotAuthorized,
    /// The credentials cannot be read at the moment (§6.5.11).
    #[error("temporary-auth-failure")]
    TemporaryAuthFailure,
}

impl Failure {
    /// The name of the condition's element in `urn:ietf:params:xml:ns:xmpp-sasl`.
    pub fn condition(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::AccountDisabled => "account-disabled",
            Self::CredentialsExpired => "credentials-expired",
            Self::EncryptionRequired => "encryption-required",
            Self::IncorrectEncoding => "incorrect-encoding",
            Self::InvalidAuthzid => "invalid-authzid",
            Self::InvalidMechanism => "invalid-mechanism",
            Self::MalformedRequest => "malformed-request",
            Self::MechanismTooWeak => "mechanism-too-weak",
            Self::NotAuthorized => "not-authorized",
            Self::TemporaryAuthFailure => "temporary-auth-failure",
        }
    }
}
