//! The extensible SASL profile (XEP-0388): an attempt with what is to be done once it has succeeded.
//!
//! The exchange is that of `sasl.rs`, in other elements. `<success/>` is written by the user's shard, when it has resumed or bound
//! what was asked for inline (XEP-0198 §9, XEP-0386): the stream goes on as it is. It must not know a session.

use jid::BareJid;
use minidom::Element;
use reef_stanza::ns;

use super::sasl::{Exchange, Proven, Stop, decode};
use super::{End, Host, Negotiation};
use crate::limits::AGENT_BYTES;
use crate::sasl::Failure;

/// What a client asks for with its authentication, and what its mechanism has to say at the end.
#[derive(Debug, Default)]
pub struct Inline {
    /// What the client must check: the server's signature.
    pub additional: Option<Vec<u8>>,
    /// What tells this client from its user's others; it is shown to nobody.
    pub agent: Option<String>,
    /// `<resume/>` of XEP-0198.
    pub resume: Option<Element>,
    /// `<bind/>` of XEP-0386, with what is to be enabled.
    pub bind: Option<Element>,
    /// `<token/>` of XEP-0484 for the next login.
    pub token: Option<Element>,
}

impl<H: Host> Negotiation<'_, H> {
    /// One attempt, from `<authenticate/>` on. `None` if it failed and may be repeated.
    pub(super) async fn authenticate2(&mut self, request: &Element) -> Result<Option<(BareJid, Inline)>, End> {
        let child = |name: &str, ns: &str| request.get_child(name, ns).cloned();
        let agent = request.get_child("user-agent", ns::SASL2);
        let agent = agent.and_then(|agent| agent.attr("id"));
        let mut inline = Inline {
            additional: None,
            agent: agent.filter(|id| id.len() <= AGENT_BYTES).map(str::to_owned),
            resume: child("resume", ns::SM),
            bind: child("bind", ns::BIND2),
            token: None,
        };
        self.exchange = Exchange::Sasl2;
        let attempted = match request.get_child("fast", ns::FAST) {
            Some(fast) if self.may_authenticate() => self.fast(request, fast, inline.agent.as_deref()).await,
            _ => self.attempt2(request).await.map(|proven| (proven, None)),
        };
        match attempted {
            Ok((proven, mut token)) => {
                let Proven {
                    user,
                    additional,
                    basis,
                } = proven;
                if let Some(asked) = request.get_child("request-token", ns::FAST) {
                    let asked = self.token(&user, asked, inline.agent.as_deref(), basis);
                    token = asked.await.or(token);
                }
                (inline.additional, inline.token) = (additional, token);
                Ok(Some((user, inline)))
            }
            Err(Stop::Stream(end)) => Err(end),
            Err(Stop::Attempt(failure)) => self.failed(failure).await.map(|()| None),
        }
    }

    async fn attempt2(&mut self, request: &Element) -> Result<Proven, Stop> {
        if !self.may_authenticate() {
            return Err(Failure::EncryptionRequired.into());
        }
        let mechanism = self.offer().pick(request.attr("mechanism").unwrap_or_default())?;
        let message = match request.get_child("initial-response", ns::SASL2) {
            Some(response) => decode(&response.text())?,
            None => self.first_response().await?,
        };
        self.run_mechanism(mechanism, &message).await
    }
}
