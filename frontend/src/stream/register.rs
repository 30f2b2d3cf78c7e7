//! In-band registration before login (XEP-0077 §3.1): the form, and a new account.
//!
//! It must not know how accounts are stored. What comes next: the client logs in on the same stream.

use std::time::Instant;

use jid::{BareJid, NodePart};
use minidom::Element;
use reef_stanza::register::{Query, Submit, form};
use reef_stanza::{Condition, ErrorType, StanzaError, StreamNamespace, error_reply, escape_attr, ns, write_element};

use super::{End, Host, Negotiation, RegisterError, preauth, random};
use crate::sasl::{Credentials, CredentialsError};

const INSTRUCTIONS: &str = "Choose a user name and a password.";
const INVITATION: &str = "Choose a user name and a password, and give the code of your invitation.";

/// What stops a registration: an answer to the client, or the whole stream.
pub(super) enum Stop {
    Request(StanzaError),
    Stream(End),
}

impl From<StanzaError> for Stop {
    fn from(error: StanzaError) -> Self {
        Self::Request(error)
    }
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::Stream(end)
    }
}

/// Whether this is an iq of type get or set that asks for registration, the only stanza with a place before login.
pub(super) fn is_request(element: &Element) -> bool {
    let asks = matches!(element.attr("type"), Some("get" | "set")) && query(element).is_some();
    element.is("iq", ns::CLIENT) && (asks || preauth::is_request(element))
}

fn query(iq: &Element) -> Option<&Element> {
    iq.get_child("query", ns::REGISTER)
}

impl<H: Host> Negotiation<'_, H> {
    /// Answers a request for which [`is_request`] holds.
    pub(super) async fn register(&mut self, iq: &Element) -> Result<(), End> {
        let mut bytes = Vec::new();
        let done = match preauth::is_request(iq) {
            true => self.preauthorized(iq).await,
            false => self.registered(iq).await,
        };
        match done {
            Ok(payload) => write_result(iq, payload.as_ref(), &mut bytes),
            Err(Stop::Request(error)) => {
                tracing::debug!(address = %self.address, %error, "registration refused");
                write_element(&error_reply(iq, &error), StreamNamespace::Client, &mut bytes);
            }
            Err(Stop::Stream(end)) => return Err(end),
        }
        self.connection.send(&bytes).await
    }

    async fn registered(&self, iq: &Element) -> Result<Option<Element>, Stop> {
        // A host without registration says so as for any unknown namespace (XEP-0077 §3.1).
        let query = query(iq).filter(|_| self.context.registration_open || self.context.registration_invited);
        let query = query.ok_or(StanzaError::new(Condition::ServiceUnavailable))?;
        match Query::parse(query, iq.attr("type") == Some("set"))? {
            Query::Form => Ok(Some(self.form())),
            Query::Submit(submit) => self.create(submit).await.map(|()| None),
            // Who is not logged in has no account to remove (§3.2).
            Query::Remove => Err(StanzaError::new(Condition::UnexpectedRequest).into()),
        }
    }

    /// What has to be filled in: with the code, where no token was brought and nobody registers without.
    fn form(&self) -> Element {
        if !self.context.registration_open && self.invited.is_none() {
            return form(INVITATION, &["username", "password", "key"]);
        }
        let mut form = form(INSTRUCTIONS, &["username", "password"]);
        let name = self.invited.as_ref().and_then(|invited| invited.name.as_deref());
        if let (Some(name), Some(field)) = (name, form.get_child_mut("username", ns::REGISTER)) {
            field.append_text(name);
        }
        form
    }

    /// The token by which an account is made; none where anybody may.
    async fn invited_by(&self, brought: Option<String>) -> Result<Option<String>, Stop> {
        if let Some(invited) = &self.invited {
            return Ok(Some(invited.token.clone()));
        }
        match brought.filter(|_| self.context.registration_invited) {
            Some(token) => Ok(Some(self.invitation(&token).await?.token)),
            None if self.context.registration_open => Ok(None),
            None => Err(StanzaError::new(Condition::NotAllowed)
                .with_text("an invitation is needed")
                .into()),
        }
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "the rate of an address is a matter of real time"
    )]
    async fn create(&self, submit: Submit) -> Result<(), Stop> {
        let username = submit
            .username
            .ok_or_else(|| not_acceptable("a username is needed".to_owned()))?;
        let password = submit
            .password
            .ok_or_else(|| not_acceptable("a password is needed".to_owned()))?;
        let node = NodePart::new(&username).map_err(|error| {
            StanzaError::new(Condition::JidMalformed).with_text(format!("the username cannot be used: {error}"))
        })?;
        let user = BareJid::from_parts(Some(&node), &self.context.domain);
        // Before names can be tried out by their conflicts, and before the costly derivation.
        if !self.context.registrations.take(self.address, Instant::now()) {
            return Err(later("too many registrations from this address").into());
        }
        let token = self.invited_by(submit.token).await?;
        let salt = random::<{ Credentials::SALT_BYTES }>()?.to_vec();
        let iterations = self.context.scram_iterations;
        let derived = self
            .derive(move || Credentials::derive(&password, iterations, salt))
            .await;
        let credentials = derived.ok_or_else(|| later("keys cannot be derived at the moment"))?;
        let credentials = credentials.map_err(|error: CredentialsError| not_acceptable(error.to_string()))?;
        let made = self.context.host.register(&user, credentials, token.as_deref());
        made.await.map_err(refusal)?;
        tracing::debug!(%user, address = %self.address, "account registered");
        Ok(())
    }
}

fn not_acceptable(text: String) -> StanzaError {
    StanzaError::new(Condition::NotAcceptable).with_text(text)
}

fn later(text: &'static str) -> StanzaError {
    StanzaError::new(Condition::ResourceConstraint)
        .with_type(ErrorType::Wait)
        .with_text(text)
}

fn refusal(error: RegisterError) -> StanzaError {
    match error {
        RegisterError::Conflict => StanzaError::new(Condition::Conflict).with_text("the username is taken"),
        RegisterError::NotAllowed => StanzaError::new(Condition::NotAllowed),
        RegisterError::NotInvited => {
            StanzaError::new(Condition::NotAllowed).with_text("the invitation is not for this")
        }
        RegisterError::Busy => later("accounts cannot be made at the moment"),
    }
}

/// `<iq type='result'/>` to a request of one who has no address yet.
fn write_result(iq: &Element, payload: Option<&Element>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<iq type='result'");
    for (name, value) in [("id", iq.attr("id")), ("from", iq.attr("to"))] {
        if let Some(value) = value {
            out.extend_from_slice(format!(" {name}='").as_bytes());
            escape_attr(value, out);
            out.push(b'\'');
        }
    }
    out.push(b'>');
    if let Some(payload) = payload {
        write_element(payload, StreamNamespace::Client, out);
    }
    out.extend_from_slice(b"</iq>");
}
