//! What operators ask: routes, numbers, queues, and a text from a phone of the simulator.
//!
//! Works beside a running gateway and on a store that none serves. A number that an operator reads is audited, and shown
//! masked. Blocks.

use super::commit::Commits;
use super::desk::described;
use super::parts::Parts;
use super::reassigned::reassigned;
use super::thread::Tell;
use super::whole::{Gateway, Serving};
use crate::config::Route;
use crate::limits::ERASED_EDGES;
use crate::network::{Action, Done, Network, Refused, Said};
use crate::number::Phone;
use crate::schedule::duration;
use crate::tables::rows::{Class, NumberId, RouteId, State};
use crate::tables::{Change, Do, Op};
use reef_engine::Engine;
use reef_engine::error::Error;
use reef_engine::model::{NodeId, NodeName, Seq};
use reef_engine::store::rows;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Who an operator is, in the audit.
const OPERATOR: &str = "operator";

impl Gateway {
    /// Answers an operator.
    ///
    /// # Errors
    /// One line that says what to do.
    pub fn ask(&self, engine: &Arc<Engine>, words: &Value) -> Result<Value, String> {
        let serving = self.serving();
        let parts = match &serving {
            Some(serving) => serving.hall.parts.clone(),
            None => Arc::new(self.offline(engine)?),
        };
        let word = |name: &str| words.get(name).and_then(Value::as_str);
        match (word("route"), word("number"), word("queue"), word("simulate")) {
            (Some("list"), ..) => self.routes(&parts, serving.as_ref()),
            (Some("pause"), ..) => self.pause(&parts, serving.as_ref(), word("name"), true),
            (Some("resume"), ..) => self.pause(&parts, serving.as_ref(), word("name"), false),
            (_, Some("reassigned"), ..) => reassigned(&parts, Path::new(word("file").unwrap_or_default())),
            (_, Some(what), ..) => number(&parts, what, word("e164").unwrap_or_default()),
            (_, _, Some(_), _) => self.queue(&parts, serving.as_ref()),
            (_, _, _, Some(phone)) => simulate(serving.as_ref(), phone, word("text")),
            _ => Err("the gateway knows route, number and queue".into()),
        }
    }

    /// The parts where nobody serves: reading and committing is all that is done.
    fn offline(&self, engine: &Arc<Engine>) -> Result<Parts, String> {
        let commits = Commits {
            engine: engine.clone(),
            wrap: self.setup.wrap,
            ring: Arc::new(|| {}),
        };
        self.parts(Arc::new(Nobody(engine.clone())), commits, Arc::default())
    }

    fn ids(&self, parts: &Parts) -> Result<Vec<(RouteId, &Route)>, String> {
        let rows = parts.rows();
        let id = |route: &Route| rows.route(&route.name).map_err(|error| error.to_string());
        let found = self
            .settings
            .route
            .iter()
            .map(|route| Ok((id(route)?.unwrap_or_default(), route)));
        found.collect()
    }

    fn routes(&self, parts: &Parts, serving: Option<&Serving>) -> Result<Value, String> {
        let shown = serving.map(|serving| serving.window.shown()).unwrap_or_default();
        let mut rows = Vec::new();
        for (id, route) in self.ids(parts)? {
            let paused = parts.rows().is_paused(id).map_err(|error| error.to_string())?;
            let now = shown.iter().find(|shown| shown.name == route.name);
            let state = match now {
                _ if paused => "paused".to_owned(),
                None => "not served".to_owned(),
                Some(now) => now
                    .up
                    .as_ref()
                    .map_or_else(|why| format!("down: {why}"), |()| "up".to_owned()),
            };
            let (backlog, segments) = now.map_or((0, 0), |now| (now.backlog, now.backlog_segments));
            let rate = now.map_or(route.rate, |now| now.rate.0);
            rows.push(json!({
                "route": route.name,
                "state": state,
                "rate": rate,
                "configured": route.rate,
                "in_flight": now.map_or(0, |now| now.in_flight),
                "backlog": backlog,
                "drains_in": duration((segments as f64 / rate.max(0.1)) as u64),
                "throttles": now.map_or(0, |now| now.throttles),
            }));
        }
        Ok(Value::Array(rows))
    }

