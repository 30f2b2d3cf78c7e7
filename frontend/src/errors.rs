//! The one table from engine errors to stanza errors.
//!
//! XEP-0060's conditions where a clause names one; the RFC's condition first but for those that Movim reads first.

use reef_engine::error::{Error, Reject, StoreError};
use reef_engine::log::apply::ApplyError;
use reef_stanza::{Condition, ErrorType, PubsubCondition, StanzaError};

/// The answer for what the engine refused.
pub(crate) fn stanza_error(error: &Error) -> StanzaError {
    match error {
        Error::Rejected(reject) => refused(reject),
        Error::Busy => busy(),
        Error::Closed | Error::Store(_) => StanzaError::new(Condition::InternalServerError).with_type(ErrorType::Wait),
    }
}

/// Try again later: nothing was lost, nothing was done.
pub(crate) fn busy() -> StanzaError {
    StanzaError::new(Condition::ResourceConstraint)
        .with_type(ErrorType::Wait)
        .with_text("the server is busy")
}

/// The answer for a refusal.
pub(crate) fn refused(reject: &Reject) -> StanzaError {
    use Condition as C;
    use PubsubCondition as P;
    let error = StanzaError::new;
    match reject {
        Reject::NodeNotFound | Reject::ItemNotFound => error(C::ItemNotFound),
        Reject::NodeExists | Reject::Conflict => error(C::Conflict),
        Reject::Forbidden => error(C::Forbidden),
        Reject::Kept => error(C::NotAllowed).with_text("the service keeps this node"),
        // As an account that is not there answers (XEP-0191 §3.3).
        Reject::Blocked => error(C::ServiceUnavailable),
        Reject::PresenceRequired => error(C::NotAuthorized).pubsub(P::PresenceSubscriptionRequired),
        Reject::NotInRosterGroup => error(C::NotAuthorized).pubsub(P::NotInRosterGroup),
        Reject::ClosedNode => error(C::NotAllowed).pubsub(P::ClosedNode),
        Reject::PreconditionNotMet => error(C::Conflict).pubsub(P::PreconditionNotMet),
        Reject::Unfit => error(C::BadRequest)
            .pubsub(P::InvalidPayload)
            .with_text("the payload is not what the node's type asks for"),
        Reject::NodeFull => error(C::Conflict).pubsub(P::NodeFull),
        // XEP-0060 §7.2.3.5, §8.5.3.3.
        Reject::Transient => error(C::FeatureNotImplemented).pubsub(P::Unsupported("persistent-items")),
        // §7.1.3.6.
        Reject::ItemForbidden => error(C::BadRequest).pubsub(P::ItemForbidden),
        Reject::PayloadTooBig => error(C::NotAcceptable).pubsub(P::PayloadTooBig),
        Reject::NotSubscribed => error(C::UnexpectedRequest)
            .with_type(ErrorType::Cancel)
            .pubsub(P::NotSubscribed),
        Reject::TooMany("subscriptions") => error(C::PolicyViolation)
            .with_type(ErrorType::Wait)
            .pubsub(P::TooManySubscriptions),
        Reject::TooMany("nodes") => error(C::Conflict).pubsub(P::MaxNodesExceeded),
        Reject::TooMany(what) => error(C::ResourceConstraint).with_text(format!("too many {what}")),
        Reject::NoRoom(what) => match *what {
            "items" => error(C::ResourceConstraint).pubsub(P::MaxItemsExceeded),
            _ => error(C::ResourceConstraint),
        }
        .with_text(format!(
            "the account has no room for more {what}: retract some of its items"
        )),
        Reject::NotAcceptable(why) => error(C::NotAcceptable).with_text(*why),
        Reject::TooFast(whose) => error(C::ResourceConstraint)
            .with_type(ErrorType::Wait)
            .with_text(*whose),
        Reject::NotYet => busy(),
        Reject::Fault => error(C::InternalServerError),
        Reject::Table(_) => error(C::UndefinedCondition),
    }
}

/// The same for reads on a reader thread.
pub(crate) fn applied(error: ApplyError) -> StanzaError {
    match error {
        ApplyError::Reject(reject) => refused(&reject),
        ApplyError::Store(error) => unreadable(error),
    }
}

/// A row could not be read: an operator's problem, logged here once.
pub(crate) fn unreadable(error: StoreError) -> StanzaError {
    tracing::error!(%error, "the store cannot be read");
    StanzaError::new(Condition::InternalServerError).with_type(ErrorType::Wait)
}
