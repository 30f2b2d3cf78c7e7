//! STARTTLS (RFC 6120 §5), and what follows from TLS: the bindings that SASL may tie itself to.
//!
//! It must not know certificates. What comes next: the client opens a new stream on the encrypted connection.

use std::sync::Arc;

use reef_stanza::{StreamCondition, StreamFault, ns};
use rustls::ServerConfig;

use super::{End, Host, Negotiation};
use crate::tls::{self, Identity};

impl<H: Host> Negotiation<'_, H> {
    /// Answers `<starttls/>`. Bytes that already lie behind it were sent in the clear and would be taken for encrypted
    /// ones: somebody in between may have put them there, so the stream ends.
    pub(super) async fn start_tls(&mut self) -> Result<(), End> {
        let refuse = |text| {
            Err(StreamFault::new(StreamCondition::PolicyViolation)
                .with_text(text)
                .into())
        };
        if self.connection.is_tls() {
            return refuse("TLS is already on");
        }
        if self.connection.has_unread() {
            return refuse("nothing may follow starttls before proceed");
        }
        self.connection
            .send(format!("<proceed xmlns='{}'/>", ns::TLS).as_bytes())
            .await?;
        let identity = self.context.tls.identity();
        self.secure(Arc::clone(&identity.starttls), &identity).await
    }

    /// Performs the handshake with a configuration of this identity.
    pub(super) async fn secure(&mut self, config: Arc<ServerConfig>, identity: &Identity) -> Result<(), End> {
        self.connection.handshake(config).await?;
        self.bindings = self
            .connection
            .tls()
            .map(|session| tls::bindings(session, identity))
            .unwrap_or_default();
        Ok(())
    }
}
