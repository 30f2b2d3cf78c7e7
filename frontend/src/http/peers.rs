//! Metrics of other servers: what all streams count, and how the ways on which most waits are doing.
//!
//! Peers come and go, so theirs is a list made when it is asked for, of a bounded number. Next: `mod.rs` appends it.

use crate::limits::PEERS_SHOWN;
use crate::server::Server;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use reef_engine::outbox::peers::{self, PeerState};

type Labels = Vec<(String, String)>;

/// Of all peers, as OpenMetrics text, with its end. Blocks on the store.
pub(super) fn text(server: &Server) -> String {
    let mut registry = Registry::with_prefix("reef_peers");
    let counters = server.s2s.counters();
    let mut all = |name: &str, help: &str, value: u64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(value.try_into().unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    all("streams_in", "Proved streams from other servers", counters.streams_in());
    all("streams_out", "Proved streams to other servers", counters.streams_out());
    all(
        "stanzas_in",
        "Stanzas of other servers since the start",
        counters.stanzas_in(),
    );
    all(
        "stanzas_out",
        "Stanzas to other servers since the start",
        counters.stanzas_out(),
    );
    all(
        "refused",
        "Streams and proofs of other servers that were refused",
        counters.refused(),
    );
    let mut waiting = peers::states(server.engine.view()).unwrap_or_else(|error| {
        drop(crate::errors::unreadable(error));
        Vec::new()
    });
    waiting.sort_by_key(|state| std::cmp::Reverse(state.entries));
    waiting.truncate(PEERS_SHOWN);
    each(server, &mut registry, &waiting);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

fn each(server: &Server, registry: &mut Registry, waiting: &[PeerState]) {
    let now = server.engine.clock.now().0;
    let mut family = |name: &str, help: &str, value: &dyn Fn(&PeerState) -> u64| {
        let family = Family::<Labels, Gauge>::default();
        registry.register(name, help, family.clone());
        for state in waiting {
            let labels = vec![("peer".to_owned(), state.name.to_string())];
            let value = value(state).try_into().unwrap_or(i64::MAX);
            family.get_or_create(&labels).set(value);
        }
    };
    let shown = |state: &PeerState| server.peers.shown(&state.name).unwrap_or_default();
    family("depth", "Posts that wait for a server", &|state| state.entries);
    family("lag_seconds", "Age of the oldest post that waits for it", &|state| {
        state.oldest.map_or(0, |at| now.saturating_sub(at.0) / 1000)
    });
    family("sent", "Stanzas put on its streams", &|state| shown(state).sent);
    family("confirmed", "Stanzas that it confirmed", &|state| {
        shown(state).confirmed
    });
    family("again", "Stanzas sent again since a stream broke", &|state| {
        shown(state).again
    });
    family("given_up", "Entries given up since they broke streams", &|state| {
        shown(state).dead
    });
}
