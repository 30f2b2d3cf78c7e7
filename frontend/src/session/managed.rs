//! Stream management's elements (XEP-0198): enable, acks, and resumption on another connection.
//!
//! A resumed session keeps its place in the engine's shard: what came meanwhile is in its queue or in the log. The queue
//! of what is unacknowledged is `sm.rs`.

use super::Hub;
use super::conn::Phase;
use super::sm::{Sm, TooMany, Unacked};
use super::writer;
use minidom::Element;
use mio::Token;
use reef_stanza::element::{Build, el};
use reef_stanza::{StreamCondition, StreamFault, StreamNamespace, ns, write_element};

impl Hub {
    pub(super) fn managed(&mut self, slot: u32, element: &Element) -> Result<(), StreamFault> {
        let Some(conn) = self.conn(slot) else { return Ok(()) };
        let (open, enabled) = (conn.phase == Phase::Open, conn.sm.is_some());
        match element.name() {
            "enable" if open && !enabled => self.enable(slot, element),
            "enable" => self.write_element(slot, &failed("unexpected-request", None)),
            "resume" if !open => self.resume(slot, element)?,
            "resume" => self.write_element(slot, &failed("unexpected-request", None)),
            "r" if enabled => {
                let handled = self.conn(slot).and_then(|c| c.sm.as_ref()).map_or(0, |sm| sm.handled);
                self.write_element(slot, &el("a", ns::SM).set("h", &handled.to_string()));
            }
            "a" if enabled => self.acknowledged(slot, number(element)?)?,
            _ => return Err(StreamFault::new(StreamCondition::UnsupportedStanzaType)),
        }
        Ok(())
    }

    /// Writes what is no stanza.
    pub(super) fn write_element(&mut self, slot: u32, element: &Element) {
        let mut bytes = Vec::new();
        write_element(element, StreamNamespace::Client, &mut bytes);
        self.write_raw(slot, &bytes);
    }

    fn enable(&mut self, slot: u32, element: &Element) {
        let (enabled, sm) = self.managing(element);
        // Before the state: this element is not counted, and what follows is.
        self.write_element(slot, &enabled);
        if let Some(conn) = self.conn_mut(slot) {
            conn.sm = Some(Box::new(sm));
        }
    }

    /// What `<enable/>` is answered, and the state from then on.
    pub(super) fn managing(&self, element: &Element) -> (Element, Sm) {
        let wanted = matches!(element.attr("resume"), Some("true" | "1"));
        let resume = wanted && self.server.config.limits.resume_seconds > 0;
        let id = resume.then(|| format!("{:016x}{:016x}", self.server.random(), self.server.random()));
        let mut enabled = el("enabled", ns::SM);
        if let Some(id) = &id {
            let seconds = self.server.config.limits.resume_seconds.to_string();
            enabled = enabled.set("id", id).set("resume", "true").set("max", &seconds);
        }
        (enabled, Sm::new(id))
    }

    pub(super) fn acknowledged(&mut self, slot: u32, h: u32) -> Result<(), StreamFault> {
        let Some(conn) = self.conn_mut(slot) else { return Ok(()) };
        let (Some(sm), Some(key)) = (conn.sm.as_mut(), conn.key) else {
            return Ok(());
        };
        if let Some(seq) = sm
            .acknowledge(h)
            .map_err(|too_many| acknowledged_too_much(h, &too_many))?
        {
            self.shard.confirm(key, seq);
        }
        self.flush(slot);
        Ok(())
    }

    /// `<resume/>`: this connection takes the place of the one that was lost (§5).
    fn resume(&mut self, slot: u32, element: &Element) -> Result<(), StreamFault> {
        match self.resumable(slot, element)? {
            Ok(older) => self.take_over(older, slot, element, None),
            Err(failed) => self.write_element(slot, &failed),
        }
        Ok(())
    }

