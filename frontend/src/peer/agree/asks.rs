//! What is asked of other servers: whether they have recorded who follows from there, and whether those follow whom we have
//! recorded.
//!
//! One question at a time on each way, as stanzas of the moment; without an answer it ends, and is begun with the next stream.
//! Knows no stream.

use super::rows;
use super::words::{self, Listed, about, compare};
use crate::errors;
use crate::limits::{AGREE_AGAIN_SECONDS, AGREE_ANSWER_SECONDS};
use crate::peer::name::Way;
use crate::server::Server;
use jid::BareJid;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::error::StoreError;
use reef_engine::log::record::{Change, Mirrored};
use reef_engine::model::{NodeId, NodeName, PeerId, SubscriberId};
use reef_stanza::element::{Build, el};
use reef_stanza::{StreamNamespace, ns, write_element};
use std::sync::Arc;
use std::time::Duration;

/// As long as it is held, both sides agree once a day.
pub(in crate::peer) struct Agreeing(tokio::task::AbortHandle);

impl Drop for Agreeing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Compares with a peer who follows from there: now, and then once a day.
pub(in crate::peer) fn begin(server: &Arc<Server>, peer: PeerId, way: &Way) -> Agreeing {
    let talk = Talk {
        server: server.clone(),
        from: way.local.clone(),
        to: way.remote.clone(),
    };
    let task = server.runtime.spawn(async move {
        loop {
            if talk.agree(peer).await.is_none() {
                tracing::debug!(peer = talk.to, "it is not agreed with a peer who follows");
            }
            tokio::time::sleep(Duration::from_secs(AGREE_AGAIN_SECONDS)).await;
        }
    });
    Agreeing(task.abort_handle())
}

/// Asks the server of these nodes whether those follow who are recorded here; who does not is forgotten.
pub(super) async fn check(
    server: &Arc<Server>,
    (from, to): (&str, &str),
    doubted: Vec<(NodeName, Option<Vec<BareJid>>)>,
) {
    let talk = Talk {
        server: server.clone(),
        from: from.to_owned(),
        to: to.to_owned(),
    };
    for (node, whom) in doubted {
        let checked = match whom {
            Some(jids) => {
                talk.check_these(&node, jids.iter().map(|jid| jid.as_str().into()).collect())
                    .await
            }
            None => talk.check_all(&node).await,
        };
        if checked.is_none() {
            tracing::debug!(peer = to, node = &*node.node, "it is not known who follows");
        }
    }
}

/// The way of the questions.
struct Talk {
    server: Arc<Server>,
    from: String,
    to: String,
}

impl Talk {
    /// All nodes that are followed from there. `None` where there is no answer.
    async fn agree(&self, peer: PeerId) -> Option<()> {
        let mut after = NodeId(0);
        loop {
            let page = self.read(move |engine| rows::nodes(engine, peer, after)).await?;
            let Some((last, _)) = page.last() else { return Some(()) };
            after = *last;
            let listed: Vec<Listed> = page.iter().filter_map(|(_, listed)| listed.clone()).collect();
            let answer = self.ask("set", compare(&listed)).await?;
            let differing = words::nodes(&answer);
            for (id, listed) in &page {
                if let Some(Listed { node, .. }) = listed
                    && differing.contains(node)
                {
                    self.tell((*id, peer), node).await?;
                }
            }
        }
    }

    /// Says who follows a node; who is not there any more does not.
    async fn tell(&self, of: (NodeId, PeerId), node: &NodeName) -> Option<()> {
        let mut after = Some(0);
        while let Some(last) = after {
            let (jids, next) = self.read(move |engine| rows::of_peer(engine, of, last)).await?;
            after = next;
            if jids.is_empty() {
                break;
            }
            let answer = self.ask("set", about("followers", node, &jids)).await?;
            for jid in self.named(&answer, &jids)? {
                let (node, subscriber) = (node.clone(), jid.clone());
                self.submit(&jid, Change::Unfollow { node, subscriber });
            }
        }
        Some(())
    }

    async fn check_all(&self, node: &NodeName) -> Option<()> {
        let mut after = Some(SubscriberId(0));
        while let Some(last) = after {
            let name = node.clone();
            let (jids, next) = self.read(move |engine| rows::page(engine, &name, last)).await?;
            after = next;
            self.check_these(node, jids).await?;
        }
        Some(())
    }

    async fn check_these(&self, node: &NodeName, jids: Vec<Arc<str>>) -> Option<()> {
        if jids.is_empty() {
            return Some(());
        }
        let answer = self.ask("get", about("check", node, &jids)).await?;
        for subscriber in self.named(&answer, &jids)? {
            let (node, state) = (node.clone(), None);
            let said = Mirrored::Follow {
                subscriber,
                state,
                asked: false,
            };
            self.submit(&self.to, Change::Mirror { node, said });
        }
        Some(())
    }

    /// Whom an answer names, of those who were asked about.
    fn named(&self, answer: &Element, asked: &[Arc<str>]) -> Option<Vec<Arc<str>>> {
        let named = words::jids(answer)?;
        let asked = |jid: &BareJid| asked.iter().find(|asked| ***asked == *jid.as_str()).cloned();
        Some(named.iter().filter_map(asked).collect())
    }

    fn submit(&self, by: &str, change: Change) {
        if let Err(error) = self.server.engine.admission.submit(by, change, Box::new(drop)) {
            tracing::debug!(peer = self.to, %error, "what was agreed on is not recorded");
        }
    }

    /// Asks; the answer's payload, where it is a result and comes in time.
    async fn ask(&self, kind: &str, payload: Element) -> Option<Element> {
        let id = format!("a{:016x}", self.server.random());
        let waits = self.server.peers.ask(&id, &self.to);
        let iq = el("iq", ns::CLIENT)
            .set("type", kind)
            .set("id", &id)
            .set("from", &self.from)
            .set("to", &self.to)
            .child(payload);
        let mut bytes = Vec::new();
        write_element(&iq, StreamNamespace::Client, &mut bytes);
        self.server.peers.send_bytes(&self.from, &self.to, bytes);
        let answer = tokio::time::timeout(Duration::from_secs(AGREE_ANSWER_SECONDS), waits).await;
        let answer = answer.ok()?.ok()?;
        let payload = answer.children().find(|child| child.ns() == ns::FANOUT);
        payload.filter(|_| answer.attr("type") == Some("result")).cloned()
    }

    async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Engine) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let permit = self.server.peer_reads.clone().acquire_owned().await.ok()?;
        let engine = self.server.engine.clone();
        let read = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            job(&engine)
        });
        match read.await.ok()? {
            Ok(found) => Some(found),
            Err(error) => {
                drop(errors::unreadable(error));
                None
            }
        }
    }
}
