//! A stream to a peer, up to what it offers over TLS (RFC 6120 §3.2, §4.3, §5; XEP-0368).
//!
//! Must not know what for. What comes next: `prove` shows who we are and sends stanzas, or `verify` asks about a key.

use std::time::Duration;

use reef_stanza::{StreamCondition, ns};
use tokio::net::TcpStream;

use super::end::{End, fault};
use super::features::Features;
use super::policy::Rules;
use super::resolve::Target;
use super::trust::server_name;
use super::wire::Wire;
use super::{S2s, Unreachable};
use crate::limits::{PEER_CONNECT_SECONDS, PEER_HANDSHAKE_SECONDS, TCP_TIMEOUT_SECONDS};

/// A stream to a peer on which nobody has proved anything by itself.
pub(super) struct Dialled {
    pub(super) wire: Wire,
    /// The id that the peer gave it.
    pub(super) id: String,
    pub(super) features: Features,
    /// What is asked of the peer.
    pub(super) rules: Rules,
    /// Whether the peer's certificate is valid for its domain.
    pub(super) certified: bool,
}

/// Finds the peer and opens a stream on the first of its addresses that accepts.
pub(super) async fn dial(s2s: &S2s, local: &str, remote: &str) -> Result<Dialled, Unreachable> {
    let rules = s2s.policy.of(remote);
    let targets = s2s.resolver.find(remote).await?;
    let mut failed = Unreachable::Down("it has no address".to_owned());
    for target in targets {
        let socket = match connect(target).await {
            Ok(socket) => socket,
            Err(error) => {
                failed = Unreachable::Down(format!("{}: {error}", target.address));
                continue;
            }
        };
        let mut dialled = Dialled {
            wire: Wire::new(socket, s2s.budget_before),
            id: String::new(),
            features: Features::default(),
            rules,
            certified: false,
        };
        match in_time(dialled.secure(s2s, local, remote, target.direct)).await {
            Ok(()) => {
                dialled.certified = s2s.trust.proves(dialled.wire.chain(), remote);
                return Ok(dialled);
            }
            Err(end) => {
                dialled.wire.part(end.clone(), local);
                failed = end.into();
                // Another machine of the peer's may be well; its rules are the same.
                if !matches!(failed, Unreachable::Down(_)) {
                    break;
                }
            }
        }
    }
    Err(failed)
}

async fn connect(target: Target) -> std::io::Result<TcpStream> {
    let connecting = TcpStream::connect(target.address);
    let socket = tokio::time::timeout(Duration::from_secs(PEER_CONNECT_SECONDS), connecting).await??;
    tune(&socket)?;
    Ok(socket)
}

/// What every socket between servers has: an end to a peer that is gone.
pub(super) fn tune(socket: &TcpStream) -> std::io::Result<()> {
    let socket = socket2::SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(Duration::from_secs(TCP_TIMEOUT_SECONDS)))?;
    let keepalive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(TCP_TIMEOUT_SECONDS));
    socket.set_tcp_keepalive(&keepalive)
}

/// What a step of a negotiation says, or that the peer was too slow.
pub(super) async fn in_time<T>(step: impl Future<Output = Result<T, End>>) -> Result<T, End> {
    let limit = Duration::from_secs(PEER_HANDSHAKE_SECONDS);
    let step = tokio::time::timeout(limit, Box::pin(step)).await;
    step.unwrap_or_else(|_| Err(End::Lost("the peer does not answer".to_owned())))
}

impl Dialled {
    /// Header, TLS, and what is offered then.
    async fn secure(&mut self, s2s: &S2s, local: &str, remote: &str, direct: bool) -> Result<(), End> {
        let identity = s2s.tls.identity();
        let name = || server_name(remote).ok_or_else(|| End::Lost("TLS has no name for it".to_owned()));
        if direct {
            let config = identity.peers.dial_direct.clone();
            self.wire.connect_tls(config, name()?).await?;
        }
        loop {
            self.exchange_headers(local, remote).await?;
            if self.wire.is_tls() || !self.features.starttls {
                break;
            }
            self.wire.queue(format!("<starttls xmlns='{}'/>", ns::TLS).as_bytes());
            let answer = self.wire.element().await?;
            if !answer.is("proceed", ns::TLS) {
                return Err(End::Lost("the peer cannot begin with TLS".to_owned()));
            }
            // Sent in the clear, they would be taken for encrypted ones: somebody in between may have put them there.
            if self.wire.has_unread() {
                return Err(fault(StreamCondition::PolicyViolation, "nothing may follow proceed"));
            }
            self.wire
                .connect_tls(identity.peers.dial_starttls.clone(), name()?)
                .await?;
        }
        if self.rules.tls && !self.wire.is_tls() {
            return Err(fault(StreamCondition::PolicyViolation, "TLS is required"));
        }
        Ok(())
    }

    /// Our header, the peer's and its features.
    pub(super) async fn exchange_headers(&mut self, local: &str, remote: &str) -> Result<(), End> {
        self.wire.queue_header(local, Some(remote), "");
        let header = self.wire.header().await?;
        if header.version.is_none_or(|(major, _)| major < 1) {
            return Err(StreamCondition::UnsupportedVersion.into());
        }
        self.id = header.id.unwrap_or_default();
        let features = self.wire.element().await?;
        if !features.is("features", ns::STREAM) {
            return Err(StreamCondition::UnsupportedStanzaType.into());
        }
        self.features = Features::read(&features);
        // Those who speak dialback as RFC 3920 had it say so in the header alone.
        self.features.dialback |= header.dialback;
        Ok(())
    }
}
