//! `[[sms.country]]`: what may be sent where. Closed by default: a number without a row gets no text.
//!
//! Knows no number's owner.

use super::hours::Hours;
use super::route::Route;
use serde::Deserialize;

/// What a sender is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SenderType {
    /// A short code.
    #[default]
    Short,
    /// A number.
    Long,
    /// A name, which cannot be answered.
    Alpha,
}

/// Which links a post may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Links {
    /// The gateway's own.
    #[default]
    Own,
    /// All.
    All,
    /// None.
    None,
}

/// One country, or part of one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Country {
    /// `+` and the first digits.
    pub prefix: String,
    /// From whom texts come.
    #[serde(default)]
    pub sender: String,
    /// What that is.
    #[serde(default)]
    pub sender_type: SenderType,
    /// Whether it can be answered.
    #[serde(default = "yes")]
    pub two_way: bool,
    /// Of one segment; without it nothing that costs is sent.
    pub price: Option<f64>,
    /// When texts may be sent.
    pub hours: Option<Hours>,
    /// The zones of those who did not say theirs, IANA names with spaces between: they are left alone where it is night in one.
    #[serde(default)]
    pub zone: String,
    /// Which links.
    #[serde(default)]
    pub links: Links,
    /// A registered template: free posts are not allowed then.
    #[serde(default)]
    pub template: String,
    /// By which route; empty: the first.
    #[serde(default)]
    pub route: String,
    /// Added to posts of a sender that cannot be answered: how to end them.
    #[serde(default)]
    pub opt_out: String,
}

fn yes() -> bool {
    true
}

impl Country {
    pub(super) fn check(&self, routes: &[Route]) -> Result<(), String> {
        let digits = self.prefix.strip_prefix('+').unwrap_or_default();
        if digits.is_empty() || digits.len() > 7 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("prefix is + and 1 to 7 digits, like +49".into());
        }
        if !self.route.is_empty() && !routes.iter().any(|route| route.name == self.route) {
            return Err(format!("there is no route {:?}", self.route));
        }
        let unknown = |zone: &&str| super::Zone::named(zone).is_none();
        if let Some(zone) = self.zone.split_whitespace().find(unknown) {
            return Err(format!("there is no time zone {zone:?}"));
        }
        if self.price.is_some_and(|price| !(0.0..=100.0).contains(&price)) {
            return Err("price is 0 to 100".into());
        }
        let alphanumeric = self
            .sender
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b' ');
        if self.sender_type == SenderType::Alpha && (self.sender.len() > 11 || !alphanumeric) {
            return Err("a sender by name has at most 11 letters and digits".into());
        }
        Ok(())
    }

    /// Of one segment, in millionths; `None` where it is unknown, so that nothing may be spent.
    pub fn micros(&self) -> Option<u64> {
        // At most a hundred millions: it fits.
        self.price.map(|price| (price * 1e6).round() as u64)
    }

    /// Whether posts may go there as they are.
    pub fn takes_posts(&self) -> bool {
        self.template.is_empty() && (self.two_way || !self.opt_out.is_empty())
    }
}
