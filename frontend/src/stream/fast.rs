//! FAST (XEP-0484): a client that has logged in gets a token, and logs in with it from then on, in one message.
//!
//! A token is durable before its client hears of it. It must not know how a token is proven. What comes next: `sasl2.rs`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jid::BareJid;
use jiff::Timestamp;
use minidom::Element;
use reef_stanza::element::{Build, el};
use reef_stanza::ns;

use super::sasl::{Proven, Stop, decode};
use super::{Host, HostError, Negotiation, random};
use crate::limits::{TOKEN_MS, TOKEN_ROTATED_MS};
use crate::sasl::{Basis, Failure, HashedToken, Token, TokenMessage, Tokens, account_of};

impl<H: Host> Negotiation<'_, H> {
    /// What a client may ask for, within `<inline/>`.
    pub(super) fn push_fast(&self, xml: &mut String) {
        xml.push_str(&format!("<fast xmlns='{}'>", ns::FAST));
        for mechanism in HashedToken::offered(&self.bindings) {
            xml.push_str(&format!("<mechanism>{}</mechanism>", mechanism.name()));
        }
        xml.push_str("</fast>");
    }

    /// A login with a token (§3.4), and the next one where this one is old (§3.5) or given up (§3.6).
    pub(super) async fn fast(
        &self,
        request: &Element,
        fast: &Element,
        agent: Option<&str>,
    ) -> Result<(Proven, Option<Element>), Stop> {
        let name = request.attr("mechanism").unwrap_or_default();
        let mechanism = HashedToken::pick(name, &self.bindings).ok_or(Failure::InvalidMechanism)?;
        let response = request.get_child("initial-response", ns::SASL2);
        let message = decode(&response.ok_or(Failure::MalformedRequest)?.text())?;
        let message = TokenMessage::parse(&message)?;
        let agent = agent.ok_or(Failure::MalformedRequest)?;
        let user = account_of(&message.authcid, None, &self.context.domain)?.ok_or(Failure::NotAuthorized)?;
        let host = &self.context.host;
        let known = host.tokens(&user, agent).await.map_err(refused)?;
        let before = known.ok_or(Failure::NotAuthorized)?;
        let mut tokens = before.clone();
        let now = host.now();
        let (answer, expires) = tokens.prove(mechanism, &message, &self.bindings, now)?;
        let mut given = None;
        if matches!(fast.attr("invalidate"), Some("true" | "1")) {
            tokens = Tokens::default();
        } else if expires < now + TOKEN_ROTATED_MS {
            let token = fresh(mechanism, now)?;
            given = Some(shown(&token));
            tokens.new = Some(token);
        }
        if tokens != before {
            let basis = Basis::Tokens(before);
            let kept = host.keep_tokens(&user, agent, tokens.clone(), basis);
            kept.await.map_err(refused)?;
        }
        let proven = Proven {
            user,
            additional: Some(answer),
            basis: Basis::Tokens(tokens),
        };
        Ok((proven, given))
    }

    /// A token for one who has logged in and asks for it (§3.2). Without an id of its own a client has none, nor where it cannot be
    /// kept: it is told nothing then, and logs in with its password.
    pub(super) async fn token(
        &self,
        user: &BareJid,
        asked: &Element,
        agent: Option<&str>,
        basis: Basis,
    ) -> Option<Element> {
        let mechanism = HashedToken::pick(asked.attr("mechanism").unwrap_or_default(), &self.bindings)?;
        let (agent, host) = (agent?, &self.context.host);
        let token = fresh(mechanism, host.now()).ok()?;
        let mut tokens = host.tokens(user, agent).await.ok()?.unwrap_or_default();
        let given = shown(&token);
        tokens.new = Some(token);
        host.keep_tokens(user, agent, tokens, basis).await.ok()?;
        Some(given)
    }
}

fn fresh(mechanism: HashedToken, now: u64) -> Result<Token, Stop> {
    Ok(Token {
        secret: URL_SAFE_NO_PAD.encode(random::<32>()?),
        mechanism: mechanism.name().to_owned(),
        expires: now + TOKEN_MS,
    })
}

/// `<token/>` (§3.3).
fn shown(token: &Token) -> Element {
    let expires = i64::try_from(token.expires).unwrap_or(i64::MAX);
    let expires = Timestamp::from_millisecond(expires).unwrap_or(Timestamp::MAX);
    el("token", ns::FAST)
        .set("expiry", &format!("{expires:.0}"))
        .set("token", &token.secret)
}

fn refused(error: HostError) -> Failure {
    match error {
        // Nothing is proven: it is as no account.
        HostError::Disabled => Failure::NotAuthorized,
        HostError::Busy => Failure::TemporaryAuthFailure,
    }
}
