//! Registration by invitation (XEP-0445): a client brings its token, and then registers as others do.
//!
//! Whether it holds is asked here; that it is used once is decided where the account is made. Next: `register.rs`.

use minidom::Element;
use reef_stanza::{Condition, ErrorType, StanzaError, ns};

use super::register::Stop;
use super::{Host, Negotiation};
use crate::limits::INVITE_TOKEN_BYTES;

/// What a client was invited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// The token.
    pub token: String,
    /// The local part that its account has to have, if it was said.
    pub name: Option<String>,
}

/// Whether this is an iq that brings a token.
pub(super) fn is_request(element: &Element) -> bool {
    element.is("iq", ns::CLIENT) && element.attr("type") == Some("set") && element.has_child("preauth", ns::PARS)
}

impl<H: Host> Negotiation<'_, H> {
    /// §5: the answer, and what is remembered of it for this stream.
    pub(super) async fn preauthorized(&mut self, iq: &Element) -> Result<Option<Element>, Stop> {
        if !self.context.registration_invited {
            return Err(StanzaError::new(Condition::ServiceUnavailable).into());
        }
        let preauth = iq.get_child("preauth", ns::PARS);
        let token = preauth.and_then(|preauth| preauth.attr("token")).unwrap_or_default();
        self.invited = Some(self.invitation(token).await?);
        Ok(None)
    }

    /// What a token stands for.
    pub(super) async fn invitation(&self, token: &str) -> Result<Invited, Stop> {
        let unknown = || StanzaError::new(Condition::ItemNotFound).with_text("the token is invalid or expired");
        if token.is_empty() || token.len() > INVITE_TOKEN_BYTES {
            return Err(unknown().into());
        }
        let busy = |_| StanzaError::new(Condition::ResourceConstraint).with_type(ErrorType::Wait);
        let found = self.context.host.invited(token).await.map_err(busy)?;
        Ok(found.ok_or_else(unknown)?)
    }
}
