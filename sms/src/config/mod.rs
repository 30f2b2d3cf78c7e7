//! `[sms]`: what the operator says of routes, countries, caps and money. Every key has a default; a route has none.
//!
//! Must not know the store. An unknown key or an impossible value is an error in one line. Next: `gateway/`, which is made
//! of it.

mod country;
mod hours;
mod http;
mod route;

pub use country::{Country, Links, SenderType};
pub use hours::{Hours, Zone};
pub use http::{HttpFields, HttpForm, Webhook, WebhookState};
pub use route::{Ambiguous, Binding, Concatenation, DefaultAlphabet, Kind, Route, Trust, Validity};

use jiff::SignedDuration;
use serde::Deserialize;
use std::path::PathBuf;

/// `[sms]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How texts name the service.
    pub brand: String,
    /// Where the key of phone numbers lies; empty: `sms-key` in the data folder.
    pub key_file: PathBuf,
    /// Segments that a subscriber gets a day, if he says nothing else.
    pub daily_segments: u16,
    /// Answers to his own texts a day, beside those.
    pub daily_answers: u16,
    /// Texts within ten minutes.
    pub burst: u16,
    /// When a phone is left alone, in its own time.
    pub quiet: Hours,
    /// Segments of a post at most.
    pub segments: u8,
    /// After how long a post is not sent any more.
    pub post_expiry: SignedDuration,
    /// The same for a direct message.
    pub message_expiry: SignedDuration,
    /// The same for a code.
    pub code_expiry: SignedDuration,
    /// The same for an answer.
    pub answer_expiry: SignedDuration,
    /// Digests a day.
    pub digests_per_day: u8,
    /// For how long what was sent can be told.
    pub keep_deliveries: SignedDuration,
    /// For how long what was heard is kept.
    pub keep_heard: SignedDuration,
    /// For how long consent is kept.
    pub keep_consent: SignedDuration,
    /// Further words that mean STOP.
    pub stop_words: Vec<String>,
    /// What all routes may cost a day, in the currency of the prices; 0: no ceiling.
    pub daily_cost: f64,
    /// The same for a month.
    pub monthly_cost: f64,
    /// The same for one publisher and a day.
    pub publisher_daily_cost: f64,
    /// After how long without a word a number must say YES again, in days.
    pub dormant_days: u16,
    /// After how long without a word a number may not post without a new code, in days.
    pub doubt_days: u16,
    /// Whom a phone without an account may get.
    pub follows_without_account: u16,
    /// Whom one with an account may get.
    pub follows: u16,
    /// The routes.
    pub route: Vec<Route>,
    /// The countries: a number without a row gets no text.
    pub country: Vec<Country>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            brand: "Reef".into(),
            key_file: PathBuf::new(),
            daily_segments: 40,
            daily_answers: 30,
            burst: 6,
            quiet: Hours::minutes(21 * 60, 8 * 60),
            segments: 2,
            post_expiry: SignedDuration::from_hours(6),
            message_expiry: SignedDuration::from_hours(24),
            code_expiry: SignedDuration::from_mins(10),
            answer_expiry: SignedDuration::from_mins(15),
            digests_per_day: 3,
            keep_deliveries: SignedDuration::from_hours(48),
            keep_heard: SignedDuration::from_hours(30 * 24),
            keep_consent: SignedDuration::from_hours(5 * 365 * 24),
            stop_words: Vec::new(),
            daily_cost: 0.0,
            monthly_cost: 0.0,
            publisher_daily_cost: 0.0,
            dormant_days: 180,
            doubt_days: 90,
            follows_without_account: 10,
            follows: 500,
            route: Vec::new(),
            country: Vec::new(),
        }
    }
}

/// Why `[sms]` is wrong: one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sms: {0}")]
pub struct Wrong(pub String);

impl Settings {
    /// Reads and checks the section.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(table: toml::Table) -> Result<Settings, Wrong> {
        let settings: Settings = toml::Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| Wrong(explained(&error)))?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), Wrong> {
        let wrong = |what: String| Err(Wrong(what));
        for (number, route) in self.route.iter().enumerate() {
            route
                .check()
                .map_err(|why| Wrong(format!("route {:?}: {why}", route.name)))?;
            if self.route.iter().take(number).any(|other| other.name == route.name) {
                return wrong(format!("two routes are called {:?}", route.name));
            }
        }
        for country in &self.country {
            country
                .check(&self.route)
                .map_err(|why| Wrong(format!("country {:?}: {why}", country.prefix)))?;
        }
        if !(1..=4).contains(&self.segments) {
            return wrong("segments is 1 to 4".into());
        }
        if self.brand.is_empty() || self.brand.len() > 20 {
            return wrong("brand has 1 to 20 characters".into());
        }
        let durations = [
            self.post_expiry,
            self.message_expiry,
            self.code_expiry,
            self.answer_expiry,
        ];
        match durations.iter().all(|duration| duration.is_positive()) {
            true => Ok(()),
            false => wrong("an expiry is longer than nothing".into()),
        }
    }

    /// The row of the country of a number, by its longest prefix.
    pub fn country_of(&self, e164: &str) -> Option<&Country> {
        let rows = self.country.iter().filter(|row| e164.starts_with(&row.prefix));
        rows.max_by_key(|row| row.prefix.len())
    }

    /// Whether an address is one of ours: what it says is our own echo.
    pub fn is_ours(&self, address: &str) -> bool {
        let address = address.trim_start_matches('+');
        let senders = self.country.iter().map(|row| row.sender.as_str());
        let numbers = self.route.iter().map(|route| route.number.as_str());
        senders
            .chain(numbers)
            .any(|own| !own.is_empty() && own.trim_start_matches('+') == address)
    }
}

/// The reader's words in one line, with the nearest known key where one is unknown.
fn explained(error: &toml::de::Error) -> String {
    let message = error.message().lines().next().unwrap_or_default().to_owned();
    let mut quoted = message.split('`').skip(1).step_by(2);
    match (message.starts_with("unknown field"), quoted.next()) {
        (true, Some(given)) => match quoted.min_by_key(|known| strsim::levenshtein(given, known)) {
            Some(nearest) => format!("there is no key `{given}`: the nearest is `{nearest}`"),
            None => message,
        },
        _ => message,
    }
}

#[cfg(test)]
mod tests;
