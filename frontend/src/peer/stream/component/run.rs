//! A component's stream once it has shown who it is: its stanzas are judged and handed on, those for it are written.
//!
//! It acknowledges nothing: senders ask it by pings what it has. Must not know queues.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use minidom::Element;
use reef_stanza::{Condition, Frame, StanzaError, StreamCondition, error_reply, ns};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::super::S2s;
use super::super::accept::stopped;
use super::super::context::Route;
use super::super::end::{End, fault};
use super::super::link::{Command, LinkState};
use super::super::receipts::Receipts;
use super::super::stanza::{addresses, is_forgery, is_of_component, strip_claims, to_client};
use super::super::wire::Wire;
use crate::limits::{PEER_COMMANDS, PEER_OUTPUT, PEER_RECEIPTS, TCP_TIMEOUT_SECONDS};
use crate::stream::ConnectionPermit;

struct Stream {
    s2s: Arc<S2s>,
    name: String,
    wire: Wire,
    receipts: Arc<Receipts>,
    links: HashMap<u64, watch::Sender<LinkState>>,
    /// Bytes that had left when it was last looked, and when that was.
    left: (u64, Instant),
}

/// Runs to the end.
pub(super) async fn run(
    mut wire: Wire,
    mut permit: ConnectionPermit,
    s2s: Arc<S2s>,
    name: String,
    mut shutdown: watch::Receiver<bool>,
) {
    permit.authenticate();
    wire.set_budget(s2s.budget);
    let (sender, mut commands) = mpsc::channel(PEER_COMMANDS);
    let route = Route {
        stream: s2s.number(),
        commands: sender,
        sm: false,
        stanza_limit: None,
    };
    if !s2s.components.join(&name, route) {
        let taken = fault(StreamCondition::Conflict, "it is connected already");
        return wire.close(&taken, &name).await;
    }
    tracing::info!(name, "a component has connected");
    wire.queue(b"<handshake/>");
    s2s.inbox.heard(&name);
    let mut stream = Stream {
        receipts: Arc::new(Receipts::until(s2s.stopped.clone())),
        s2s,
        name,
        wire,
        links: HashMap::new(),
        left: (0, Instant::now()),
    };
    let end = loop {
        if let Err(end) = stream.turn(&mut commands, &mut shutdown).await {
            break end;
        }
    };
    tracing::info!(name = stream.name, %end, "a component has gone");
    stream.s2s.components.leave(&stream.name);
    for link in stream.links.values() {
        link.send_modify(|state| state.ended = Some(end.clone()));
    }
    stream.wire.close(&end, &stream.name).await;
}

impl Stream {
    async fn turn(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        shutdown: &mut watch::Receiver<bool>,
    ) -> Result<(), End> {
        self.take_frames()?;
        let now = Instant::now();
        if self.wire.waiting() == 0 || self.wire.written() != self.left.0 {
            self.left = (self.wire.written(), now);
        }
        let reads = self.receipts.open() < PEER_RECEIPTS;
        let stalls = self.left.1 + Duration::from_secs(TCP_TIMEOUT_SECONDS);
        let waits = self.wire.waiting() > 0;
        tokio::select! {
            moved = self.wire.turn(reads) => moved?,
            Some(command) = commands.recv(), if self.wire.waiting() < PEER_OUTPUT => self.command(command),
            () = self.receipts.moved() => {}
            () = tokio::time::sleep_until(stalls), if waits => {
                return Err(End::Lost("the component does not read".to_owned()));
            }
            () = stopped(shutdown) => return Err(StreamCondition::SystemShutdown.into()),
        }
        Ok(())
    }

    fn take_frames(&mut self) -> Result<(), End> {
        while self.receipts.open() < PEER_RECEIPTS {
            let Some((frame, _)) = self.wire.read()? else {
                break;
            };
            match frame {
                Frame::Element(element) => self.element(element)?,
                Frame::End => return Err(End::Closed),
                Frame::Header(_) | Frame::Whitespace => return Err(StreamCondition::BadFormat.into()),
            }
        }
        Ok(())
    }

    /// Judges an element (XEP-0114 §3: it may speak for every address of its domain, and for no other).
    fn element(&mut self, element: Element) -> Result<(), End> {
        if element.is("error", ns::STREAM) {
            return Err(End::from_peer(&element));
        }
        if !is_of_component(&element) {
            return Err(StreamCondition::UnsupportedStanzaType.into());
        }
        let (from, to) = addresses(&element).ok_or(StreamCondition::ImproperAddressing)?;
        if from.domain().as_str() != self.name {
            return Err(StreamCondition::InvalidFrom.into());
        }
        let mut stanza = to_client(element, &from, &to);
        self.s2s.counters.came();
        if is_forgery(&stanza, &|domain| domain == self.name) {
            if !matches!(stanza.attr("type"), Some("error" | "result")) {
                let error =
                    StanzaError::new(Condition::NotAllowed).with_text("a forwarded stanza is not the component's own");
                self.s2s.inbox.refusal(to, from, error_reply(&stanza, &error));
            }
            return Ok(());
        }
        let name = &self.name;
        strip_claims(&mut stanza, |domain| domain != name && self.s2s.is_ours(domain));
        self.s2s.inbox.stanza(from, to, stanza, self.receipts.give());
        Ok(())
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Attach(number, state) => {
                self.links.retain(|_, link| !link.is_closed());
                self.links.insert(number, state);
            }
            Command::Send(_, stanzas, count) => {
                self.wire.queue(&stanzas);
                self.s2s.counters.went(count);
            }
            Command::Ask => {}
            Command::Detach(link) => {
                if let Some(state) = self.links.remove(&link) {
                    state.send_modify(|state| state.ended = Some(End::Done));
                }
            }
        }
    }
}
