//! What a provider tells us by webhook: texts of phones, and receipts.
//!
//! Pure. Knows no number's owner. Next: `../gateway/web.rs`, which takes the requests.

use super::path;
use crate::config::{Webhook, WebhookState};
use crate::tables::rows::Final;
use serde_json::Value;

/// One thing that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A phone texts.
    Text {
        /// Who.
        from: String,
        /// To which of ours.
        to: String,
        /// The words.
        text: String,
        /// The message's id at the provider.
        id: Option<String>,
    },
    /// What became of a message.
    Receipt {
        /// To whom it went.
        to: String,
        /// Its id, as it was answered.
        id: String,
        /// Its end; none while it has none.
        said: Option<Final>,
        /// Why.
        error: Option<String>,
    },
}

impl Event {
    /// Whose phone it is about.
    pub(crate) fn phone(&self) -> &str {
        match self {
            Event::Text { from, .. } => from,
            Event::Receipt { to, .. } => to,
        }
    }
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Neither JSON nor a form.
    #[error("the body is no JSON")]
    Json,
    /// Nothing that is known by its names.
    #[error("this is neither a text nor a receipt: see to the names under [sms.route.webhook]")]
    Nothing,
}

/// What a request says, as far as it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// What is understood, in its order.
    pub(crate) events: Vec<Event>,
    /// How many more there were.
    pub(crate) unread: usize,
}

/// What a request says. `json` tells how its body is written. One event that nobody understands takes no STOP with it.
///
/// # Errors
/// Nothing of it can be read.
pub(crate) fn read(webhook: &Webhook, json: bool, body: &[u8]) -> Result<Told, Unreadable> {
    let root = match json {
        true => serde_json::from_slice(body).map_err(|_| Unreadable::Json)?,
        false => path::form(body),
    };
    let events = match (webhook.list.is_empty(), &root) {
        (true, Value::Array(list)) => list.as_slice(),
        (true, one) => std::slice::from_ref(one),
        (false, root) => match path::get(root, &webhook.list) {
            Some(Value::Array(list)) => list.as_slice(),
            _ => return Err(Unreadable::Nothing),
        },
    };
    let all = events.len();
    let events: Vec<Event> = events.iter().filter_map(|event| one(webhook, event).ok()).collect();
    match all - events.len() {
        unread if unread > 0 && events.is_empty() => Err(Unreadable::Nothing),
        unread => Ok(Told { events, unread }),
    }
}

fn one(webhook: &Webhook, event: &Value) -> Result<Event, Unreadable> {
    let words = |name: &str| path::words(event, name);
    let text = words(&webhook.text);
    let is_text = match webhook.kind.is_empty() {
        true => text.is_some(),
        false => words(&webhook.kind).is_some_and(|kind| kind == webhook.received),
    };
    let (to, id) = (words(&webhook.to), words(&webhook.id).filter(|id| !id.is_empty()));
    if is_text {
        return Ok(Event::Text {
            from: words(&webhook.from).ok_or(Unreadable::Nothing)?,
            to: to.unwrap_or_default(),
            text: text.ok_or(Unreadable::Nothing)?,
            id,
        });
    }
    let state = words(&webhook.status).ok_or(Unreadable::Nothing)?;
    let said = match webhook.state(&state) {
        Some(WebhookState::Delivered) => Some(Final::Delivered),
        Some(WebhookState::Undeliverable) => Some(Final::Undeliverable),
        Some(WebhookState::Rejected) => Some(Final::Rejected),
        Some(WebhookState::Expired) => Some(Final::Expired),
        Some(WebhookState::Pending) | None => None,
    };
    Ok(Event::Receipt {
        to: to.ok_or(Unreadable::Nothing)?,
        id: id.ok_or(Unreadable::Nothing)?,
        said,
        error: words(&webhook.error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(text: &str) -> Webhook {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_form_with_words_is_a_text_and_one_with_a_state_a_receipt() {
        let twilio = webhook(
            "from = 'From'\nto = 'To'\ntext = 'Body'\nid = 'MessageSid'\nstatus = 'MessageStatus'\nerror = 'ErrorCode'",
        );
        let text = b"From=%2B12025550101&To=40404&Body=follow+juliet&MessageSid=SM1&SmsStatus=received";
        assert_eq!(
            read(&twilio, false, text).map(|told| told.events),
            Ok(vec![Event::Text {
                from: "+12025550101".into(),
                to: "40404".into(),
                text: "follow juliet".into(),
                id: Some("SM1".into())
            }])
        );
        let receipt = b"To=%2B12025550101&MessageSid=SM2&MessageStatus=undelivered&ErrorCode=30003";
        assert_eq!(
            read(&twilio, false, receipt).map(|told| told.events),
            Ok(vec![Event::Receipt {
                to: "+12025550101".into(),
                id: "SM2".into(),
                said: Some(Final::Undeliverable),
                error: Some("30003".into())
            }])
        );
    }

    #[test]
    fn a_kind_decides_where_receipts_repeat_the_words() {
        let telnyx = webhook(
            "kind = 'data.event_type'\nreceived = 'message.received'\nto = 'data.payload.to.0.phone_number'\n\
             from = 'data.payload.from.phone_number'\ntext = 'data.payload.text'\nid = 'data.payload.id'\n\
             status = 'data.payload.to.0.status'",
        );
        let event = |kind: &str| {
            let body = serde_json::json!({"data": {"event_type": kind, "payload": {"id": "7", "text": "hi",
                "from": {"phone_number": "+1"}, "to": [{"phone_number": "+2", "status": "Delivered"}]}}});
            read(&telnyx, true, body.to_string().as_bytes())
                .unwrap()
                .events
                .remove(0)
        };
        assert!(matches!(event("message.received"), Event::Text { from, .. } if from == "+1"));
        let said = Some(Final::Delivered);
        assert!(matches!(event("message.finalized"), Event::Receipt { to, said: s, .. } if to == "+2" && s == said));
    }

    #[test]
    fn of_a_list_is_taken_what_can_be_read() {
        let results = webhook("list = 'results'");
        let stop = "{\"from\": \"+1\", \"to\": \"4\", \"text\": \"STOP\"}";
        let told = |list: &str| {
            let body = format!("{{\"results\": [{list}]}}");
            read(&results, true, body.as_bytes()).map(|told| (told.events.len(), told.unread))
        };
        assert_eq!(told(&format!("{stop}, {stop}")), Ok((2, 0)));
        assert_eq!(told(&format!("{stop}, {{}}")), Ok((1, 1)));
        assert_eq!(told(&format!("{{}}, 7, {stop}")), Ok((1, 2)));
        assert_eq!(told("{}, {}"), Err(Unreadable::Nothing));
        assert_eq!(told(""), Ok((0, 0)));
        let whole = |body: &[u8]| read(&results, true, body).map(|told| told.unread);
        assert_eq!(whole(b"{}"), Err(Unreadable::Nothing));
        assert_eq!(whole(b"{"), Err(Unreadable::Json));
    }

    #[test]
    fn a_state_that_nobody_knows_is_no_end() {
        let own = webhook("[states]\nHeard = 'delivered'");
        let receipt = |state: &str| {
            let body = format!("to=%2B1&id=7&status={state}");
            match read(&own, false, body.as_bytes()).unwrap().events.remove(0) {
                Event::Receipt { said, .. } => said,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(receipt("sent"), None);
        assert_eq!(receipt("gone"), None);
        assert_eq!(receipt("heard"), Some(Final::Delivered));
    }
}
