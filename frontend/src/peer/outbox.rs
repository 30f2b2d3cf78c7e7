//! The outboxes: for each way to another server one sender, and what is handed to it.
//!
//! A sender is a task that is there while there is something to do: it has a bounded queue for what is of the moment, and is
//! woken for what lies in the store. Knows no stream; what comes next: `sender/`.

use super::name::{self, Way};
use super::sender::{self, Shared};
use crate::errors;
use crate::limits::{PARCELS, PEERS_LOOK_SECONDS, PEERS_MAX, PEERS_STOP_MS};
use crate::server::Server;
use dashmap::DashMap;
use jid::Jid;
use minidom::Element;
use reef_engine::model::PeerId;
use reef_engine::store::rows;
use reef_stanza::{Condition, StanzaError, StreamNamespace, error_reply, ns, write_element};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};

/// A stanza of the moment: it goes now, or it is returned.
pub(crate) struct Parcel {
    /// The stanza, without a namespace on its root.
    pub(crate) stanza: Vec<u8>,
    /// As much of it as an error for its sender needs; `None` where nobody is to be told.
    pub(crate) sender: Option<Box<Element>>,
    /// How often something was stored before: that goes first.
    pub(crate) behind: u64,
}

/// A sender, as others see it.
struct Outbox {
    queue: mpsc::Sender<Parcel>,
    shared: Arc<Shared>,
}

/// All outboxes.
pub(crate) struct Peers {
    domain: String,
    /// The domains of components.
    components: Vec<String>,
    /// By name. Held for a look-up and a `try_send`, or while a sender that has nothing to do takes itself out.
    known: Mutex<HashMap<Arc<str>, Outbox>>,
    /// Whether there was no room for one, so that the store is looked through in a while.
    missed: AtomicBool,
    /// Once there are streams.
    server: OnceLock<Weak<Server>>,
    /// Called when a sender has ended because the server does.
    left: Notify,
    /// The names of the engine's peers, which never change.
    names: DashMap<PeerId, Arc<str>>,
    /// Questions of the senders' own, by id. Held for one look-up.
    asked: Mutex<HashMap<String, (String, oneshot::Sender<Element>)>>,
}

impl Peers {
    /// None yet.
    pub(crate) fn new(domain: &str, components: Vec<String>) -> Peers {
        Peers {
            domain: domain.to_owned(),
            components,
            known: Mutex::default(),
            missed: AtomicBool::new(false),
            server: OnceLock::new(),
            left: Notify::new(),
            names: DashMap::new(),
            asked: Mutex::default(),
        }
    }

    /// From here on there are streams: those for whom something waits are begun with. Reads the store; for a thread that may wait.
    pub(crate) fn start(&self, server: &Arc<Server>) {
        if self.server.set(Arc::downgrade(server)).is_err() {
            return;
        }
        let woken = Arc::downgrade(server);
        server.engine.on_peers(Arc::new(move |peers| {
            if let Some(server) = woken.upgrade() {
                peers.iter().for_each(|peer| server.peers.posts(&server, *peer));
            }
        }));
        self.look(server);
    }

    /// Has senders begin for whom something lies in the store. Reads all who wait.
    fn look(&self, server: &Server) {
        let view = server.engine.view();
        let waiting = reef_engine::outbox::peers::states(view).unwrap_or_else(|error| {
            drop(errors::unreadable(error));
            Vec::new()
        });
        for state in waiting.iter().filter(|state| state.entries > 0) {
            self.wake(&state.name);
        }
        let stored = crate::tables::awaited(view).unwrap_or_else(|error| {
            drop(errors::unreadable(error));
            Vec::new()
        });
        stored.iter().for_each(|name| self.wake(name));
    }

    /// There is something new for a peer of the engine's.
    fn posts(&self, server: &Server, peer: PeerId) {
        if let Some(name) = self.names.get(&peer) {
            return self.wake(name.value());
        }
        match rows::peer_name(server.engine.view(), peer) {
            Ok(Some(name)) => {
                self.wake(&name);
                self.names.insert(peer, name);
            }
            Ok(None) => {}
            Err(error) => drop(errors::unreadable(error)),
        }
    }

    /// A stanza for a peer was stored.
    pub(crate) fn stored(&self, name: &str) {
        let mut known = self.known();
        if let Some(outbox) = self.outbox(&mut known, name) {
            outbox.shared.stored();
        }
    }

