//! What routes say of numbers and of messages later: receipts, and that a number has said STOP elsewhere.
//!
//! Knows no protocol. Next: `../tables/fate.rs`.

use super::context::Hall;
use crate::number::Phone;
use crate::tables::rows::{Final, RouteId, State};
use crate::tables::{Change, Do, Op, Receipt};
use reef_engine::error::Error;
use std::sync::Arc;

/// Who lifts no STOP, and sets one.
const BY_PROVIDER: &str = "provider";

impl Hall {
    /// What became of a message, by the ids that it may have. False: it could not be kept, and is to be said again.
    pub async fn receipt(&self, route: RouteId, phone: &Phone, ids: Vec<Box<str>>, said: Final) -> bool {
        let receipt = Receipt {
            route,
            hash: self.parts.keys.hash(phone),
            ids,
            said,
        };
        match self.commit(Op::Receipts(vec![receipt])).await {
            Ok(outcome) => {
                self.counts.receipt(route, said, outcome.matched > 0);
                true
            }
            Err(Error::Rejected(_)) => true,
            Err(_) => false,
        }
    }

    /// A number has said STOP to its provider: it gets nothing more, as if it had said it to us (`sms.md` §5.3).
    pub async fn opted_out(self: &Arc<Hall>, phone: &Phone) -> bool {
        let hash = self.parts.keys.hash(phone);
        let found = self.read(move |hall, _| hall.parts.rows().by_hash(&hash)).await;
        let id = match found {
            Ok(Some(id)) => id,
            Ok(None) => return true,
            Err(_) => return false,
        };
        let op = Op::Do(Do {
            number: id,
            epoch: None,
            heard: None,
            changes: vec![Change::State(State::Stopped)],
            say: Vec::new(),
            by: BY_PROVIDER.into(),
        });
        match self.commit(op).await {
            Ok(outcome) => {
                self.parts.voids.set(id, outcome.epoch, self.now());
                true
            }
            Err(Error::Rejected(_)) => true,
            Err(error) => {
                tracing::warn!(%error, "that a number has said STOP to its provider cannot be kept now");
                false
            }
        }
    }
}
