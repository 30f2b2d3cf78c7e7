//! Options of subscriptions (XEP-0060 §6.3, §6.4, §16.4.2): forms ↔ the engine's options.
//!
//! What a form does not mention stays as it is; fields that are not known are ignored, known ones are judged. The engine
//! keeps edges by them, sessions look at presence and body, and digests are gathered in `session/digest.rs`.

use super::super::Answer;
use super::asked::{self, Asked, stamp};
use super::bad;
use crate::errors;
use crate::limits::{DIGEST_FREQUENCY_MAX_MS, DIGEST_FREQUENCY_MIN_MS};
use reef_engine::Engine;
use reef_engine::config::{Expire, Shows, SubscribeOptions};
use reef_engine::log::record::Change;
use reef_engine::model::{NodeName, Timestamp};
use reef_engine::store::rows;
use reef_stanza::form::{Field, FieldKind, Form, FormKind};
use reef_stanza::pubsub::{default_options_reply, options_reply};
use reef_stanza::{Condition, ErrorType, PubsubCondition, StanzaError, ns};

/// The words of `pubsub#show-values`.
const SHOWS: &[(&str, &str, Shows)] = &[
    ("Want to Chat", "chat", Shows::CHAT),
    ("Available", "online", Shows::ONLINE),
    ("Away", "away", Shows::AWAY),
    ("Extended Away", "xa", Shows::XA),
    ("Do Not Disturb", "dnd", Shows::DND),
];

/// §6.3.2.
pub(super) fn options(asked: Asked, node: &str, jid: &str) -> Result<Answer, StanzaError> {
    let name = asked.name(node);
    let jid = own(&asked, jid)?;
    Ok(Answer::read(move |engine| {
        let options = current(engine, &name, &jid)?;
        Ok(Answer::Payload(options_reply(&name.node, &jid, None, &form(&options))))
    }))
}

/// §6.4: of any node, since they are the same everywhere.
pub(super) fn default_options(asked: Asked, node: Option<String>) -> Result<Answer, StanzaError> {
    Ok(Answer::read(move |engine| {
        if let Some(node) = &node {
            asked::find(engine, &asked.name(node))?;
        }
        let form = form(&SubscribeOptions::default());
        Ok(Answer::Payload(default_options_reply(node.as_deref(), &form)))
    }))
}

/// §6.3.5.
pub(super) fn set_options(asked: Asked, node: &str, jid: &str, filled: Form) -> Result<Answer, StanzaError> {
    let name = asked.name(node);
    let jid = own(&asked, jid)?;
    match filled.kind {
        FormKind::Submit => {}
        FormKind::Cancel => return Ok(Answer::Empty),
        FormKind::Form | FormKind::Result => return Err(invalid("the form is not filled in")),
    }
    Ok(Answer::read(move |engine| {
        let before = current(engine, &name, &jid)?;
        let options = read(&filled, &before, engine.clock.now())?;
        Ok(asked.commit(Change::SetOptions {
            node: name,
            subscriber: asked.by.clone(),
            options,
        }))
    }))
}

/// One's own bare JID: others' options are theirs (§6.3.4.1).
fn own(asked: &Asked, jid: &str) -> Result<String, StanzaError> {
    match asked::bare(jid)? == asked.jid {
        true => Ok(asked.by.to_string()),
        false => Err(StanzaError::new(Condition::Forbidden)),
    }
}

fn current(engine: &Engine, name: &NodeName, jid: &str) -> Result<SubscribeOptions, StanzaError> {
    let view = engine.view();
    let node = asked::find(engine, name)?;
    let id = rows::subscriber_id(view, jid).map_err(errors::unreadable)?;
    let subscription = match id {
        Some(id) => rows::subscription(view, node.id, id).map_err(errors::unreadable)?,
        None => None,
    };
    match id.zip(subscription) {
        Some((id, _)) => rows::options(view, node.id, id).map_err(errors::unreadable),
        None => Err(StanzaError::new(Condition::UnexpectedRequest)
            .with_type(ErrorType::Modify)
            .pubsub(PubsubCondition::NotSubscribed)),
    }
}

fn invalid(why: &'static str) -> StanzaError {
    bad(PubsubCondition::InvalidOptions).with_text(why)
}

/// `before` with what the form asks.
///
/// # Errors
/// `bad-request` with `invalid-options` (§6.3.6).
pub(super) fn read(form: &Form, before: &SubscribeOptions, now: Timestamp) -> Result<SubscribeOptions, StanzaError> {
    let mut options = *before;
    let said = |var: &str| {
        form.values(var)
            .is_some_and(|values| values.iter().any(|v| !v.is_empty()))
    };
    let flag = |var: &'static str, old: bool| match said(var) {
        true => form.boolean(var).ok_or_else(|| invalid("a flag is true or false")),
        false => Ok(old),
    };
    options.deliver = flag("pubsub#deliver", options.deliver)?;
    options.digest = flag("pubsub#digest", options.digest)?;
    options.include_body = flag("pubsub#include_body", options.include_body)?;
    if let Some(frequency) = form.value("pubsub#digest_frequency").filter(|v| !v.is_empty()) {
        let frequency: u64 = frequency
            .trim()
            .parse()
            .map_err(|_| invalid("digest_frequency is a number of milliseconds"))?;
        options.digest_frequency_ms = frequency.clamp(DIGEST_FREQUENCY_MIN_MS, DIGEST_FREQUENCY_MAX_MS);
    }
    if let Some(values) = form.values("pubsub#expire") {
        options.expire = expire(values.first().map_or("", String::as_str), now)?;
    }
    if let Some(values) = form.values("pubsub#show-values") {
        options.shows = shows(values)?;
    }
    Ok(options)
}

