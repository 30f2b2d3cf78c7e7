//! A peer's stream from its first byte up to where stanzas or keys of dialback may come: headers, STARTTLS, features, SASL
//! EXTERNAL (RFC 6120 §4–6, XEP-0178).
//!
//! Must not know dialback's keys but our own. What comes next: `established` goes on with the first element that is none of
//! these.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use minidom::Element;
use reef_stanza::{Condition, StreamCondition, StreamHeader, ns};

use super::S2s;
use super::dialback::{Claim, Verdict, verified};
use super::end::{End, fault};
use super::features::{Features, max_bytes};
use super::names::domain;
use super::policy::Rules;
use super::wire::Wire;
use crate::limits::PEER_ELEMENTS;
use crate::stream::Mode;

/// What a peer's stream is, where it may go on.
#[derive(Debug, Default)]
pub(super) struct Negotiated {
    /// The id that we gave it.
    pub(super) id: String,
    /// Who the peer says he is, normalised.
    pub(super) from: Option<String>,
    /// Whom of us he wants, normalised.
    pub(super) to: String,
    /// Whether his certificate has proved it.
    pub(super) proved: bool,
    /// Whether both may send (XEP-0288).
    pub(super) bidi: bool,
    /// The longest stanza that he takes, if he said so.
    pub(super) stanza_limit: Option<usize>,
    /// What came next.
    pub(super) first: Option<Element>,
}

/// A stream's id: unique, and nobody can guess it (RFC 6120 §4.7.3).
pub(super) fn stream_id() -> Result<String, End> {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(format!("{:032x}", u128::from_be_bytes(bytes))),
        Err(error) => {
            tracing::error!(%error, "the system gives no random bytes");
            Err(StreamCondition::InternalServerError.into())
        }
    }
}

/// Negotiates a peer's stream. May be dropped at any await.
pub(super) async fn negotiate(wire: &mut Wire, s2s: &S2s, mode: Mode) -> Result<Negotiated, End> {
    let mut inbound = Inbound {
        wire,
        s2s,
        said: Negotiated::default(),
        rules: s2s.policy.of_nobody(),
        certified: false,
        elements: 0,
        failures: 0,
    };
    if mode == Mode::DirectTls {
        let config = s2s.tls.identity().peers.direct.clone();
        inbound.wire.accept_tls(config).await?;
    }
    loop {
        inbound.exchange_headers().await?;
        let features = inbound.features();
        inbound.wire.queue(&features.to_bytes());
        if inbound.said.proved || !inbound.until_restart().await? {
            return Ok(inbound.said);
        }
    }
}

struct Inbound<'a> {
    wire: &'a mut Wire,
    s2s: &'a S2s,
    said: Negotiated,
    rules: Rules,
    /// Whether the peer's certificate is valid for what it says it is.
    certified: bool,
    elements: u32,
    failures: u32,
}