    /// The session that a client wants back, which has taken its acknowledgement; or what it is told.
    pub(super) fn resumable(&mut self, slot: u32, element: &Element) -> Result<Result<u32, Element>, StreamFault> {
        let h = number(element)?;
        let wanted = element.attr("previd").unwrap_or_default().to_owned();
        let sessions = self.user_of(slot).map(|user| user.sessions.clone()).unwrap_or_default();
        let found = sessions.into_iter().find(|other| {
            let sm = self.conn(*other).and_then(|c| c.sm.as_ref());
            *other != slot && sm.and_then(|sm| sm.id.as_ref()) == Some(&wanted)
        });
        let Some(older) = found else {
            return Ok(Err(failed("item-not-found", None)));
        };
        let confirmed = self
            .conn_mut(older)
            .and_then(|c| c.sm.as_mut())
            .map(|sm| sm.acknowledge(h));
        let seq = match confirmed {
            Some(Ok(seq)) => seq,
            Some(Err(too_many)) => return Err(acknowledged_too_much(h, &too_many)),
            None => None,
        };
        if let (Some(seq), Some(key)) = (seq, self.conn(older).and_then(|c| c.key)) {
            self.shard.confirm(key, seq);
        }
        Ok(Ok(older))
    }

    /// Moves the new connection's wire into the older session, answers, within `success` where the login is answered with it, and
    /// sends again what was not acknowledged.
    pub(super) fn take_over(&mut self, older: u32, newer: u32, resume: &Element, success: Option<Element>) {
        let id = resume.attr("previd").unwrap_or_default();
        let features = self.server.inline_features.clone();
        let Some(conn) = self.remove(newer) else { return };
        let mut from = *conn;
        let (registry, token) = (&self.registry, Token(older as usize));
        if let Some(wire) = &mut from.wire
            && let Err(error) = wire.reregister(registry, token)
        {
            tracing::warn!(%error, "a resumed socket cannot be polled");
        }
        let Some(conn) = self.conn_mut(older) else { return };
        if let Some(wire) = &mut conn.wire {
            // The lost connection may not have noticed yet.
            wire.close();
        }
        conn.wire = from.wire;
        conn.reader = from.reader;
        conn.unread = from.unread;
        conn.out = from.out;
        conn.blocked = from.blocked;
        conn._permit = from._permit;
        conn.deadline = None;
        // Positions on the lost wire say nothing about this one.
        conn.marks = super::conn::Marks::default();
        let Some(sm) = conn.sm.as_mut() else { return };
        let resumed = el("resumed", ns::SM)
            .set("h", &sm.handled.to_string())
            .set("previd", id);
        let inline = success.is_some();
        let answer = match success {
            Some(success) => success.child(resumed),
            None => resumed,
        };
        write_element(&answer, StreamNamespace::Client, &mut conn.out);
        if inline {
            conn.out.extend_from_slice(&features);
        }
        for unacked in sm.again() {
            match unacked {
                Unacked::Stanza(bytes) => conn.out.extend_from_slice(bytes),
                Unacked::Post(post, manner) => {
                    writer::append(post, *manner, conn.address.to(*manner), &mut conn.out);
                }
            }
        }
        sm.resumed();
        self.wired(older);
        // A client that is here again looks, until it says otherwise (XEP-0352 §4.2).
        self.wake(older);
        self.flush(older);
        self.readable.push_back(self.conn_ref(older));
    }
}

fn number(element: &Element) -> Result<u32, StreamFault> {
    let h = element.attr("h").and_then(|h| h.parse().ok());
    h.ok_or_else(|| StreamFault::new(StreamCondition::InvalidXml).with_text("h must be a number"))
}

fn failed(condition: &str, h: Option<u32>) -> Element {
    let h = h.map(|h| h.to_string());
    el("failed", ns::SM)
        .set_opt("h", h.as_deref())
        .child(el(condition, ns::STANZAS))
}

/// XEP-0198 §4: an ack of what was never sent ends the stream.
fn acknowledged_too_much(h: u32, too_many: &TooMany) -> StreamFault {
    let text = format!("you acknowledged {h} stanzas, {} were sent", too_many.sent);
    StreamFault::new(StreamCondition::UndefinedCondition).with_text(text)
}