/// `presence`, a time, or nothing for never.
fn expire(value: &str, now: Timestamp) -> Result<Option<Expire>, StanzaError> {
    match value.trim() {
        "" => Ok(None),
        "presence" => Ok(Some(Expire::Presence)),
        time => {
            let at: jiff::Timestamp = time.parse().map_err(|_| invalid("expire is a time, or presence"))?;
            let at = u64::try_from(at.as_millisecond()).unwrap_or(0);
            match at > now.0 {
                true => Ok(Some(Expire::At(Timestamp(at)))),
                false => Err(invalid("expire lies in the past")),
            }
        }
    }
}

fn shows(values: &[String]) -> Result<Shows, StanzaError> {
    let known = |value: &String| SHOWS.iter().find(|(_, word, _)| word == value).map(|(.., show)| *show);
    let mut wanted = Shows(0);
    for value in values.iter().filter(|value| !value.is_empty()) {
        wanted = wanted.with(known(value).ok_or_else(|| invalid("show-values are those of presence"))?);
    }
    match wanted {
        Shows(0) => Err(invalid("show-values name at least one presence")),
        wanted => Ok(wanted),
    }
}

/// The form of these options.
pub(super) fn form(options: &SubscribeOptions) -> Form {
    let field = |kind, var, label: &str| Field::new(kind, var).label(label);
    let flag = |var, label: &str, value: bool| field(FieldKind::Boolean, var, label).value(value.to_string());
    let expire = match options.expire {
        None => String::new(),
        Some(Expire::Presence) => "presence".to_owned(),
        Some(Expire::At(at)) => stamp(at),
    };
    let shows = field(
        FieldKind::ListMulti,
        "pubsub#show-values",
        "Presence in which to receive notifications",
    );
    let shows = SHOWS
        .iter()
        .fold(shows, |field, (label, word, _)| field.option(Some(label), word));
    let chosen = SHOWS.iter().filter(|(.., show)| options.shows.holds(*show));
    Form::new(FormKind::Form, ns::PUBSUB_SUBSCRIBE_OPTIONS)
        .with(flag(
            "pubsub#deliver",
            "Whether to receive notifications",
            options.deliver,
        ))
        .with(flag(
            "pubsub#digest",
            "Whether to receive them gathered in digests",
            options.digest,
        ))
        .with(
            field(
                FieldKind::TextSingle,
                "pubsub#digest_frequency",
                "The least number of milliseconds between two digests",
            )
            .value(options.digest_frequency_ms.to_string()),
        )
        .with(
            field(
                FieldKind::TextSingle,
                "pubsub#expire",
                "When the subscription ends: a time, or `presence`",
            )
            .value(expire),
        )
        .with(flag(
            "pubsub#include_body",
            "Whether to receive a text body beside the payload",
            options.include_body,
        ))
        .with(chosen.fold(shows, |field, (_, word, _)| field.value(*word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn submit(fields: &[(&str, &[&str])]) -> Form {
        let form = Form::new(FormKind::Submit, ns::PUBSUB_SUBSCRIBE_OPTIONS);
        fields.iter().fold(form, |form, (var, values)| {
            let field = Field::new(FieldKind::TextSingle, var);
            form.with(values.iter().fold(field, |field, value| field.value(*value)))
        })
    }

    #[test]
    fn options_survive_their_form() {
        let options = SubscribeOptions {
            deliver: false,
            digest: true,
            digest_frequency_ms: 60_000,
            expire: Some(Expire::At(Timestamp(1_700_000_000_000))),
            include_body: true,
            shows: Shows::CHAT.with(Shows::XA),
            ..SubscribeOptions::default()
        };
        let shown = Form::parse(&form(&options).to_element()).unwrap();
        assert_eq!(read(&shown, &SubscribeOptions::default(), NOW), Ok(options));
        let plain = SubscribeOptions::default();
        let shown = Form::parse(&form(&plain).to_element()).unwrap();
        assert_eq!(
            read(&shown, &options, NOW),
            Ok(SubscribeOptions { expire: None, ..plain })
        );
    }

    #[test]
    fn what_is_not_said_stays_and_what_is_not_known_is_ignored() {
        let before = SubscribeOptions {
            digest: true,
            ..SubscribeOptions::default()
        };
        let form = submit(&[
            ("pubsub#deliver", &["0"]),
            ("x#unknown", &["1"]),
            ("pubsub#digest", &[""]),
        ]);
        let expected = SubscribeOptions {
            deliver: false,
            ..before
        };
        assert_eq!(read(&form, &before, NOW), Ok(expected));
    }

    #[test]
    fn a_value_that_a_field_cannot_have_is_an_invalid_option() {
        for (var, value) in [
            ("pubsub#deliver", "perhaps"),
            ("pubsub#digest_frequency", "often"),
            ("pubsub#expire", "tomorrow"),
            ("pubsub#expire", "1970-01-01T00:00:01Z"),
            ("pubsub#show-values", "drunk"),
            ("pubsub#show-values", ""),
        ] {
            let refused = read(&submit(&[(var, &[value])]), &SubscribeOptions::default(), NOW).unwrap_err();
            assert_eq!(refused.condition, Condition::BadRequest, "{var} {value}");
        }
    }

    #[test]
    fn digests_come_neither_in_a_stream_nor_never() {
        let frequency = |value| {
            let form = submit(&[("pubsub#digest_frequency", &[value])]);
            read(&form, &SubscribeOptions::default(), NOW).map(|options| options.digest_frequency_ms)
        };
        assert_eq!(frequency("1"), Ok(DIGEST_FREQUENCY_MIN_MS));
        assert_eq!(frequency("99999999999999"), Ok(DIGEST_FREQUENCY_MAX_MS));
    }
}
