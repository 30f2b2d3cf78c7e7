//! An HTTP provider's words: a message as a request, and what an answer means.
//!
//! Pure. Knows no connection. Next: `http.rs` sends.

use super::path;
use crate::config::{HttpFields, HttpForm, Route};
use crate::schedule::{Outgoing, Status};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reef_engine::model::Timestamp;
use serde_json::{Number, Value};

/// How one speaks with it.
pub(super) struct Provider {
    form: HttpForm,
    fields: HttpFields,
    /// What each request begins with.
    fixed: Value,
    pub(super) headers: HeaderMap,
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// For the message.
    pub(super) status: Status,
    /// For the route: why it cannot be right as it is configured.
    pub(super) wrong: Option<String>,
    /// For the number: it has said STOP there.
    pub(super) opted_out: bool,
}

impl Meaning {
    /// For the message alone.
    pub(super) fn of(status: Status) -> Meaning {
        Meaning {
            status,
            wrong: None,
            opted_out: false,
        }
    }
}

impl Provider {
    /// As the operator describes it.
    ///
    /// # Errors
    /// Why not, in one line.
    pub(super) fn new(route: &Route) -> Result<Provider, String> {
        let fixed = serde_json::to_value(&route.fields.fixed).map_err(|error| format!("fields.fixed: {error}"))?;
        Ok(Provider {
            form: route.form,
            fields: route.fields.clone(),
            fixed,
            headers: headers(route)?,
        })
    }

    /// A message as the body of a request.
    pub(super) fn body(&self, part: &Outgoing, now: Timestamp) -> Vec<u8> {
        let fields = &self.fields;
        let mut body = self.fixed.clone();
        let mut put = |name: &str, value: Value| {
            if !name.is_empty() {
                path::put(&mut body, name, value);
            }
        };
        put(&fields.to, part.phone.e164().into());
        put(&fields.text, part.text.as_str().into());
        if !part.sender.is_empty() {
            put(&fields.from, part.sender.as_str().into());
        }
        let seconds = (part.expires.0.saturating_sub(now.0) / 1000).max(1);
        put(&fields.validity, Number::from(seconds).into());
        match self.form {
            HttpForm::Json => body.to_string().into_bytes(),
            HttpForm::Form => form(&body).into_bytes(),
        }
    }

    /// What an answer with this status and body means.
    pub(super) fn meaning(&self, status: StatusCode, body: &[u8]) -> Meaning {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let fields = &self.fields;
        let code = path::words(&body, &fields.error).unwrap_or_default();
        let is = |codes: &[String]| codes.contains(&code);
        let number = code.parse().unwrap_or(u32::from(status.as_u16()));
        if is(&fields.opted_out) {
            return Meaning {
                opted_out: true,
                ..Meaning::of(Status::Never(number, false))
            };
        }
        if is(&fields.bad_numbers) {
            return Meaning::of(Status::Never(number, true));
        }
        match status.as_u16() {
            200..=299 => Meaning::of(self.accepted(&body, number)),
            429 => Meaning::of(Status::Throttled),
            500 | 503 => Meaning::of(Status::Later),
            // Whoever stands between us did not hear the answer.
            408 | 502 | 504 => Meaning::of(Status::InDoubt),
            // As no message can be: who we are, or where we ask.
            300..=399 | 401..=405 => Meaning {
                wrong: Some(format!(
                    "the provider answers {status}: see to its url and authorization"
                )),
                ..Meaning::of(Status::Later)
            },
            _ => Meaning::of(Status::Never(number, false)),
        }
    }

    /// An answer that is no error, which may say one all the same.
    fn accepted(&self, body: &Value, code: u32) -> Status {
        let fields = &self.fields;
        let id = path::words(body, &fields.id).filter(|id| !id.is_empty());
        if fields.status.is_empty() {
            return Status::Taken(id);
        }
        match path::words(body, &fields.status) {
            Some(word) if fields.taken.contains(&word) => Status::Taken(id),
            Some(word) if fields.throttled.contains(&word) => Status::Throttled,
            Some(word) => Status::Never(word.parse().unwrap_or(code), false),
            // It says nothing of what it always says.
            None => Status::InDoubt,
        }
    }
}

