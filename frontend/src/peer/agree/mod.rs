//! Agreeing on who follows (`frontend/FANOUT.md` §4): the author's server says how many follow from another and which, and
//! both mend what they had recorded otherwise.
//!
//! Behind everything else: what is not agreed on now is the next time. In the order of the flow:

mod answers; // what other servers ask
mod asks; //    what is asked of them
mod rows; //    who follows, as it is recorded
mod words; //   elements

pub(super) use asks::{Agreeing, begin};

use super::outbox::returned;
use super::stream::Receipt;
use crate::errors;
use crate::limits::{AGREE_AT_ONCE, AGREE_WAITING};
use crate::server::Server;
use jid::Jid;
use minidom::Element;
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, ns};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use words::Asked;

/// What others ask: little at once, so that it holds nothing up.
pub(crate) struct Agreement {
    at_once: Arc<Semaphore>,
    /// How many requests of a domain wait. Held for one look-up.
    waiting: Mutex<HashMap<String, usize>>,
}

impl Default for Agreement {
    fn default() -> Self {
        Agreement {
            at_once: Arc::new(Semaphore::new(AGREE_AT_ONCE)),
            waiting: Mutex::default(),
        }
    }
}

impl Agreement {
    /// Takes a request of another server to this one; gives back what is none.
    pub(super) fn take(
        &self,
        server: &Arc<Server>,
        (from, to): (&Jid, &Jid),
        stanza: Element,
        receipt: Receipt,
    ) -> Option<(Element, Receipt)> {
        let alone = |jid: &Jid| jid.node().is_none() && jid.resource().is_none();
        let asks = matches!(stanza.attr("type"), Some("get" | "set"));
        let payload = stanza.children().find(|child| child.ns() == ns::FANOUT);
        let Some(payload) = payload.filter(|_| asks && alone(from) && alone(to)) else {
            return Some((stanza, receipt));
        };
        let asked = Asked::read(stanza.attr("type").unwrap_or_default(), payload);
        let way = (to.domain().to_string(), from.domain().to_string());
        let Some(asked) = asked else {
            refuse(server, to, &stanza, &StanzaError::new(Condition::BadRequest));
            return None;
        };
        if !self.begin(&way.1) {
            refuse(server, to, &stanza, &errors::busy());
            return None;
        }
        let (server, to, permits) = (server.clone(), to.clone(), self.at_once.clone());
        let runtime = server.runtime.clone();
        runtime.spawn(async move {
            let remote = way.1.clone();
            let permit = permits.acquire_owned().await;
            let answered = answers::answer(&server, way, asked).await;
            drop(permit);
            match &answered {
                Ok(answered) => reply(&server, &to, &stanza, &answered.payload),
                Err(error) => refuse(&server, &to, &stanza, error),
            }
            drop(receipt);
            server.agreement.end(&remote);
            if let Ok(answered) = answered {
                asks::check(&server, (to.domain().as_str(), &remote), answered.doubted).await;
            }
        });
        None
    }

    fn begin(&self, remote: &str) -> bool {
        let mut waiting = self.waiting();
        let count = waiting.entry(remote.to_owned()).or_default();
        let room = *count < AGREE_WAITING;
        *count += usize::from(room);
        room
    }

    fn end(&self, remote: &str) {
        let mut waiting = self.waiting();
        if let Some(count) = waiting.get_mut(remote) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(remote);
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reply(server: &Server, from: &Jid, asked: &Element, payload: &Element) {
    let result = el("iq", ns::CLIENT)
        .set("type", "result")
        .set_opt("id", asked.attr("id"))
        .set("from", from.as_str())
        .set_opt("to", asked.attr("from"));
    let to = asked.attr("from").and_then(|to| Jid::new(to).ok());
    if let Some(to) = to
        && let Err(error) = server.peers.send(from.as_str(), &to, &result.child(payload.clone()))
    {
        tracing::debug!(%to, %error, "an answer of who follows was dropped");
    }
}

fn refuse(server: &Server, from: &Jid, asked: &Element, error: &StanzaError) {
    if let Some((to, reply)) = returned(asked, error)
        && let Err(error) = server.peers.send(from.as_str(), &to, &reply)
    {
        tracing::debug!(%to, %error, "an answer of who follows was dropped");
    }
}
