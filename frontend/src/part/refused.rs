//! Why something is not done for an account, in words that fit a text message.
//!
//! What a session would be answered, sorted by what people can do about it. Knows no part.

use reef_engine::error::{Error, StoreError};
use reef_stanza::{Condition, StanzaError};

/// Characters of a reason.
const WHY: usize = 120;

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such account, node or item, or not for who asks.
    #[error("not found")]
    NotFound,
    /// He may not.
    #[error("not allowed")]
    Forbidden,
    /// The name is somebody else's, or nobody may have it.
    #[error("the name is taken")]
    Taken,
    /// Not now: nothing was done, and it may be tried again.
    #[error("busy, try again later")]
    Busy,
    /// More than the limits allow: it may be tried again, later.
    #[error("too many at once, try again later")]
    TooFast,
    /// As it is asked it cannot be done.
    #[error("{0}")]
    Invalid(String),
}

impl Refused {
    /// With a reason, as far as it fits.
    pub(super) fn invalid(why: &str) -> Refused {
        let mut why: String = why.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = why.char_indices().nth(WHY) {
            why.truncate(end);
        }
        Refused::Invalid(why)
    }
}

impl From<StanzaError> for Refused {
    fn from(error: StanzaError) -> Refused {
        use Condition as C;
        let text = error.text.as_deref().unwrap_or_default();
        let other = error.app.is_some();
        match error.condition {
            C::Conflict if !other => Refused::Taken,
            C::ItemNotFound | C::ServiceUnavailable | C::RemoteServerNotFound | C::Gone => Refused::NotFound,
            C::Forbidden | C::NotAllowed | C::NotAuthorized | C::RegistrationRequired | C::SubscriptionRequired => {
                Refused::Forbidden
            }
            C::ResourceConstraint if text.ends_with("too fast") => Refused::TooFast,
            C::ResourceConstraint | C::PolicyViolation if !text.is_empty() && text != "the server is busy" => {
                Refused::invalid(text)
            }
            C::ResourceConstraint | C::InternalServerError | C::RemoteServerTimeout => Refused::Busy,
            condition if text.is_empty() => Refused::invalid(&condition.as_str().replace('-', " ")),
            _ => Refused::invalid(text),
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        crate::errors::stanza_error(&error).into()
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        crate::errors::unreadable(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors;
    use reef_engine::error::Reject;

    #[test]
    fn what_the_engine_refuses_is_sorted_by_what_can_be_done() {
        let check = |reject: Reject, expected: Refused| {
            assert_eq!(Refused::from(errors::refused(&reject)), expected, "{reject:?}");
        };
        check(Reject::NodeNotFound, Refused::NotFound);
        check(Reject::Blocked, Refused::NotFound);
        check(Reject::ClosedNode, Refused::Forbidden);
        check(Reject::TooFast("this account publishes too fast"), Refused::TooFast);
        check(Reject::TooFast("this node is published to too fast"), Refused::TooFast);
        check(Reject::NotYet, Refused::Busy);
        check(Reject::TooMany("nodes"), Refused::invalid("conflict"));
        check(Reject::TooMany("items"), Refused::invalid("too many items"));
        assert_eq!(Refused::from(errors::busy()), Refused::Busy);
        assert_eq!(Refused::from(Error::Closed), Refused::Busy);
    }

    #[test]
    fn every_reason_fits_one_text_message() {
        let long = StanzaError::new(Condition::BadRequest).with_text("ä\n".repeat(500));
        assert_eq!(Refused::from(long).to_string().chars().count(), WHY);
    }
}