impl Inbound<'_> {
    /// Reads the peer's header and sends ours, then judges.
    async fn exchange_headers(&mut self) -> Result<(), End> {
        let header = self.wire.header().await?;
        self.said.id = stream_id()?;
        let to = header.to.as_deref().and_then(domain);
        let ours = to.as_deref().filter(|to| self.s2s.is_ours(to));
        let ours = ours.unwrap_or_else(|| self.s2s.main_domain()).to_owned();
        let from = header.from.as_deref().and_then(domain);
        self.wire.queue_header(&ours, from.as_deref(), &self.said.id);
        let to = judge(&header, to, self.s2s)?;
        let again = self.said.proved || self.said.from.is_some();
        if again && (from != self.said.from || self.said.proved && to != self.said.to) {
            return Err(StreamCondition::InvalidFrom.into());
        }
        self.rules = self.s2s.policy.of_nobody();
        if let Some(from) = &from {
            if self.s2s.is_ours(from) {
                return Err(StreamCondition::InvalidFrom.into());
            }
            self.rules = self.s2s.policy.of(from);
            self.certified = self.wire.is_tls() && self.s2s.trust.proves(self.wire.chain(), from);
        }
        self.said.from = from;
        self.said.to = to;
        if self.rules.denied {
            return Err(fault(StreamCondition::PolicyViolation, "the domain is not talked to"));
        }
        if self.wire.is_tls() && !self.rules.dialback && !self.certified {
            return Err(fault(
                StreamCondition::NotAuthorized,
                "the certificate is not valid for the domain",
            ));
        }
        Ok(())
    }

    /// What may be done next.
    fn features(&self) -> Features {
        let ready = self.is_ready();
        Features {
            starttls: !self.wire.is_tls(),
            tls_required: self.rules.tls,
            external: self.may_authenticate(),
            // A peer with a valid certificate may say by it, too, who else it is (XEP-0344 §2.2).
            dialback: ready && (self.rules.dialback || self.certified),
            bidi: !self.said.proved,
            sm: ready,
            max_bytes: Some(self.s2s.budget.stanza_bytes),
            idle_seconds: Some(self.s2s.idle_timeout.as_secs()),
        }
    }

    fn is_ready(&self) -> bool {
        self.wire.is_tls() || !self.rules.tls
    }

    fn may_authenticate(&self) -> bool {
        self.wire.is_tls() && self.certified && !self.said.proved
    }

    /// Serves elements until the stream starts anew (true), or something comes that is not for the negotiation.
    async fn until_restart(&mut self) -> Result<bool, End> {
        loop {
            let element = self.wire.element().await?;
            self.elements += 1;
            if self.elements > PEER_ELEMENTS {
                return Err(fault(StreamCondition::PolicyViolation, "too many elements"));
            }
            if element.is("starttls", ns::TLS) {
                self.start_tls().await?;
                return Ok(true);
            }
            if !self.is_ready() {
                return Err(fault(StreamCondition::PolicyViolation, "TLS is required"));
            }
            if element.is("auth", ns::SASL) {
                if self.authenticate(&element).await? {
                    return Ok(true);
                }
            } else if element.is("bidi", ns::BIDI) {
                self.said.bidi = true;
                self.said.stanza_limit = max_bytes(&element);
            } else if element.is("verify", ns::DIALBACK) {
                let answer = self.s2s.answer_verify(&element)?;
                self.wire.queue(&answer);
            } else {
                self.said.first = Some(element);
                return Ok(false);
            }
        }
    }

    /// STARTTLS. Bytes that already lie behind it were sent in the clear and would be taken for encrypted ones: somebody in
    /// between may have put them there, so the stream ends.
    async fn start_tls(&mut self) -> Result<(), End> {
        if self.wire.is_tls() {
            return Err(fault(StreamCondition::PolicyViolation, "TLS is already on"));
        }
        if self.wire.has_unread() {
            return Err(fault(
                StreamCondition::PolicyViolation,
                "nothing may follow starttls before proceed",
            ));
        }
        self.wire.queue(format!("<proceed xmlns='{}'/>", ns::TLS).as_bytes());
        let config = self.s2s.tls.identity().peers.starttls.clone();
        self.wire.accept_tls(config).await?;
        // What was said in the clear does not count (RFC 6120 §5.4.3.3).
        self.said = Negotiated::default();
        Ok(())
    }

    /// SASL EXTERNAL; whether it succeeded.
    async fn authenticate(&mut self, auth: &Element) -> Result<bool, End> {
        let mut text = auth.text();
        let failed = if !self.may_authenticate() || auth.attr("mechanism") != Some("EXTERNAL") {
            "invalid-mechanism"
        } else {
            if text.is_empty() {
                self.wire.queue(format!("<challenge xmlns='{}'/>", ns::SASL).as_bytes());
                let response = self.wire.element().await?;
                if !response.is("response", ns::SASL) {
                    return Err(StreamCondition::UnsupportedStanzaType.into());
                }
                text = response.text();
            }
            match self.is_himself(&text) {
                Ok(true) => {
                    self.wire.queue(format!("<success xmlns='{}'/>", ns::SASL).as_bytes());
                    // Its bytes belong to the stream that ends here.
                    self.wire.flush().await?;
                    self.wire.restart();
                    self.said.proved = true;
                    return Ok(true);
                }
                Ok(false) => "invalid-authzid",
                Err(()) => "incorrect-encoding",
            }
        };
        let failure = format!("<failure xmlns='{}'><{failed}/></failure>", ns::SASL);
        self.wire.queue(failure.as_bytes());
        self.failures += 1;
        match self.failures >= self.s2s.sasl_attempts {
            true => Err(fault(
                StreamCondition::PolicyViolation,
                "too many failed authentications",
            )),
            false => Ok(false),
        }
    }

    /// Whether whom he wants to be, if he says so, is who he is (XEP-0178 §3).
    fn is_himself(&self, text: &str) -> Result<bool, ()> {
        if matches!(text, "" | "=") {
            return Ok(true);
        }
        let wanted = BASE64.decode(text).map_err(drop)?;
        let wanted = String::from_utf8(wanted).map_err(drop)?;
        Ok(wanted.is_empty() || domain(&wanted) == self.said.from)
    }
}

/// Whether we serve such a stream (RFC 6120 §4.7); gives whom of us it is for.
fn judge(header: &StreamHeader, to: Option<String>, s2s: &S2s) -> Result<String, End> {
    if header.version.is_none_or(|(major, _)| major < 1) {
        return Err(StreamCondition::UnsupportedVersion.into());
    }
    let to = to.ok_or_else(|| fault(StreamCondition::ImproperAddressing, "'to' must be a domain"))?;
    if header.from.as_deref().is_some_and(|from| domain(from).is_none()) {
        return Err(fault(StreamCondition::ImproperAddressing, "'from' must be a domain"));
    }
    match s2s.is_ours(&to) {
        true => Ok(to),
        false => Err(StreamCondition::HostUnknown.into()),
    }
}

impl S2s {
    /// What we say, as the server that knows, about a key of dialback (XEP-0220 §2.2.2); nothing where somebody answers what
    /// was not asked.
    pub(super) fn answer_verify(&self, element: &Element) -> Result<Vec<u8>, End> {
        let claim = Claim::read(element).ok_or(StreamCondition::ImproperAddressing)?;
        if claim.answer.is_some() {
            return Ok(Vec::new());
        }
        let verdict = match self.is_ours(&claim.to) {
            false => Verdict::Error(Condition::ItemNotFound),
            true if self.secret.made(&claim.key, &claim.from, &claim.to, &claim.id) => Verdict::Valid,
            true => Verdict::Invalid,
        };
        Ok(verified(&claim, verdict))
    }
}
