//! Posts that an answer says: they leave what a number may ask for with it, and come back where it was not sent.
//!
//! Of an answer in doubt they may be asked for again, until its route says after all that it has it. Knows no words.

use super::rows::{Class, Delivery, DeliveryId, Held, Number, NumberId, Progress, State, What};
use super::{Doing, keys};
use reef_engine::log::apply::ApplyError;
use reef_engine::model::{NodeId, Seq};

/// Posts, as their places.
type Posts = Vec<(NodeId, Seq)>;

impl Doing<'_, '_, '_> {
    /// A number asked for these: they go with the next thing that it is told.
    pub(super) fn take_held(&mut self, id: NumberId, posts: &[(NodeId, Seq)]) -> Result<(), ApplyError> {
        self.took = posts.to_vec();
        let mut held = self.main::<Held>(&keys::held(id))?.unwrap_or_default();
        held.posts.retain(|post| !posts.contains(post));
        match held.posts.is_empty() {
            true => self.delete_main(keys::held(id)),
            false => self.put_main(keys::held(id), &held),
        }
        Ok(())
    }

    /// Notes them with an answer that waits.
    pub(super) fn say_posts(&mut self, place: DeliveryId) {
        let posts = std::mem::take(&mut self.took);
        if !posts.is_empty() {
            self.put_main(keys::said(place), &posts);
        }
    }

    /// What a delivery's end means for its posts; `late` where it was in doubt before. A post that is taken at once costs nothing.
    pub(super) fn settle_posts(&mut self, place: DeliveryId, row: &Delivery, late: bool) -> Result<(), ApplyError> {
        match (&row.what, row.progress) {
            (What::Post { node, seq, .. }, Progress::InDoubt | Progress::Expired) => {
                self.hold(row.number, &[(*node, *seq)], 0)
            }
            (What::Post { node, seq, .. }, Progress::Acked) if late => self.unhold(row.number, &[(*node, *seq)]),
            (What::Text(_), progress) if row.class == Class::Answer => self.settle_answer(place, row, progress),
            _ => Ok(()),
        }
    }

    fn settle_answer(&mut self, place: DeliveryId, row: &Delivery, progress: Progress) -> Result<(), ApplyError> {
        match progress {
            Progress::Acked => {
                let posts = self.main::<Posts>(&keys::said(place))?.unwrap_or_default();
                if !posts.is_empty() {
                    self.unhold(row.number, &posts)?;
                    self.delete_main(keys::said(place));
                }
                Ok(())
            }
            // They stay noted: a late answer takes them away again.
            Progress::InDoubt => self.unsaid(place, row.number, row.epoch),
            _ => {
                self.unsaid(place, row.number, row.epoch)?;
                self.forget_posts(place)
            }
        }
    }

    /// An answer that waited is not sent.
    pub(super) fn unsaid(&mut self, place: DeliveryId, id: NumberId, epoch: u32) -> Result<(), ApplyError> {
        let Some(posts) = self.main::<Posts>(&keys::said(place))? else {
            return Ok(());
        };
        let number = self.main::<Number>(&keys::number(id))?;
        // What was held before STOP is let go with it.
        match number.is_some_and(|number| number.epoch == epoch && number.state != State::Stopped) {
            true => self.hold(id, &posts, 0),
            false => Ok(()),
        }
    }

    /// Nothing more will be heard of an answer.
    pub(super) fn forget_posts(&mut self, place: DeliveryId) -> Result<(), ApplyError> {
        if self.main::<Posts>(&keys::said(place))?.is_some() {
            self.delete_main(keys::said(place));
        }
        Ok(())
    }

    /// A number has these after all.
    fn unhold(&mut self, id: NumberId, posts: &[(NodeId, Seq)]) -> Result<(), ApplyError> {
        let Some(mut held) = self.main::<Held>(&keys::held(id))? else {
            return Ok(());
        };
        let before = held.posts.len();
        held.posts.retain(|post| !posts.contains(post));
        if held.posts.len() < before {
            match held.posts.is_empty() {
                true => self.delete_main(keys::held(id)),
                false => self.put_main(keys::held(id), &held),
            }
        }
        Ok(())
    }
}
