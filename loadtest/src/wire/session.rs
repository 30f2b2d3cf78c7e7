//! A client's stream from the first header to a bound resource, as a state machine of stanzas in and bytes out.
//!
//! It must not know sockets: who drives it (`crowd`) starts TLS when told to and brings stanzas. What comes next: when a
//! session is idle, its connection asks, publishes or watches.

use crate::wire::scram::{Exchange, Hash, Salted};
use crate::wire::xml::{attribute, escape, has, shown, text};
use anyhow::{Context, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// How a session proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mechanism {
    /// The strongest that the server offers.
    Auto,
    /// RFC 4616.
    Plain,
    /// RFC 5802.
    ScramSha1,
    /// RFC 7677.
    ScramSha256,
}

/// Who logs in.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The localpart.
    pub(crate) user: String,
    /// The password.
    pub(crate) password: String,
    /// The server's domain.
    pub(crate) domain: String,
    /// The resource to bind.
    pub(crate) resource: String,
}

/// What a stanza led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Negotiation goes on.
    Quiet,
    /// TLS begins now; then call `open` again.
    StartTls,
    /// What was begun is done.
    Done,
    /// The stream is to be read anew from its header.
    Restart,
    /// Not a stanza of negotiation.
    Other,
}

#[derive(Debug)]
enum Stage {
    /// Nothing is under way.
    Idle,
    /// Features are to come: after connecting, or after SASL.
    Features {
        authenticated: bool,
    },
    Proceed,
    Register,
    Plain,
    Scram(Exchange),
    Bind,
}

/// The negotiation of one stream.
#[derive(Debug)]
pub(crate) struct Session {
    stage: Stage,
    starttls: bool,
    scram_sha_1: bool,
    scram_sha_256: bool,
}

const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";

impl Session {
    /// A stream that will ask for TLS first, or not.
    pub(crate) fn new(starttls: bool) -> Session {
        Session {
            stage: Stage::Idle,
            starttls,
            scram_sha_1: false,
            scram_sha_256: false,
        }
    }

    /// Whether nothing is being negotiated.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// Opens the stream (RFC 6120 §4.2); done when the server has said its features.
    pub(crate) fn open(&mut self, domain: &str, out: &mut Vec<u8>) {
        header(domain, out);
        self.stage = Stage::Features { authenticated: false };
    }

    /// Registers an account (XEP-0077 §3.1); one that is there already is as good.
    pub(crate) fn register(&mut self, who: &Identity, out: &mut Vec<u8>) {
        let iq = format!(
            "<iq type='set' id='register' to='{}'><query xmlns='jabber:iq:register'><username>{}</username>\
             <password>{}</password></query></iq>",
            who.domain,
            escape(&who.user),
            escape(&who.password)
        );
        out.extend_from_slice(iq.as_bytes());
        self.stage = Stage::Register;
    }

    /// Authenticates and binds; done when bound.
    pub(crate) fn login(&mut self, who: &Identity, mechanism: Mechanism, out: &mut Vec<u8>) -> Result<()> {
        let hash = match mechanism {
            Mechanism::Plain => None,
            Mechanism::ScramSha1 => Some(Hash::Sha1),
            Mechanism::ScramSha256 => Some(Hash::Sha256),
            Mechanism::Auto if self.scram_sha_256 => Some(Hash::Sha256),
            Mechanism::Auto if self.scram_sha_1 => Some(Hash::Sha1),
            Mechanism::Auto => None,
        };
        let (name, message) = match hash {
            None => {
                self.stage = Stage::Plain;
                ("PLAIN", STANDARD.encode(format!("\0{}\0{}", who.user, who.password)))
            }
            Some(hash) => {
                let (exchange, message) = Exchange::begin(hash, &who.user)?;
                self.stage = Stage::Scram(exchange);
                (hash.mechanism(), message)
            }
        };
        out.extend_from_slice(format!("<auth xmlns='{SASL}' mechanism='{name}'>{message}</auth>").as_bytes());
        Ok(())
    }

    /// Takes a stanza; an error says in the server's words why the session cannot go on.
    pub(crate) fn stanza(
        &mut self,
        stanza: &[u8],
        who: &Identity,
        kept: &mut Option<Box<Salted>>,
        out: &mut Vec<u8>,
    ) -> Result<Event> {
        if stanza.starts_with(b"<stream:error") {
            bail!("the server ended the stream: {}", shown(stanza));
        }
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Idle => Ok(Event::Other),
            Stage::Features { authenticated } => self.features(stanza, authenticated, who, out),
            Stage::Proceed if stanza.starts_with(b"<proceed") => {
                self.starttls = false;
                Ok(Event::StartTls)
            }
            Stage::Register if attribute(stanza, "type") == Some("result") || has(stanza, "<conflict") => {
                Ok(Event::Done)
            }
            Stage::Plain if stanza.starts_with(b"<success") => Ok(self.authenticated(who, out)),
            Stage::Scram(mut exchange) if stanza.starts_with(b"<challenge") => {
                let answer = exchange.answer(text(stanza), &who.password, kept)?;
                out.extend_from_slice(format!("<response xmlns='{SASL}'>{answer}</response>").as_bytes());
                self.stage = Stage::Scram(exchange);
                Ok(Event::Quiet)
            }
            Stage::Scram(exchange) if stanza.starts_with(b"<success") => {
                exchange.verify(text(stanza)).context("SCRAM")?;
                Ok(self.authenticated(who, out))
            }
            Stage::Bind if attribute(stanza, "type") == Some("result") => Ok(Event::Done),
            stage => bail!("{} of {} refused: {}", stage.name(), who.user, shown(stanza)),
        }
    }

    fn features(&mut self, stanza: &[u8], authenticated: bool, who: &Identity, out: &mut Vec<u8>) -> Result<Event> {
        if !stanza.starts_with(b"<stream:features") {
            bail!("expected stream features, got {}", shown(stanza));
        }
        if authenticated {
            let bind = format!(
                "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{}</resource></bind></iq>",
                escape(&who.resource)
            );
            out.extend_from_slice(bind.as_bytes());
            self.stage = Stage::Bind;
            return Ok(Event::Quiet);
        }
        if self.starttls {
            out.extend_from_slice(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
            self.stage = Stage::Proceed;
            return Ok(Event::Quiet);
        }
        self.scram_sha_1 = has(stanza, ">SCRAM-SHA-1<");
        self.scram_sha_256 = has(stanza, ">SCRAM-SHA-256<");
        Ok(Event::Done)
    }

    fn authenticated(&mut self, who: &Identity, out: &mut Vec<u8>) -> Event {
        header(&who.domain, out);
        self.stage = Stage::Features { authenticated: true };
        Event::Restart
    }
}

impl Stage {
    fn name(&self) -> &'static str {
        match self {
            Stage::Idle | Stage::Features { .. } => "the stream",
            Stage::Proceed => "STARTTLS",
            Stage::Register => "registration",
            Stage::Plain | Stage::Scram(_) => "the login",
            Stage::Bind => "a resource",
        }
    }
}

fn header(domain: &str, out: &mut Vec<u8>) {
    let header = format!(
        "<?xml version='1.0'?><stream:stream to='{}' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
        escape(domain)
    );
    out.extend_from_slice(header.as_bytes());
}
