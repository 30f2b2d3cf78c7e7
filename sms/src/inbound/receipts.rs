//! What routes say of numbers and of messages later: receipts, and that a number has said STOP elsewhere.
//!
//! Knows no protocol. Next: `../tables/fate.rs`.

use super::context::Hall;
use crate::number::{Hash, Phone};
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

    /// A number has said STOP to its provider: it gets nothing more, as if it had said it to us (`sms.md` §5.3). False: that
    /// could not be kept, and is to be said again.
    pub async fn opted_out(self: &Arc<Hall>, phone: &Phone) -> bool {
        is_kept(self.stops_by_provider(self.parts.keys.hash(phone)).await)
    }

    /// The same where nobody says it again before the next text is refused: tried a bounded time.
    pub async fn opted_out_in_time(self: &Arc<Hall>, phone: &Phone) {
        let hash = self.parts.keys.hash(phone);
        let stops = |hall: Arc<Hall>| async move { hall.stops_by_provider(hash).await };
        loop {
            match self.insist(stops).await {
                // Its provider may say it once: it is tried until it is kept, or the gateway stops.
                Err(Error::Busy) => {}
                done => {
                    is_kept(done);
                    return;
                }
            }
        }
    }

    async fn stops_by_provider(self: &Arc<Hall>, hash: Hash) -> Result<(), Error> {
        let found = self.read(move |hall, _| hall.parts.rows().by_hash(&hash)).await?;
        let Some(number) = found else { return Ok(()) };
        let op = Op::Do(Do {
            number,
            epoch: None,
            heard: None,
            changes: vec![Change::State(State::Stopped)],
            say: Vec::new(),
            by: BY_PROVIDER.into(),
        });
        let outcome = self.commit(op).await?;
        self.parts.voids.set(number, outcome.epoch, self.now());
        Ok(())
    }
}

/// Whether a STOP is kept, or refused for good.
fn is_kept(stopped: Result<(), Error>) -> bool {
    match stopped {
        Ok(()) | Err(Error::Rejected(_)) => true,
        Err(error) => {
            tracing::warn!(%error, "that a number has said STOP to its provider cannot be kept now");
            false
        }
    }
}
