//! The defined conditions and types of a stanza error (RFC 6120 §8.3.2, §8.3.3). Next: `stanza_error.rs` makes an error.

/// What the sender may do (RFC 6120 §8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// Retry with credentials.
    Auth,
    /// Do not retry.
    Cancel,
    /// Go on; it was a warning.
    Continue,
    /// Retry with other data.
    Modify,
    /// Retry later.
    Wait,
}

impl ErrorType {
    /// The value of the 'type' attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorType::Auth => "auth",
            ErrorType::Cancel => "cancel",
            ErrorType::Continue => "continue",
            ErrorType::Modify => "modify",
            ErrorType::Wait => "wait",
        }
    }
}

/// Writes the enum, its names and its types together, so that none can forget the others.
macro_rules! conditions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $kind:ident;)*) => {
        /// The defined conditions of a stanza error (RFC 6120 §8.3.3).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Condition { $($(#[$doc])* $variant,)* }

        impl Condition {
            /// All of them, in the RFC's order.
            pub const ALL: &[Condition] = &[$(Condition::$variant,)*];

            /// The element's name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Condition::$variant => $name,)* }
            }

            /// The type that RFC 6120 §8.3.3 recommends; the first, where it names two.
            pub fn default_type(self) -> ErrorType {
                match self { $(Condition::$variant => ErrorType::$kind,)* }
            }
        }
    };
}

conditions! {
    /// The stanza does not follow its schema.
    BadRequest = "bad-request", Modify;
    /// There is one of that name already.
    Conflict = "conflict", Cancel;
    /// Known, but not done here.
    FeatureNotImplemented = "feature-not-implemented", Cancel;
    /// The sender may not do this.
    Forbidden = "forbidden", Auth;
    /// No longer at this address.
    Gone = "gone", Cancel;
    /// Our own fault.
    InternalServerError = "internal-server-error", Cancel;
    /// There is nothing of that name.
    ItemNotFound = "item-not-found", Cancel;
    /// An address that is none.
    JidMalformed = "jid-malformed", Modify;
    /// Not as this server wants it.
    NotAcceptable = "not-acceptable", Modify;
    /// Nobody may do this.
    NotAllowed = "not-allowed", Cancel;
    /// Log in first.
    NotAuthorized = "not-authorized", Auth;
    /// A local rule is broken.
    PolicyViolation = "policy-violation", Modify;
    /// The recipient is away.
    RecipientUnavailable = "recipient-unavailable", Wait;
    /// For the time being elsewhere.
    Redirect = "redirect", Modify;
    /// Register first.
    RegistrationRequired = "registration-required", Auth;
    /// There is no such domain.
    RemoteServerNotFound = "remote-server-not-found", Cancel;
    /// The domain does not answer.
    RemoteServerTimeout = "remote-server-timeout", Wait;
    /// There is no room.
    ResourceConstraint = "resource-constraint", Wait;
    /// Not offered here.
    ServiceUnavailable = "service-unavailable", Cancel;
    /// Subscribe first.
    SubscriptionRequired = "subscription-required", Auth;
    /// None of the others.
    UndefinedCondition = "undefined-condition", Cancel;
    /// Not now.
    UnexpectedRequest = "unexpected-request", Wait;
}
