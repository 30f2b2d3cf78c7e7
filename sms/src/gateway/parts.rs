//! What the gateway is made of: shared by who sends and who hears.
//!
//! Knows no step of either.

use super::commit::Commits;
use super::voids::Voids;
use crate::config::{Route, Settings};
use crate::network::Network;
use crate::number::Keys;
use crate::schedule::Context;
use crate::tables::Families;
use crate::tables::read::Rows;
use reef_engine::model::Timestamp;
use reef_smpp::text::Form;
use std::sync::Arc;

/// What the gateway is made of.
pub struct Parts {
    /// What the operator says.
    pub settings: Arc<Settings>,
    /// The keys of numbers.
    pub keys: Arc<Keys>,
    /// Where the tables lie.
    pub families: Families,
    /// The social network.
    pub network: Arc<dyn Network>,
    /// The way into the log.
    pub commits: Commits,
    /// Who has said STOP.
    pub voids: Arc<Voids>,
}

impl Parts {
    /// The tables as they are now.
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            view: self.commits.engine.view(),
            families: self.families,
        }
    }

    pub(crate) fn context<'c>(&'c self, route: &'c Route, form: Form, now: Timestamp) -> Context<'c> {
        Context {
            settings: &self.settings,
            route,
            keys: &self.keys,
            network: &*self.network,
            rows: self.rows(),
            now,
            form,
        }
    }
}