    fn pause(
        &self,
        parts: &Parts,
        serving: Option<&Serving>,
        name: Option<&str>,
        paused: bool,
    ) -> Result<Value, String> {
        let found = self
            .ids(parts)?
            .into_iter()
            .find(|(_, route)| Some(route.name.as_str()) == name);
        let (route, _) = found.ok_or("there is no such route: `reef sms route list` names them")?;
        parts
            .commits
            .wait(&Op::Pause { route, paused })
            .map_err(|error| error.to_string())?;
        if let Some(serving) = serving {
            // The thread reads it at its next start where it is too busy now.
            let _ = serving.tell.try_send(Tell::Pause(route, paused));
        }
        Ok(json!({ "route": name, "paused": paused }))
    }

    /// What waits, by route and class, and posts under way with how far they are.
    fn queue(&self, parts: &Parts, serving: Option<&Serving>) -> Result<Value, String> {
        let wrong = |error: reef_engine::error::StoreError| error.to_string();
        let (tables, now) = (parts.rows(), parts.commits.engine.clock.now());
        let mut rows_of = Vec::new();
        let shown = serving.map(|serving| serving.window.shown()).unwrap_or_default();
        for (id, route) in self.ids(parts)? {
            for class in [Class::First, Class::Answer, Class::Message] {
                let waiting = tables.waiting_all(id, class, SHOWN_MAX).map_err(wrong)?;
                if let Some((_, _, oldest)) = waiting.first() {
                    rows_of.push(json!({
                        "route": route.name,
                        "what": format!("{class:?}").to_lowercase(),
                        "waits": waiting.len(),
                        "oldest_seconds": now.0.saturating_sub(oldest.at.0) / 1_000,
                    }));
                }
            }
            let rate = shown
                .iter()
                .find(|shown| shown.name == route.name)
                .map_or(route.rate, |shown| shown.rate.0);
            let posts = tables
                .fanouts(Some((id, NodeId(0), Seq(0))), SHOWN_MAX)
                .map_err(wrong)?;
            let own = posts.into_iter().filter(|((route, ..), _)| *route == id);
            for ((_, node, seq), fanout) in own {
                let ring = tables.ring(id, node).map_err(wrong)?;
                let left = u64::from(ring.followers).saturating_sub(ring.visits.saturating_sub(fanout.visits));
                let name = rows::node_row(parts.commits.engine.view(), node).map_err(wrong)?;
                rows_of.push(json!({
                    "route": route.name,
                    "what": "post",
                    "author": name.map(|row| row.name.service.to_string()),
                    "item": &*fanout.item,
                    "place": seq.0,
                    "waits": left,
                    "of": ring.followers,
                    "drains_in": duration((left as f64 / rate.max(0.1)) as u64),
                }));
            }
        }
        Ok(Value::Array(rows_of))
    }
}

/// Rows of one kind that are counted.
const SHOWN_MAX: usize = 10_000;

fn number(parts: &Parts, what: &str, typed: &str) -> Result<Value, String> {
    let phone = Phone::written(typed).map_err(|error| error.to_string())?;
    let hash = parts.keys.hash(&phone);
    let wrong = |error: reef_engine::error::StoreError| error.to_string();
    let rows_of = parts.rows();
    let id = rows_of.by_hash(&hash).map_err(wrong)?;
    let Some(id) = id else {
        let stopped = rows_of.stopped(&hash).map_err(wrong)?;
        return match stopped {
            Some(at) => Ok(json!({ "number": phone.masked(), "state": "stopped", "since": at.0 })),
            None => Err(format!("{} is unknown here", phone.masked())),
        };
    };
    match what {
        "stop" => change(parts, id, vec![Change::State(State::Stopped)]),
        "start" => change(parts, id, vec![Change::On(None, true)]),
        "show" | "export" => change(parts, id, vec![Change::Read]),
        "erase" => return erase(parts, id, &phone),
        _ => return Err("a number is shown, stopped, started, exported or erased".into()),
    }
    .map_err(|error| error.to_string())?;
    let row = rows_of.number(id).map_err(wrong)?.ok_or("it is gone")?;
    match row.state {
        State::Stopped if what == "start" => {
            return Err("this phone has said STOP: START from the phone itself lifts that, and nothing else".into());
        }
        State::Bad if what == "start" => {
            return Err(
                "its network says that there is no such number: a text from the phone itself brings it back".into(),
            );
        }
        _ => {}
    }
    let view = parts.commits.engine.view();
    let mut gets = Vec::new();
    for node in rows_of.gets(id, ERASED_EDGES).map_err(wrong)? {
        gets.extend(
            rows::node_row(view, node)
                .map_err(wrong)?
                .map(|row| row.name.service.to_string()),
        );
    }
    let mut shown = json!({
        "number": phone.masked(),
        "state": described(row.state),
        "account": row.account.as_deref(),
        "gets": gets,
        "zone": row.zone.as_deref(),
        "heard": row.heard.0,
        "epoch": row.epoch,
    });
    if what == "export"
        && let Some(shown) = shown.as_object_mut()
    {
        let consents = rows_of.consents(&hash).map_err(wrong)?.into_iter().map(|(at, sealed)| {
            let words = parts.keys.open(&sealed).and_then(|bytes| String::from_utf8(bytes).ok());
            json!({ "at": at.0, "words": words })
        });
        shown.insert("consent".into(), consents.collect());
        let audit = rows_of.audits(&hash).map_err(wrong)?.into_iter();
        let audit = audit.map(
            |row| json!({ "at": row.at.0, "what": format!("{:?}", row.what), "by": &*row.by, "epoch": row.epoch }),
        );
        shown.insert("audit".into(), audit.collect());
    }
    Ok(shown)
}

