//! What is sent next, by which route: fair between publishers, at the pace of the route, the subscriber and the budget.
//!
//! Pure but for reading: time, rows and what routes say are given to it, plans are taken from it. So the gateway's thread
//! drives it as the tests do, which own the clock. Next: `gateway/thread.rs`.

mod due;
mod flight;
mod log;
pub mod pacer;
mod past;
mod plan;
mod predict;
pub mod render;
mod ring;
mod route;
mod visit;
pub mod when;

pub use flight::{Ended, Flight, Outgoing, Status};
pub use log::{NewPost, new_posts};
pub(crate) use plan::{day_and_month, micros};
use predict::Load;
pub use predict::{Drain, duration};
pub use ring::{Content, content};
pub use route::{Planned, RouteState};

use crate::config::{Country, Route, Settings};
use crate::network::Network;
use crate::number::{Keys, Phone};
use crate::tables::read::Rows;
use reef_engine::model::Timestamp;
use reef_smpp::text::Form;

/// What a turn looks at.
pub struct Context<'c> {
    /// What the operator says.
    pub settings: &'c Settings,
    /// Of the route.
    pub route: &'c Route,
    /// The keys of numbers.
    pub keys: &'c Keys,
    /// The social network.
    pub network: &'c dyn Network,
    /// The tables, as they are now.
    pub rows: Rows<'c>,
    /// Now.
    pub now: Timestamp,
    /// How the route wants text.
    pub form: Form,
}

impl Context<'_> {
    /// From whom texts to a country come.
    pub fn sender(&self, country: &Country) -> String {
        match country.sender.as_str() {
            "" => self.route.number.clone(),
            sender => sender.to_owned(),
        }
    }
}

/// What is needed to send a message, beside its intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// To whom.
    pub phone: Phone,
    /// From whom.
    pub sender: String,
    /// The words.
    pub text: String,
    /// Names its parts to the phone.
    pub reference: u16,
    /// Whether it was perhaps sent before: then it is not sent again.
    pub again: bool,
}