fn headers(route: &Route) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let kind = match route.form {
        HttpForm::Json => "application/json",
        HttpForm::Form => "application/x-www-form-urlencoded",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(USER_AGENT, HeaderValue::from_static("reef"));
    for (name, value) in &route.headers {
        let wrong = || format!("headers.{name} is no header");
        let value = HeaderValue::try_from(value.as_str()).map_err(|_| wrong())?;
        headers.insert(HeaderName::try_from(name.as_str()).map_err(|_| wrong())?, value);
    }
    let mut proof = route.authorization()?;
    if proof.is_empty() && !route.system_id.is_empty() {
        let pair = format!("{}:{}", route.system_id, route.secret()?);
        proof = format!("Basic {}", STANDARD.encode(pair));
    }
    if !proof.is_empty() {
        let mut value = HeaderValue::try_from(proof).map_err(|_| "authorization is no header".to_owned())?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// An object as a form: what is no string as JSON has it.
fn form(body: &Value) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in body.as_object().into_iter().flatten() {
        match value {
            Value::String(words) => form.append_pair(name, words),
            other => form.append_pair(name, &other.to_string()),
        };
    }
    form.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(more: &str) -> Provider {
        let text = format!("name = 'p'\nkind = 'http'\nurl = 'https://provider.example/'\n{more}");
        Provider::new(&toml::from_str(&text).unwrap()).unwrap()
    }

    fn says(provider: &Provider, status: u16, body: &str) -> Status {
        provider
            .meaning(StatusCode::from_u16(status).unwrap(), body.as_bytes())
            .status
    }

    #[test]
    fn an_answer_means_what_its_status_says() {
        let provider = provider("");
        let taken = Status::Taken(Some("SM1".into()));
        assert_eq!(says(&provider, 201, "{\"id\": \"SM1\"}"), taken);
        assert_eq!(says(&provider, 200, "thank you"), Status::Taken(None));
        assert_eq!(says(&provider, 429, ""), Status::Throttled);
        assert_eq!(says(&provider, 503, ""), Status::Later);
        assert_eq!(says(&provider, 504, ""), Status::InDoubt);
        assert_eq!(says(&provider, 422, ""), Status::Never(422, false));
        assert_eq!(says(&provider, 400, "{\"code\": 21211}"), Status::Never(21211, true));
    }

    #[test]
    fn a_number_that_the_provider_blocks_has_said_stop() {
        let meaning = provider("").meaning(StatusCode::BAD_REQUEST, b"{\"code\": 21610}");
        assert_eq!((meaning.status, meaning.opted_out), (Status::Never(21610, false), true));
    }

    #[test]
    fn a_wrong_password_is_the_routes_fault_and_not_the_messages() {
        for status in [301, 401, 403, 404] {
            let meaning = provider("").meaning(StatusCode::from_u16(status).unwrap(), b"");
            assert_eq!(
                (meaning.status, meaning.wrong.is_some()),
                (Status::Later, true),
                "{status}"
            );
        }
    }

    #[test]
    fn a_failure_in_an_answer_that_is_none_is_one() {
        let provider = provider(
            "[fields]\nid = 'messages.0.message-id'\nstatus = 'messages.0.status'\ntaken = ['0']\nthrottled = ['1']",
        );
        let body = |status| format!("{{\"messages\": [{{\"status\": \"{status}\", \"message-id\": \"A\"}}]}}");
        assert_eq!(says(&provider, 200, &body("0")), Status::Taken(Some("A".into())));
        assert_eq!(says(&provider, 200, &body("1")), Status::Throttled);
        assert_eq!(says(&provider, 200, &body("6")), Status::Never(6, false));
        assert_eq!(says(&provider, 200, "{}"), Status::InDoubt);
    }
}
