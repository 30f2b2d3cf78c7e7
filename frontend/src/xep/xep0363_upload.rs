//! XEP-0363, HTTP File Upload: `upload.<domain>` promises accounts here room for a file, and where it goes.
//!
//! What is promised is a record like any other, so that nobody has more than he may. Knows no file. Next: `http/upload/`,
//! which takes it.

use super::{Answer, Ctx, Module, Routes, To};
use crate::config::Limits;
use crate::errors;
use crate::limits::{UPLOAD_KIND_BYTES, UPLOAD_NAME_BYTES};
use crate::server::Server;
use crate::session::stamp;
use crate::tables::{Op, Outcome, Upload};
use crate::upload::lapses;
use crate::uri::encode;
use minidom::Element;
use reef_engine::clock::random;
use reef_engine::log::record::{self, Change};
use reef_stanza::element::{Build, attr, el};
use reef_stanza::form::{Field, FieldKind, Form, FormKind};
use reef_stanza::{Condition, ErrorType, IqPayload, StanzaError, ns};
use std::sync::Arc;
use xmpp_parsers::data_forms::DataForm;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0363",
    version: "1.2.0",
    title: "HTTP File Upload",
    note: "`upload.<domain>`, for accounts here; no purposes",
    server: &[],
    account: &[],
    service: &[],
    routes,
};

fn routes(on: &mut Routes) {
    on.get::<Request>(&[To::Files], slot);
}

/// What a file is called, how large it is, and of which type.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    name: String,
    bytes: u64,
    kind: String,
}

impl IqPayload for Request {
    const NAME: &'static str = "request";
    const NS: &'static str = ns::UPLOAD;

    fn parse(el: Element) -> Result<Request, StanzaError> {
        let bad = |text: &'static str| StanzaError::new(Condition::BadRequest).with_text(text);
        let name = attr(&el, "filename").ok_or_else(|| bad("a file has a name"))?;
        if name.len() > UPLOAD_NAME_BYTES {
            return Err(bad("the name is too long"));
        }
        let bytes = el.attr("size").and_then(|size| size.parse().ok());
        let kind = attr(&el, "content-type").unwrap_or_default();
        if kind.len() > UPLOAD_KIND_BYTES || !kind.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return Err(bad("the type is none"));
        }
        Ok(Request {
            name: plain(&name).ok_or_else(|| bad("a file has another name"))?,
            bytes: bytes
                .filter(|bytes| *bytes > 0)
                .ok_or_else(|| bad("a file has a size"))?,
            kind,
        })
    }
}

/// A name that stands in a path for itself: whoever forwards requests may take others apart.
fn plain(name: &str) -> Option<String> {
    let plain = name.replace(|c: char| matches!(c, '/' | '\\') || c.is_control(), "_");
    Some(plain).filter(|name| name != "." && name != "..")
}

/// The largest size, for who asks what the service is (§4).
pub(crate) fn upload_form(limits: &Limits) -> Option<DataForm> {
    let most = Field::new(FieldKind::TextSingle, "max-file-size").value(limits.upload_bytes.to_string());
    let form = Form::new(FormKind::Result, ns::UPLOAD).with(most);
    // What was just written can be read.
    DataForm::try_from(form.to_element()).ok()
}