    /// Has a sender look into the store.
    pub(crate) fn wake(&self, name: &str) {
        let mut known = self.known();
        if let Some(outbox) = self.outbox(&mut known, name) {
            outbox.shared.wake();
        }
    }

    /// A domain has spoken: who waits to try it again need not.
    pub(crate) fn heard(&self, remote: &str) {
        let known = self.known();
        let components = self.components.iter().map(String::as_str);
        let services = name::SERVICES.iter().copied().chain(components);
        let services = services.map(|service| format!("{remote}/{service}"));
        for name in std::iter::once(remote.to_owned()).chain(services) {
            if let Some(outbox) = known.get(name.as_str()) {
                outbox.shared.heard();
            }
        }
    }

    /// Sends a stanza of the moment.
    ///
    /// # Errors
    /// What its sender is to be told.
    pub(crate) fn send(&self, from: &str, to: &Jid, stanza: &Element) -> Result<(), StanzaError> {
        let mut bytes = Vec::new();
        write_element(stanza, StreamNamespace::Client, &mut bytes);
        self.put(from, to.as_str(), bytes, returnable(stanza).map(Box::new))
    }

    /// The same of bytes, whose sender is told nothing.
    pub(crate) fn send_bytes(&self, from: &str, to: &str, stanza: Vec<u8>) {
        if self.put(from, to, stanza, None).is_err() {
            tracing::debug!(to, "an answer for another server was dropped");
        }
    }

    fn put(&self, from: &str, to: &str, stanza: Vec<u8>, sender: Option<Box<Element>>) -> Result<(), StanzaError> {
        let not_found = || StanzaError::new(Condition::RemoteServerNotFound);
        let local = name::domain_of(from);
        let name = match self.components.iter().any(|component| component == local) {
            // A component speaks by a way of its own.
            true => Some(format!("{}/{local}", name::domain_of(to))),
            false => name::name(&self.domain, from, to),
        };
        let name = name.ok_or_else(not_found)?;
        let mut known = self.known();
        let outbox = self.outbox(&mut known, &name).ok_or_else(errors::busy)?;
        let parcel = Parcel {
            stanza,
            sender,
            behind: outbox.shared.stored_times(),
        };
        outbox.queue.try_send(parcel).map_err(|_| errors::busy())
    }

