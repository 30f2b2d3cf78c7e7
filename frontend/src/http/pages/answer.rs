//! A page as an answer of HTTP: what its readers may do with it, and whether they have it already (RFC 9110 §13).
//!
//! Knows bytes and times, and no post.

use super::Shown;
use super::html::STYLE;
use crate::limits::PAGE_SECONDS;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use reef_engine::model;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// By what a reader knows whether his copy is still right.
#[derive(Debug, PartialEq)]
pub(super) struct Validators {
    tag: String,
    changed: Option<model::Timestamp>,
}

impl Validators {
    /// Of these bytes, of a node that was changed then. The tag is the bytes' own, so that it cannot be wrong.
    pub(super) fn of(body: &str, changed: Option<model::Timestamp>) -> Validators {
        let tag = format!("\"{:016x}\"", model::fnv1a(body.as_bytes()));
        Validators { tag, changed }
    }

    /// The time of the last change, once its second is over: then nothing else can bear the same.
    fn last_modified(&self, now: model::Timestamp) -> Option<String> {
        let changed = self.changed.filter(|changed| changed.0 / 1000 < now.0 / 1000)?;
        let time = Timestamp::from_second(i64::try_from(changed.0 / 1000).ok()?).ok()?;
        DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()
    }

    /// Whether a reader has it. A tag counts before a time (§13.1.3).
    fn met(&self, headers: &HeaderMap, now: model::Timestamp) -> bool {
        let mut tags = headers.get_all(header::IF_NONE_MATCH).iter().peekable();
        if tags.peek().is_some() {
            let given = tags
                .filter_map(|tags| tags.to_str().ok())
                .flat_map(|tags| tags.split(','));
            let mut given = given.map(|tag| tag.trim().trim_start_matches("W/"));
            return given.any(|tag| tag == "*" || tag == self.tag);
        }
        // Whoever asks so got the time from here.
        let since = headers.get(header::IF_MODIFIED_SINCE).map(HeaderValue::as_bytes);
        since.is_some() && since == self.last_modified(now).as_deref().map(str::as_bytes)
    }
}

/// Nothing of a page runs or loads: the author's markup is filtered, and this stands behind the filter.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         sandbox allow-popups allow-top-navigation-by-user-activation"
    )
});

/// What a browser may do with a page.
pub(super) fn policy() -> &'static str {
    &POLICY
}

/// The answer: 304 where the reader has it.
pub(super) fn answer(shown: Shown, headers: &HeaderMap, now: model::Timestamp) -> Response {
    let Shown { kind, body, validators } = shown;
    let met = validators.met(headers, now);
    let modified = validators.last_modified(now);
    let mut response = match met {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => body.into_response(),
    };
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    if !met {
        set(header::CONTENT_TYPE, kind);
        set(header::CONTENT_SECURITY_POLICY, &POLICY);
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(header::REFERRER_POLICY, "no-referrer");
    }
    set(header::CACHE_CONTROL, &format!("public, max-age={PAGE_SECONDS}"));
    set(header::ETAG, &validators.tag);
    if let Some(modified) = modified {
        set(header::LAST_MODIFIED, &modified);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGED: model::Timestamp = model::Timestamp(784_111_777_900);
    const LATER: model::Timestamp = model::Timestamp(784_111_778_000);

    #[track_caller]
    fn check(given: &[(HeaderName, &str)], now: model::Timestamp, met: bool) {
        let validators = Validators::of("page", Some(CHANGED));
        let headers = given
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect();
        assert_eq!(validators.met(&headers, now), met, "{given:?}");
    }

    #[test]
    fn who_has_the_page_is_told_so() {
        let own = Validators::of("page", None).tag;
        for tags in [own.clone(), format!("W/{own}"), format!("\"x\", {own}"), "*".into()] {
            check(&[(header::IF_NONE_MATCH, &tags)], LATER, true);
        }
        check(&[(header::IF_NONE_MATCH, "\"x\"")], LATER, false);
        check(&[], LATER, false);
        assert_ne!(own, Validators::of("other", None).tag);
    }

    #[test]
    fn a_time_counts_where_no_tag_is_given_and_its_second_is_over() {
        let since = (header::IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT");
        check(std::slice::from_ref(&since), LATER, true);
        check(std::slice::from_ref(&since), CHANGED, false);
        check(&[since, (header::IF_NONE_MATCH, "\"x\"")], LATER, false);
        check(
            &[(header::IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT")],
            LATER,
            false,
        );
        check(&[(header::IF_MODIFIED_SINCE, "yesterday")], LATER, false);
        assert_eq!(Validators::of("page", None).last_modified(LATER), None);
    }
}