/// §5.
fn slot(ctx: &mut Ctx<'_>, Request { name, bytes, kind }: Request) -> Result<Answer, StanzaError> {
    let server = ctx.hub.server.clone();
    let limits = &server.config.limits;
    if !server.is_domain(ctx.from.domain().as_str()) || ctx.from.node().is_none() {
        return Err(StanzaError::new(Condition::Forbidden).with_text("only accounts of this server upload here"));
    }
    let web = server.web.clone().filter(|_| server.uploads.offered);
    let web = web.ok_or_else(|| StanzaError::new(Condition::ServiceUnavailable))?;
    if bytes > limits.upload_bytes {
        return Err(too_large(limits.upload_bytes));
    }
    let (now, owner) = (server.engine.clock.now().0, ctx.from.to_bare());
    if let Err(next) = server.uploads.count(owner.as_str(), now) {
        return Err(wait("too many uploads in a minute", Some(next)));
    }
    let id = random::<16>().map_err(|error| errors::stanza_error(&error))?;
    let address = address(&server, &web, (id, &name));
    let owner: Arc<str> = owner.as_str().into();
    let op = Op::PromiseUpload {
        id,
        upload: Upload {
            owner: owner.clone(),
            kind: kind.into(),
            bytes,
            at: lapses(now, bytes),
            kept: false,
        },
        most: limits.upload_bytes_per_account,
        days: limits.upload_days,
    };
    let change = Change::Table {
        owner: owner.clone(),
        op: op.encode(),
    };
    Ok(Answer::submit(&owner, change, move |_, done| {
        let done = done.map_err(|error| errors::stanza_error(&error))?;
        let outcome = match &done.outcome {
            record::Outcome::Table(bytes) => Outcome::decode(bytes),
            _ => Outcome::default(),
        };
        if outcome.no_room {
            return Err(wait("there is no room for more files", outcome.room_at));
        }
        let put = el("put", ns::UPLOAD).set("url", &address);
        let get = el("get", ns::UPLOAD).set("url", &address);
        Ok(Answer::Payload(el("slot", ns::UPLOAD).child(put).child(get)))
    }))
}

fn address(server: &Server, web: &str, (id, name): ([u8; 16], &str)) -> String {
    let token = server.uploads.token(id, name).0;
    format!("{web}/upload/{token}/{}", encode(name))
}

fn too_large(most: u64) -> StanzaError {
    let most = most.to_string();
    let size = el("max-file-size", ns::UPLOAD).with_text(&most);
    StanzaError::new(Condition::NotAcceptable)
        .with_text(format!("a file has at most {most} bytes"))
        .with_app(el("file-too-large", ns::UPLOAD).child(size))
}

fn wait(text: &'static str, until: Option<u64>) -> StanzaError {
    let error = StanzaError::new(Condition::ResourceConstraint)
        .with_type(ErrorType::Wait)
        .with_text(text);
    match until {
        Some(until) => error.with_app(el("retry", ns::UPLOAD).set("stamp", &stamp(until))),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(attributes: &str, expected: Option<(&str, u64, &str)>) {
        let request = format!("<request xmlns='urn:xmpp:http:upload:0' {attributes}/>");
        let parsed = Request::parse(request.parse().unwrap());
        let expected = expected.map(|(name, bytes, kind)| Request {
            name: name.to_owned(),
            bytes,
            kind: kind.to_owned(),
        });
        assert_eq!(
            parsed.map_err(|error| error.condition),
            expected.ok_or(Condition::BadRequest)
        );
    }

    #[test]
    fn a_file_has_a_name_and_a_size() {
        check("filename='a b.jpg' size='5'", Some(("a b.jpg", 5, "")));
        check(
            "filename='a' size='1' content-type='image/jpeg'",
            Some(("a", 1, "image/jpeg")),
        );
        check("filename='../a\\b' size='5'", Some((".._a_b", 5, "")));
        let long = "n".repeat(256);
        for wrong in ["", ".", ".."] {
            check(&format!("filename='{wrong}' size='5'"), None);
        }
        check(&format!("filename='{long}' size='5'"), None);
        check(
            &format!("filename='{}' size='5'", &long[1..]),
            Some((&long[1..], 5, "")),
        );
        for size in ["0", "-1", "", "5.5", "99999999999999999999"] {
            check(&format!("filename='a' size='{size}'"), None);
        }
        check("filename='a'", None);
        check(&format!("filename='a' size='1' content-type='{long}'"), None);
        check("filename='a' size='1' content-type='ü'", None);
    }
}
