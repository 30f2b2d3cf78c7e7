//! The page of an invitation: who invites, what to open, and what to do first where nothing opens it (XEP-0379 §3.3).
//!
//! Nobody keeps it: it is a secret of who got it. Knows no account but the one that invites.

use super::html::{KIND, STYLE, escape};
use super::{Pages, answer, busy};
use crate::invite;
use crate::limits::INVITE_TOKEN_BYTES;
use crate::tables::{self, Invite};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use tokio::sync::oneshot;

pub(super) async fn show(State(pages): State<Arc<Pages>>, Path(token): Path<String>) -> Response {
    let nothing = || (StatusCode::NOT_FOUND, "this invitation is over, or was used\n").into_response();
    if token.len() > INVITE_TOKEN_BYTES {
        return nothing();
    }
    let (tell, told) = oneshot::channel();
    let asked = token.clone();
    let read = pages.server.engine.read(move |engine| {
        // Whoever asked may have gone.
        let _ = tell.send(tables::invite(engine.view(), &asked, engine.clock.now()));
    });
    if read.is_err() {
        return busy();
    }
    let headers = [
        (header::CONTENT_TYPE, KIND),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, answer::policy()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    match told.await {
        Ok(Ok(Some(invite))) => (headers, page(&pages.server.domain, &token, &invite)).into_response(),
        Ok(Ok(None)) => nothing(),
        Ok(Err(_)) | Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn page(domain: &str, token: &str, invite: &Invite) -> String {
    let uri = escape(&invite::uri(domain, token, invite));
    let domain = escape(domain);
    let who = invite.by.as_deref().map_or_else(|| domain.clone(), escape);
    let what = match (invite.contact, &invite.name) {
        (_, Some(name)) => format!("You are invited to the account {}.", escape(name)),
        (true, None) => format!("{who} wants to be in touch with you."),
        (false, None) => format!("You are invited to an account at {domain}."),
    };
    let account = match invite.registers {
        true => format!("<li>It makes an account at {domain} for you, or uses one that you have.</li>\n"),
        false => "<li>It uses an account that you have, at any server.</li>\n".to_owned(),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>Invitation from {who}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<header>\n<h1>Invitation from {who}</h1>\n</header>\n<main>\n<p>{what}</p>\n\
         <p><a href=\"{uri}\">Accept the invitation</a></p>\n<p>Where nothing happens:</p>\n<ol>\n\
         <li>Install an XMPP client: <a href=\"https://xmpp.org/software/\" rel=\"noreferrer\">xmpp.org/software</a> lists \
         them.</li>\n<li>Come back and follow the link, or give the client this address: <code>{uri}</code></li>\n{account}\
         </ol>\n<p>It holds until {} and can be used once.</p>\n</main>\n</body>\n</html>\n",
        escape(&crate::session::stamp(invite.expires.0)),
    )
}
