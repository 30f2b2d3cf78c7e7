//! `[[sms.route]]`: a way to phones, and how fast, how trusted and how it encodes.
//!
//! Knows no number. A password is never shown.

use jiff::SignedDuration;
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;

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

/// How a provider's requests are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HttpForm {
    /// A JSON object.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// What the provider calls things, in requests and webhooks. A path of names with dots leads into objects.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpFields {
    /// The phone's number.
    pub to: String,
    /// The sender.
    pub from: String,
    /// The words.
    pub text: String,
    /// The message's id, in the answer and in webhooks.
    pub id: String,
    /// The state, in receipts.
    pub status: String,
    /// Sent with each request as it is.
    pub fixed: toml::Table,
}

impl Default for HttpFields {
    fn default() -> HttpFields {
        HttpFields {
            to: "to".into(),
            from: "from".into(),
            text: "text".into(),
            id: "id".into(),
            status: "status".into(),
            fixed: toml::Table::new(),
        }
    }
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
    /// Whether only the last part of a message has an id there.
    pub last_id_only: bool,
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
    /// The `Authorization` header that it wants.
    pub authorization: String,
    /// How requests are written.
    pub form: HttpForm,
    /// What it calls things.
    pub fields: HttpFields,
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
            last_id_only: false,
            ambiguous: Ambiguous::default(),
            validity: Validity::default(),
            daily_segments: 0,
            daily_cost: 0.0,
            submit_timeout: SignedDuration::from_secs(60),
            enquire: SignedDuration::from_secs(30),
            url: String::new(),
            authorization: String::new(),
            form: HttpForm::default(),
            fields: HttpFields::default(),
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
        if self.system_id.len() > 15 || self.password.len() > 16 || self.system_type.len() > 12 {
            return Err("system_id has at most 15 characters, password 16, system_type 12".into());
        }
        match self.kind {
            Kind::Smpp if self.address.is_empty() => Err("address is missing, like 127.0.0.1:2775".into()),
            Kind::Http if self.url.is_empty() => Err("url is missing".into()),
            Kind::Http if self.webhook_secret.len() < 16 => Err("webhook_secret has at least 16 characters".into()),
            _ => Ok(()),
        }
    }

    /// The password, from its file if there is one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn secret(&self) -> Result<String, String> {
        if self.password_file.as_os_str().is_empty() {
            return Ok(self.password.clone());
        }
        let read = std::fs::read_to_string(&self.password_file);
        read.map(|text| text.trim_end().to_owned())
            .map_err(|error| format!("{}: {error}", self.password_file.display()))
    }
}
