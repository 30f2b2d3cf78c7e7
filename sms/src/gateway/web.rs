//! Webhooks of HTTP routes: `/sms/<route>/<webhook_secret>`, answered once what they say is in the store.
//!
//! Knows no provider's names for things. Next: `../inbound/`.

use super::whole::{Gateway, Serving};
use crate::config::{Kind, Route};
use crate::inbound::Incoming;
use crate::limits::{WEBHOOK_BYTES, WEBHOOK_EVENTS};
use crate::number::Phone;
use crate::route::webhook::{self, Event, Told};
use crate::tables::rows::RouteId;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reef_smpp::pdu;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The paths of a gateway that has HTTP routes.
pub fn routes(gateway: &Arc<Gateway>) -> Option<Router> {
    let some = gateway.settings.route.iter().any(|route| route.kind == Kind::Http);
    some.then(|| {
        Router::new()
            .route("/sms/{route}/{secret}", get(told).post(told))
            .layer(DefaultBodyLimit::max(WEBHOOK_BYTES))
            .with_state(gateway.clone())
    })
}

/// A provider tells us something. It is told 200 once that is kept; else it is to tell it again.
async fn told(
    State(gateway): State<Arc<Gateway>>,
    Path((name, secret)): Path<(String, String)>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Some(serving) = gateway.serving() else {
        return busy();
    };
    let Some((id, route)) = of(&serving, &name, &secret) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(body) = body else {
        return too_long(&name);
    };
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let json = kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
    let (json, body) = match method {
        Method::POST => (json, body),
        _ => (false, query.unwrap_or_default().into()),
    };
    let events = match webhook::read(&route.webhook, json, &body) {
        Ok(Told { events, unread }) => {
            if unread > 0 {
                tracing::warn!(
                    route = name,
                    unread,
                    "a webhook told events that are neither texts nor receipts"
                );
            }
            events
        }
        Err(error) => {
            tracing::warn!(route = name, %error, "a webhook was refused");
            return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response();
        }
    };
    match all(&serving, id, events).await {
        true => StatusCode::OK.into_response(),
        false => busy(),
    }
}

fn busy() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")]).into_response()
}

/// Nothing of it is read: what it says is told again in smaller requests, or is lost, which the operator must hear.
fn too_long(route: &str) -> Response {
    tracing::warn!(route, "a webhook of more than {WEBHOOK_BYTES} bytes was refused");
    let why = format!("at most {WEBHOOK_BYTES} bytes in one request: send fewer events at once\n");
    (StatusCode::PAYLOAD_TOO_LARGE, why).into_response()
}

/// The route that is meant, by whoever knows its secret.
fn of<'s>(serving: &'s Serving, name: &str, secret: &str) -> Option<(RouteId, &'s Route)> {
    let hall = &serving.hall;
    let mut all = hall.routes.iter().zip(&hall.parts.settings.route);
    let (id, route) = all.find(|(_, route)| route.kind == Kind::Http && route.name == name)?;
    // Keyed hashes are compared, so that the time it takes says nothing of the secret.
    let tag = |secret: &str| hall.parts.keys.tag(secret.as_bytes());
    (tag(secret) == tag(&route.webhook_secret)).then_some((*id, route))
}

/// Keeps all that was told, a portion at once: that of one phone in its order and up to what cannot be kept now, that of
/// others beside it. False where something is to be told again.
async fn all(serving: &Serving, id: RouteId, events: Vec<Event>) -> bool {
    let mut events = events.into_iter().peekable();
    while events.peek().is_some() {
        let mut phones = HashMap::<String, Vec<Event>>::new();
        for event in events.by_ref().take(WEBHOOK_EVENTS) {
            phones.entry(event.phone().to_owned()).or_default().push(event);
        }
        let mut kept = Vec::new();
        for (phone, events) in phones {
            let (answer, waits) = oneshot::channel();
            let own = serving.clone();
            // Whoever asked may be gone.
            let job = async move { _ = answer.send(in_order(&own, id, events).await) };
            serving.lanes.hear_in_time(&phone, job).await;
            kept.push(waits);
        }
        for kept in kept {
            if !kept.await.unwrap_or(false) {
                return false;
            }
        }
    }
    true
}

async fn in_order(serving: &Serving, id: RouteId, events: Vec<Event>) -> bool {
    for event in events {
        if !happened(serving, id, event).await {
            return false;
        }
    }
    true
}

/// Keeps one of the things told; false where that cannot be now.
async fn happened(serving: &Serving, id: RouteId, event: Event) -> bool {
    let hall = &serving.hall;
    match event {
        Event::Text {
            from,
            to,
            text,
            id: own,
        } => {
            let incoming = Incoming {
                route: id,
                from,
                to,
                text,
                id: own,
            };
            hall.hear(incoming, &serving.lanes).await
        }
        Event::Receipt {
            to,
            id: own,
            said,
            error,
        } => {
            let Some(phone) = Phone::of(&to) else { return true };
            let means = |code: &String| {
                hall.route(id)
                    .is_some_and(|route| route.fields.opted_out.contains(code))
            };
            let opted_out = error.as_ref().is_some_and(means);
            if opted_out && !hall.opted_out(&phone).await {
                return false;
            }
            let ids = vec![pdu::id_key(&own).into()];
            match said {
                Some(said) => hall.receipt(id, &phone, ids, said).await,
                None => true,
            }
        }
    }
}
