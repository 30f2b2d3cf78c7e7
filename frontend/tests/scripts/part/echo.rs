//! A part that answers what it is told, and keeps what it is asked to and hears of.

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use jid::Jid;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::log::record::Change;
use reef_engine::store::Range;
use reef_frontend::part::{FIRST_FAMILY, Host, Identity, Part, op};
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, error_reply};
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

/// What it has is its host, while the server runs.
#[derive(Default)]
pub(crate) struct Echo(Arc<Mutex<Option<Arc<Host>>>>);

impl Echo {
    pub(crate) fn new() -> Arc<Echo> {
        Arc::default()
    }

    pub(crate) fn host(&self) -> Arc<Host> {
        self.0.lock().unwrap().clone().expect("a server that runs")
    }
}

fn keep(apply: &mut Apply<'_, '_>, what: &str) {
    let key = [&apply.seq.0.to_be_bytes(), what.as_bytes()].concat();
    apply.tx.put(FIRST_FAMILY, key, []);
}

impl Part for Echo {
    fn service(&self) -> &'static str {
        "sms"
    }

    fn families(&self) -> &'static [&'static str] {
        &["echo"]
    }

    fn apply(&self, apply: &mut Apply<'_, '_>, op: &[u8]) -> Result<Bytes, ApplyError> {
        keep(apply, &format!("put {}", String::from_utf8_lossy(op)));
        Ok(Bytes::new())
    }

    fn missed(&self, apply: &mut Apply<'_, '_>, user: &str, from: &str, body: &str) -> Result<(), ApplyError> {
        keep(apply, &format!("missed {user} {from} {body}"));
        Ok(())
    }

    fn removed(&self, apply: &mut Apply<'_, '_>, user: &str) -> Result<(), ApplyError> {
        keep(apply, &format!("removed {user}"));
        Ok(())
    }

    fn start(&self, host: Arc<Host>) -> Result<(), String> {
        *self.0.lock().unwrap() = Some(host);
        Ok(())
    }

    fn stop(&self) -> BoxFuture<'static, ()> {
        drop(self.0.lock().unwrap().take());
        async {}.boxed()
    }

    fn stanza(&self, from: &Jid, to: &Jid, stanza: Element) {
        let text = |name: &'static str, text: &str| el(name, "jabber:client").with_text(text);
        let answer = match stanza.name() {
            "iq" => Some(error_reply(
                &stanza,
                &StanzaError::new(Condition::FeatureNotImplemented),
            )),
            "presence" if stanza.attr("type") == Some("probe") => {
                Some(el("presence", "jabber:client").child(text("status", "echoing")))
            }
            "message" => stanza.get_child("body", "jabber:client").map(|body| {
                let said = format!("{from} said: {}", body.text());
                el("message", "jabber:client")
                    .set("type", "chat")
                    .child(text("body", &said))
            }),
            _ => None,
        };
        if let Some(answer) = answer {
            let answer = answer.set("from", to.as_str()).set("to", from.as_str());
            assert!(self.host().send(answer), "a shard that is not busy");
        }
    }

    fn identity(&self) -> Identity {
        Identity {
            category: "gateway",
            kind: "sms",
            name: "Echo",
        }
    }

    fn features(&self) -> &'static [&'static str] {
        &["urn:x:echo"]
    }

    fn reserved(&self) -> &[&'static str] {
        &["stop", "help"]
    }

    fn ask(&self, engine: &Arc<Engine>, words: &Value) -> Result<Value, String> {
        if let Some(what) = words["put"].as_str() {
            let change = Change::Table {
                owner: "".into(),
                op: op(what.as_bytes()),
            };
            let kept = engine.admission.submit_and_wait("", change);
            return kept.map(|_| json!({ "kept": what })).map_err(|error| error.to_string());
        }
        let mut rows = Vec::new();
        let all = Range {
            start: Vec::new(),
            end: None,
            reverse: false,
        };
        let read = engine.view().scan(FIRST_FAMILY, &all, &mut |key, _| {
            rows.push(Value::from(String::from_utf8_lossy(&key[8..])));
            ControlFlow::Continue(())
        });
        read.map(|()| Value::Array(rows)).map_err(|error| error.to_string())
    }

    fn web(&self) -> Option<axum::Router> {
        Some(axum::Router::new().route("/echo", axum::routing::get(|| async { "echo" })))
    }

    fn metrics(&self) -> String {
        "# TYPE reef_echoes counter\nreef_echoes_total 0\n# EOF\n".to_owned()
    }
}
