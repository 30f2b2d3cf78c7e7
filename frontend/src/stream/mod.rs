//! A client's stream from its first byte to `<success/>`: header, STARTTLS, features, SASL, registration (RFC 6120 §4–6,
//! XEP-0077), each state in its file.
//!
//! It must not know the engine, sessions or shards: accounts are asked of a [`Host`], and an authenticated connection
//! is handed to it whole, as [`Authenticated`]. What comes next: the user's shard reads the client's next stream header.

mod admission;
mod connection;
mod context;
mod fast;
mod features;
mod header;
mod host;
mod preauth;
mod rate;
mod register;
mod sasl;
mod sasl2;
mod socket;
mod starttls;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use jid::BareJid;
use minidom::Element;
use reef_stanza::{Frame, StreamCondition, StreamFault, ns};

use crate::sasl::Bindings;
use sasl::Exchange;

pub use admission::{ConnectionPermit, Connections, Refused};
pub use context::{C2s, Mode};
pub use host::{Authenticated, Host, HostError, RegisterError};
pub use preauth::Invited;
pub(crate) use rate::AddressRate;
pub use sasl2::Inline;
pub use socket::{Relayed, Socket};

pub(crate) use connection::{Connection, End, unsolicited_header};
pub(crate) use features::limits_feature;
pub(crate) use socket::Carrier;

/// Elements that a client may send before it has authenticated; a login takes three, a registration two more.
const ELEMENTS_MAX: u32 = 64;

/// Who has logged in, and what his stream said about itself.
pub(crate) struct Login {
    /// The account.
    pub(crate) user: BareJid,
    /// `xml:lang` of the client's stream header.
    pub(crate) lang: Option<String>,
    /// What is to be done with `<success/>`, where that was not sent yet and the stream goes on as it is.
    pub(crate) inline: Option<Box<Inline>>,
}

/// One stream that is being negotiated. It may be dropped at any await: what was queued for the client stays queued
/// in the [`Connection`], so that a stream error can still follow in good order.
pub(crate) struct Negotiation<'a, H> {
    connection: &'a mut Connection,
    context: &'a C2s<H>,
    address: IpAddr,
    bindings: Bindings,
    /// How the client speaks SASL in this attempt.
    exchange: Exchange,
    failures: u32,
    elements: u32,
    /// The invitation that the client has brought.
    invited: Option<Invited>,
}

impl<'a, H: Host> Negotiation<'a, H> {
    /// A negotiation with the client at `address`.
    pub(crate) fn new(connection: &'a mut Connection, context: &'a C2s<H>, address: IpAddr) -> Self {
        Self {
            connection,
            context,
            address,
            bindings: Bindings::default(),
            exchange: Exchange::Sasl,
            failures: 0,
            elements: 0,
            invited: None,
        }
    }

    /// Runs until the client has authenticated, with everything sent, or until the stream must end.
    pub(crate) async fn run(mut self, mode: Mode) -> Result<Login, End> {
        if mode == Mode::DirectTls {
            let identity = self.context.tls.identity();
            self.secure(identity.direct.clone(), &identity).await?;
        }
        loop {
            let lang = self.exchange_headers().await?;
            let features = self.features();
            self.connection.send(&features).await?;
            if let Some((user, inline)) = self.until_restart().await? {
                let inline = inline.map(Box::new);
                return Ok(Login { user, lang, inline });
            }
        }
    }

    /// Serves elements until the stream starts anew: after STARTTLS (`None`) or authenticated.
    async fn until_restart(&mut self) -> Result<Option<(BareJid, Option<Inline>)>, End> {
        loop {
            let element = self.element().await?;
            if element.is("starttls", ns::TLS) {
                self.start_tls().await?;
                return Ok(None);
            } else if element.is("auth", ns::SASL) {
                if let Some(user) = self.authenticate(&element).await? {
                    return Ok(Some((user, None)));
                }
            } else if element.is("authenticate", ns::SASL2) {
                if let Some((user, inline)) = self.authenticate2(&element).await? {
                    return Ok(Some((user, Some(inline))));
                }
            } else if self.may_authenticate() && register::is_request(&element) {
                self.register(&element).await?;
            } else {
                return Err(stray(&element).into());
            }
        }
    }

    /// Whether passwords may pass: the connection is encrypted, or came by a transport that was let in for being so, or the
    /// operator does without on loopback.
    fn may_authenticate(&self) -> bool {
        self.connection.is_tls() || self.connection.is_relayed() || !self.context.require_tls
    }

    /// The next child of the stream.
    async fn element(&mut self) -> Result<Element, End> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            let fault = StreamFault::new(StreamCondition::PolicyViolation);
            return Err(fault.with_text("too many elements before authentication").into());
        }
        match self.connection.frame().await? {
            Frame::Element(element) => Ok(element),
            Frame::End => Err(End::Stream),
            Frame::Header(_) | Frame::Whitespace => Err(StreamFault::new(StreamCondition::BadFormat).into()),
        }
    }
}

/// What an element that has no business here deserves: a stanza is too early (RFC 6120 §4.9.3.12), anything else is not
/// understood (§4.9.3.24).
fn stray(element: &Element) -> StreamFault {
    let is_stanza = ["iq", "message", "presence"]
        .into_iter()
        .any(|name| element.is(name, ns::CLIENT));
    StreamFault::new(match is_stanza {
        true => StreamCondition::NotAuthorized,
        false => StreamCondition::UnsupportedStanzaType,
    })
}

/// A stream's id: unique, and nobody can guess it (RFC 6120 §4.7.3).
fn stream_id() -> Result<String, End> {
    Ok(format!("{:032x}", u128::from_be_bytes(random()?)))
}

/// Random bytes from the system; without them no stream can go on.
fn random<const N: usize>() -> Result<[u8; N], End> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            tracing::error!(%error, "the system gives no random bytes");
            Err(StreamFault::new(StreamCondition::InternalServerError).into())
        }
    }
}
