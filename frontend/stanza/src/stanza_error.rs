//! Stanza errors (RFC 6120 §8.3): conditions, types, and the reply that carries them, with the application conditions of
//! pubsub. Stream errors are in `error.rs`. Must not know which failure of the engine is which error: that is one table in
//! the front end, the only place where these are chosen for engine errors.

mod condition;
mod pubsub;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use minidom::Element;

pub use self::condition::{Condition, ErrorType};
pub use self::pubsub::PubsubCondition;
use crate::element::{Build, el};
use crate::ns;

/// Why a stanza was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub struct StanzaError {
    /// The defined condition.
    pub condition: Condition,
    /// What the sender may do about it.
    pub kind: ErrorType,
    /// For people, in English.
    pub text: Option<Cow<'static, str>>,
    /// The new address, which `gone` and `redirect` contain (RFC 6120 §8.3.3.5, §8.3.3.14). Of no use to others.
    pub address: Option<String>,
    /// The application condition. Boxed, because every handler's result is as large as its error.
    pub app: Option<Box<Element>>,
    /// Who refused it, where it is not who answers (RFC 6120 §8.3.1).
    pub by: Option<Box<str>>,
    /// Whether the application condition stands before the defined one. COMPAT: Movim dispatches on the first child.
    pub app_first: bool,
}

impl StanzaError {
    /// The condition with the type that RFC 6120 §8.3.3 gives it.
    pub fn new(condition: Condition) -> Self {
        let kind = condition.default_type();
        StanzaError {
            condition,
            kind,
            text: None,
            address: None,
            app: None,
            by: None,
            app_first: false,
        }
    }

    /// What an error reply says: its condition and its text; `undefined-condition` where it names none.
    pub fn of_reply(stanza: &Element) -> Self {
        let error = stanza.children().find(|child| child.name() == "error");
        let said = |name: &str| error.and_then(|error| error.get_child(name, ns::STANZAS));
        let condition = Condition::ALL
            .iter()
            .find(|condition| said(condition.as_str()).is_some());
        let refused = StanzaError::new(condition.copied().unwrap_or(Condition::UndefinedCondition));
        match said("text").map(Element::text).filter(|text| !text.is_empty()) {
            Some(text) => refused.with_text(text),
            None => refused,
        }
    }

    /// The same with a text.
    pub fn with_text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The same with another type.
    pub fn with_type(mut self, kind: ErrorType) -> Self {
        self.kind = kind;
        self
    }

    /// The same, refused by somebody else than who answers.
    pub fn refused_by(mut self, who: &str) -> Self {
        self.by = Some(who.into());
        self
    }

    /// The same with a new address, for `gone` and `redirect`.
    pub fn with_address(mut self, uri: impl Into<String>) -> Self {
        self.address = Some(uri.into());
        self
    }

    /// Adds a condition of XEP-0060. The defined condition comes first, as RFC 6120 §8.3.2 has it, except for the three
    /// that Movim looks for as the first child: presence-subscription-required, unsupported, payload-too-big.
    pub fn pubsub(mut self, condition: PubsubCondition) -> Self {
        self.app_first = condition.is_first();
        self.with_app(condition.to_element())
    }

    /// Adds another XEP's application condition, after the defined one unless `app_first` is set.
    pub fn with_app(mut self, app: Element) -> Self {
        self.app = Some(Box::new(app));
        self
    }

    /// `<error xmlns='jabber:client' type='…'>…</error>`.
    pub fn to_element(&self) -> Element {
        self.element_in(ns::CLIENT)
    }

    fn element_in(&self, content: &str) -> Element {
        let address = match self.condition {
            Condition::Gone | Condition::Redirect => self.address.as_deref().unwrap_or_default(),
            _ => "",
        };
        let defined = el(self.condition.as_str(), ns::STANZAS).with_text(address);
        let text = self
            .text
            .as_deref()
            .map(|text| el("text", ns::STANZAS).lang("en").with_text(text));
        let app = self.app.as_deref().cloned();
        let (before, after) = if self.app_first { (app, None) } else { (None, app) };
        let children = before.into_iter().chain([defined]).chain(text).chain(after);
        el("error", content)
            .set("type", self.kind.as_str())
            .set_opt("by", self.by.as_deref())
            .children_from(children)
    }
}

impl fmt::Display for StanzaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition.as_str())?;
        if let Some(app) = &self.app {
            write!(f, " ({})", app.name())?;
        }
        match &self.text {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}

impl From<Condition> for StanzaError {
    fn from(condition: Condition) -> Self {
        StanzaError::new(condition)
    }
}

/// The error reply to a received iq, message or presence: 'to' and 'from' swapped, 'id' kept, payload not echoed (RFC
/// 6120 §8.3.1). That an error, or an iq result, is never answered is for the caller to see to.
pub fn error_reply(to: &Element, err: &StanzaError) -> Element {
    let content = to.ns();
    el(to.name(), &content)
        .set_opt("from", to.attr("to"))
        .set_opt("id", to.attr("id"))
        .set_opt("to", to.attr("from"))
        .set("type", "error")
        .child(err.element_in(&content))
}