/// Forgets a number; nothing that was made for it leaves from here on.
fn erase(parts: &Parts, number: NumberId, phone: &Phone) -> Result<Value, String> {
    let row = parts.rows().number(number).map_err(|error| error.to_string())?;
    let account = row.and_then(|row| row.account);
    // Without its phone nobody reaches it any more.
    let made = |account: &Arc<str>| matches!(parts.network.maker(account), Ok(Some(_)));
    let orphan = account.filter(made);
    let done = parts.commits.wait(&Op::Erase { number });
    done.map_err(|error| error.to_string())?;
    parts.voids.set(number, u32::MAX, parts.commits.engine.clock.now());
    let mut erased = json!({ "number": phone.masked(), "state": "erased" });
    if let (Some(orphan), Some(fields)) = (orphan, erased.as_object_mut()) {
        let next = format!("{orphan} has no password: `reef user passwd` or `reef user remove`");
        fields.insert("account".into(), next.into());
    }
    Ok(erased)
}

/// Changes a number; what was made for it before is void at once where that is so.
pub(super) fn change(parts: &Parts, number: NumberId, changes: Vec<Change>) -> Result<(), Error> {
    let op = Op::Do(Do {
        number,
        epoch: None,
        heard: None,
        changes,
        say: Vec::new(),
        by: OPERATOR.into(),
    });
    let outcome = parts.commits.wait(&op)?;
    parts.voids.set(number, outcome.epoch, parts.commits.engine.clock.now());
    Ok(())
}

/// A text from a phone of the simulator, and what that phone got so far.
fn simulate(serving: Option<&Serving>, phone: &str, text: Option<&str>) -> Result<Value, String> {
    let phone = Phone::written(phone).map_err(|error| error.to_string())?;
    let none = "no route of kind `simulator` is served: that is for `reef demo`, or a configuration with one";
    let serving = serving.ok_or(none)?;
    let (name, simulator) = serving.routes.simulators.first().ok_or(none)?;
    if let Some(text) = text {
        let route = serving
            .hall
            .parts
            .settings
            .route
            .iter()
            .find(|route| route.name == *name);
        let to = route.map(|route| route.number.clone()).unwrap_or_default();
        simulator
            .send(phone.e164(), &to, text)
            .map_err(|error| error.to_string())?;
    }
    let got = simulator.received(phone.e164());
    let rows = got.iter().map(|text| json!({ "from": text.from, "text": text.text }));
    Ok(rows.collect())
}

/// No social network: for a store that nobody serves.
struct Nobody(Arc<Engine>);

impl Network for Nobody {
    fn engine(&self) -> Arc<Engine> {
        self.0.clone()
    }
    fn resolve(&self, _: &str) -> Option<Arc<str>> {
        None
    }
    fn short(&self, jid: &str) -> String {
        jid.to_owned()
    }
    fn microblog(&self, jid: &str) -> NodeName {
        NodeName::new(jid, "")
    }
    fn said(&self, _: &[u8]) -> Option<Said> {
        None
    }
    fn web_link(&self, _: &str, _: &str) -> Option<String> {
        None
    }
    fn is_open(&self) -> bool {
        false
    }
    fn is_reserved(&self, _: &str) -> bool {
        true
    }
    fn maker(&self, _: &str) -> Result<Option<u64>, Refused> {
        Err(Refused::Busy)
    }
    fn act(&self, _: &str, _: Action, done: Done) {
        done(Err(Refused::Busy));
    }
    fn tell(&self, _: &str, _: &str) {}
}
