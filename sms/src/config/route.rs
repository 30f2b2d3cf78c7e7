//! `[[sms.route]]`: a way to phones, and how fast, how trusted and how it encodes.
//!
//! Knows no number. A password is never shown.

use super::http::{HttpFields, HttpForm, Webhook, check_url};
use jiff::SignedDuration;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// What a route speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// SMPP 3.4.
    Smpp,
    /// An HTTP provider: requests out, webhooks in.
    Http,
    /// The simulator, within this process.
    Simulator,
}

/// Whether a sender's number is proved by the route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// The carrier vouches for it.
    Carrier,
    /// Anybody may pretend to be anybody.
    #[default]
    Spoofable,
}

/// How it is bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Binding {
    /// One session for both directions.
    #[default]
    #[serde(rename = "trx")]
    Transceiver,
    /// One for each.
    #[serde(rename = "tx+rx")]
    Pair,
    /// Only to send.
    #[serde(rename = "tx")]
    Transmitter,
}

/// What data coding 0 is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultAlphabet {
    /// GSM 03.38.
    #[default]
    Gsm7,
    /// ISO 8859-1.
    Latin1,
    /// ASCII.
    Ascii,
}

/// How parts of a long text are told to belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Concatenation {
    /// A header with a reference of 8 bits.
    #[default]
    Udh,
    /// The same with 16 bits.
    Udh16,
    /// `sar_*` parameters.
    Sar,
    /// One PDU with `message_payload`.
    Payload,
}

/// What becomes of a post of which nobody knows whether it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ambiguous {
    /// It is not sent again.
    #[default]
    Drop,
    /// Once.
    RetryOnce,
}

/// How the validity is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Validity {
    /// From now.
    #[default]
    Relative,
    /// As a time.
    Absolute,
    /// Not at all.
    None,
}

/// A route.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// What it speaks.
    pub kind: Kind,
    /// `host:port` of the SMSC.
    pub address: String,
    /// Who we are to it.
    pub system_id: String,
    /// The password.
    pub password: String,
    /// A file with the password.
    pub password_file: PathBuf,
    /// What kind of system we are.
    pub system_type: String,
    /// How it is bound.
    pub bind: Binding,
    /// Whether over TLS.
    pub tls: bool,
    /// Roots to trust beside the system's, PEM.
    pub ca: PathBuf,
    /// Segments a second.
    pub rate: f64,
    /// Requests under way.
    pub window: u16,
    /// Whether senders' numbers are proved.
    pub mo_trust: Trust,
    /// The number or code that phones send to.
    pub number: String,
    /// What data coding 0 is.
    pub alphabet: DefaultAlphabet,
    /// How long texts are split.
    pub concatenation: Concatenation,
    /// Whether receipts are asked for.
    pub receipts: bool,
    /// What becomes of posts in doubt.
    pub ambiguous: Ambiguous,
    /// How validity is written.
    pub validity: Validity,
    /// Segments a day; 0: no limit.
    pub daily_segments: u64,
    /// Cost a day; 0: no ceiling.
    pub daily_cost: f64,
    /// How long an answer is waited for.
    pub submit_timeout: SignedDuration,
    /// When silence is asked about.
    pub enquire: SignedDuration,
    /// Where an HTTP provider takes messages.
    pub url: String,
    /// The `Authorization` header that it wants; empty: `system_id` and the password, where there are some.
    pub authorization: String,
    /// A file with that.
    pub authorization_file: PathBuf,
    /// Further headers.
    pub headers: BTreeMap<String, String>,
    /// How requests are written.
    pub form: HttpForm,
    /// What it calls things, in requests.
    pub fields: HttpFields,
    /// The same in webhooks.
    pub webhook: Webhook,
    /// The secret in the webhook's path.
    pub webhook_secret: String,
}

impl Default for Route {
    fn default() -> Route {
        Route {
            name: String::new(),
            kind: Kind::Smpp,
            address: String::new(),
            system_id: String::new(),
            password: String::new(),
            password_file: PathBuf::new(),
            system_type: String::new(),
            bind: Binding::default(),
            tls: false,
            ca: PathBuf::new(),
            rate: 10.0,
            window: 10,
            mo_trust: Trust::default(),
            number: String::new(),
            alphabet: DefaultAlphabet::default(),
            concatenation: Concatenation::default(),
            receipts: true,
            ambiguous: Ambiguous::default(),
            validity: Validity::default(),
            daily_segments: 0,
            daily_cost: 0.0,
            submit_timeout: SignedDuration::from_secs(60),
            enquire: SignedDuration::from_secs(30),
            url: String::new(),
            authorization: String::new(),
            authorization_file: PathBuf::new(),
            headers: BTreeMap::new(),
            form: HttpForm::default(),
            fields: HttpFields::default(),
            webhook: Webhook::default(),
            webhook_secret: String::new(),
        }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = (&self.name, &self.kind, &self.address, self.rate, self.window);
        write!(f, "Route{shown:?}")
    }
}

impl Route {
    pub(super) fn check(&self) -> Result<(), String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if self.name.is_empty() || self.name.len() > 32 || !self.name.bytes().all(plain) {
            return Err("name has 1 to 32 letters, digits, - and _".into());
        }
        if !(0.1..=100_000.0).contains(&self.rate) {
            return Err("rate is 0.1 to 100000 segments a second".into());
        }
        if !(1..=1000).contains(&self.window) {
            return Err("window is 1 to 1000".into());
        }
        match self.kind {
            Kind::Smpp if self.address.is_empty() => Err("address is missing, like 127.0.0.1:2775".into()),
            Kind::Smpp | Kind::Simulator => self.check_smpp(),
            Kind::Http => self.check_http(),
        }
    }

    fn check_smpp(&self) -> Result<(), String> {
        if self.system_id.len() > 15 || self.password.len() > 16 || self.system_type.len() > 12 {
            return Err("system_id has at most 15 characters, password 16, system_type 12".into());
        }
        Ok(())
    }

    fn check_http(&self) -> Result<(), String> {
        check_url(&self.url)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if self.webhook_secret.len() < 16 || !self.webhook_secret.bytes().all(plain) {
            return Err("webhook_secret has at least 16 letters, digits, - and _".into());
        }
        if self.fields.to.is_empty() || self.fields.text.is_empty() {
            return Err("fields.to and fields.text have a name".into());
        }
        Ok(())
    }

    /// The password, from its file if there is one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn secret(&self) -> Result<String, String> {
        secret(&self.password, &self.password_file)
    }

    /// The `Authorization` header, from its file if there is one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn authorization(&self) -> Result<String, String> {
        secret(&self.authorization, &self.authorization_file)
    }
}

fn secret(here: &str, file: &Path) -> Result<String, String> {
    if file.as_os_str().is_empty() {
        return Ok(here.to_owned());
    }
    let read = std::fs::read_to_string(file);
    read.map(|text| text.trim_end().to_owned())
        .map_err(|error| format!("{}: {error}", file.display()))
}