    /// The outbox of a name, made if need be; `None` where there are no streams, or too many outboxes.
    fn outbox<'k>(&self, known: &'k mut HashMap<Arc<str>, Outbox>, name: &str) -> Option<&'k Outbox> {
        if !known.contains_key(name) {
            let server = self.server.get().and_then(Weak::upgrade)?;
            if known.len() >= PEERS_MAX {
                tracing::warn!(name, "there are as many peers at once as there may be: this one waits");
                self.miss(&server);
                return None;
            }
            let (queue, parcels) = mpsc::channel(PARCELS);
            let (name, shared) = (Arc::<str>::from(name), Arc::<Shared>::default());
            let way: Way = name::way(&self.domain, &name);
            let runtime = server.runtime.clone();
            let sender = sender::Sender::new(server, (name.clone(), way), parcels, shared.clone());
            runtime.spawn(sender.run());
            known.insert(name.clone(), Outbox { queue, shared });
        }
        known.get(name)
    }

    /// There was no room for somebody: in a while the store is looked through for those who wait.
    fn miss(&self, server: &Arc<Server>) {
        if self.missed.swap(true, Ordering::Relaxed) {
            return;
        }
        let later = Arc::downgrade(server);
        server.runtime.spawn(async move {
            tokio::time::sleep(Duration::from_secs(PEERS_LOOK_SECONDS)).await;
            let Some(server) = later.upgrade() else { return };
            server.peers.missed.store(false, Ordering::Relaxed);
            // It is over where the server ends.
            let _ = tokio::task::spawn_blocking(move || server.peers.look(&server)).await;
        });
    }

    /// A sender with nothing to do takes itself out; false where something came meanwhile.
    pub(super) fn leave(&self, name: &str, parcels: &mpsc::Receiver<Parcel>, shared: &Shared) -> bool {
        let mut known = self.known();
        if !parcels.is_empty() || shared.is_woken() {
            return false;
        }
        known.remove(name);
        true
    }

    /// The server ends: senders wait for what is on its way to be confirmed, close their streams and end, all in a moment.
    pub(crate) async fn stop(&self) {
        let stopping: Vec<Arc<Shared>> = self.known().values().map(|outbox| outbox.shared.clone()).collect();
        stopping.iter().for_each(|shared| shared.stop());
        let until = tokio::time::Instant::now() + Duration::from_millis(PEERS_STOP_MS);
        while !self.known().is_empty() && tokio::time::Instant::now() < until {
            // Whoever is still dialling does not hold up the end.
            let left = tokio::time::timeout_at(until, self.left.notified());
            if left.await.is_err() {
                return;
            }
        }
    }

    /// A sender has ended.
    pub(super) fn gone(&self, name: &str) {
        self.known().remove(name);
        self.left.notify_one();
    }

    /// A sender has panicked: what waits for it has another one in a while, at the latest.
    pub(super) fn lost(&self, name: &str) {
        self.known().remove(name);
        if let Some(server) = self.server.get().and_then(Weak::upgrade) {
            self.miss(&server);
        }
    }

    /// What a sender is doing, for operators.
    pub(crate) fn shown(&self, name: &str) -> Option<sender::Shown> {
        self.known().get(name).map(|outbox| outbox.shared.shown())
    }

    /// The names of those that have a sender now.
    pub(crate) fn active(&self) -> Vec<String> {
        self.known().keys().map(ToString::to_string).collect()
    }

    /// Has a peer tried now; false where nothing is to be sent to it.
    pub(crate) fn retry(&self, name: &str) -> bool {
        let known = self.known();
        let outbox = known.get(name);
        outbox.iter().for_each(|outbox| outbox.shared.retry());
        outbox.is_some()
    }

    /// Remembers a question of a sender's own to `remote`.
    pub(super) fn ask(&self, id: &str, remote: &str) -> oneshot::Receiver<Element> {
        let (answer, waits) = oneshot::channel();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.retain(|_, (_, waits)| !waits.is_closed());
        asked.insert(id.to_owned(), (remote.to_owned(), answer));
        waits
    }

    /// Whether an iq of `remote` answers such a question.
    pub(super) fn answered(&self, remote: &str, iq: &Element) -> bool {
        let id = iq.attr("id").unwrap_or_default();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.get(id).is_none_or(|(of, _)| of != remote) {
            return false;
        }
        if let Some((_, waits)) = asked.remove(id) {
            // Who asked may have given up.
            let _ = waits.send(iq.clone());
        }
        true
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Arc<str>, Outbox>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As much of a stanza as an error about it needs, where RFC 6120 §8.3 and RFC 6121 §8 want one.
fn returnable(stanza: &Element) -> Option<Element> {
    let kind = stanza.attr("type").unwrap_or_default();
    let told = match stanza.name() {
        "iq" => matches!(kind, "get" | "set"),
        "presence" => false,
        // A chat state is worth nothing later, and its absence says nothing.
        _ => !matches!(kind, "error" | "headline") && stanza.has_child("body", ns::CLIENT),
    };
    told.then(|| {
        let mut kept = Element::bare(stanza.name(), ns::CLIENT);
        *kept.attrs_mut() = stanza.attrs().clone();
        kept
    })
}

/// The same for a stanza that was stored.
pub(crate) fn returned_row(stanza: &[u8], error: &StanzaError) -> Option<(Jid, Element)> {
    let parsed = Element::from_reader_with_prefixes(stanza, Some(ns::CLIENT.to_owned()));
    let stanza = match parsed {
        Ok(stanza) => stanza,
        Err(error) => {
            tracing::error!(%error, "a stored stanza cannot be read");
            return None;
        }
    };
    // Of a presence that ends a subscription nothing more is to be said.
    let said = stanza.name() != "presence" || stanza.attr("type") == Some("subscribe");
    said.then(|| returned(&stanza, error)).flatten()
}

/// An error for the sender of something, and for whom it is.
pub(super) fn returned(stanza: &Element, error: &StanzaError) -> Option<(Jid, Element)> {
    let to = stanza.attr("from").and_then(|from| Jid::new(from).ok())?;
    Some((to, error_reply(stanza, error)))
}
