//! `[sms.route.fields]` and `[sms.route.webhook]`: what an HTTP provider calls things, in requests, answers and webhooks.
//!
//! A path of names and positions with dots leads into objects and lists: `data.to.0.number`. Knows no request. Next:
//! `../route/provider.rs` and `../route/webhook.rs`, which read by it.

use serde::Deserialize;
use std::collections::BTreeMap;

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

/// What requests, and answers to them, call things.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpFields {
    /// The phone's number, in E.164.
    pub to: String,
    /// The sender.
    pub from: String,
    /// The words.
    pub text: String,
    /// Seconds that the message is worth; empty: not said.
    pub validity: String,
    /// Sent with each request as it is.
    pub fixed: toml::Table,
    /// In an answer: the message's id.
    pub id: String,
    /// In an answer: a code that says why not.
    pub error: String,
    /// In an answer that is no HTTP error: what says whether the message was taken; empty: the answer itself does.
    pub status: String,
    /// Then: the words there that mean it was.
    pub taken: Vec<String>,
    /// And those that mean "too fast".
    pub throttled: Vec<String>,
    /// Codes of numbers that do not exist.
    pub bad_numbers: Vec<String>,
    /// Codes of numbers that have said STOP to the provider, in answers and in receipts.
    pub opted_out: Vec<String>,
}

impl Default for HttpFields {
    fn default() -> HttpFields {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        HttpFields {
            to: "to".into(),
            from: "from".into(),
            text: "text".into(),
            validity: String::new(),
            fixed: toml::Table::new(),
            id: "id".into(),
            error: "code".into(),
            status: String::new(),
            taken: Vec::new(),
            throttled: Vec::new(),
            bad_numbers: words(&["21211", "21614"]),
            opted_out: words(&["21610"]),
        }
    }
}

/// What webhooks call things.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhook {
    /// Where a list of events lies; empty: the body is one event, or a list of them.
    pub list: String,
    /// What says whether an event is a text of a phone; empty: it is one if it has words.
    pub kind: String,
    /// Then: the word there that says so.
    pub received: String,
    /// Who is texted: we by a phone, a phone in receipts.
    pub to: String,
    /// Who texts.
    pub from: String,
    /// The words.
    pub text: String,
    /// The message's id.
    pub id: String,
    /// Its state, in receipts.
    pub status: String,
    /// A code that says why it is in that state.
    pub error: String,
    /// What words of state mean, beside those that all know.
    pub states: BTreeMap<String, WebhookState>,
}

/// What a state means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookState {
    /// The phone has it.
    Delivered,
    /// The phone cannot be reached.
    Undeliverable,
    /// It was refused.
    Rejected,
    /// It was too old.
    Expired,
    /// It is still on its way.
    Pending,
}

impl Default for Webhook {
    fn default() -> Webhook {
        Webhook {
            list: String::new(),
            kind: String::new(),
            received: String::new(),
            to: "to".into(),
            from: "from".into(),
            text: "text".into(),
            id: "id".into(),
            status: "status".into(),
            error: "code".into(),
            states: BTreeMap::new(),
        }
    }
}

impl Webhook {
    /// What a word of state means; nothing where that is not known.
    pub fn state(&self, word: &str) -> Option<WebhookState> {
        use WebhookState::{Delivered, Expired, Pending, Rejected, Undeliverable};
        let own = self.states.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
        if let Some((_, state)) = own {
            return Some(*state);
        }
        Some(match word.to_ascii_lowercase().as_str() {
            "delivered" | "delivrd" | "read" => Delivered,
            "undelivered" | "undeliverable" | "undeliv" | "failed" | "delivery_failed" => Undeliverable,
            "rejected" | "rejectd" | "sending_failed" => Rejected,
            "expired" => Expired,
            "queued" | "accepted" | "acceptd" | "submitted" | "sending" | "sent" | "enroute" | "buffered" => Pending,
            _ => return None,
        })
    }
}

/// Whether a route may talk to this URL: by HTTPS, or on this machine.
///
/// # Errors
/// Why not.
pub(super) fn check_url(url: &str) -> Result<(), String> {
    let uri: axum::http::Uri = url.parse().map_err(|_| format!("url {url:?} is no URL"))?;
    let here = |host: &str| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    };
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => Ok(()),
        (Some("http"), Some(host)) if here(host) => Ok(()),
        _ => Err("url begins with https://, or leads to this machine".into()),
    }
}
