//! Bytes to stanzas, and each stanza to where it is handled: RFC 6120 §8 and RFC 6121 §8.1.
//!
//! Every stanza gets its sender stamped here. A panic while one is handled ends that session alone. Next: `iq.rs`,
//! `message.rs`, `presence.rs`, `sm.rs`'s elements in `managed.rs`.

use super::conn::Phase;
use super::iq::IqRef;
use super::wire::Got;
use super::{ConnRef, Hub};
use crate::limits::READ_TURN;
use jid::Jid;
use minidom::Element;
use reef_stanza::element::Build;
use reef_stanza::{Condition, Frame, IqPayload, StanzaError, StreamCondition, StreamFault, error_reply, ns};
use std::panic::{AssertUnwindSafe, catch_unwind};
use xmpp_parsers::bind::BindQuery;

/// Whether a connection was read dry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Dry,
    More,
}

impl Hub {
    /// Reads what a connection has, up to its turn.
    pub(super) fn read(&mut self, conn: ConnRef) {
        let Some(slot) = self.alive(conn) else { return };
        let turn = catch_unwind(AssertUnwindSafe(|| self.read_turn(conn, slot)));
        match turn {
            Ok(Turn::More) => self.readable.push_back(conn),
            Ok(Turn::Dry) => {}
            Err(_) => {
                tracing::error!("a session has panicked and is closed");
                if let Some(slot) = self.alive(conn) {
                    self.end(slot, Some(StreamFault::new(StreamCondition::InternalServerError)));
                }
            }
        }
        self.route_local();
    }

    fn read_turn(&mut self, conn: ConnRef, slot: u32) -> Turn {
        if self.conn(slot).is_some_and(|conn| conn.closing) {
            return self.pass_over(slot);
        }
        let held = self
            .conn_mut(slot)
            .map(|c| std::mem::take(&mut c.unread))
            .unwrap_or_default();
        if !held.is_empty() && !self.feed(conn, slot, &held) {
            return Turn::Dry;
        }
        let mut buffer = std::mem::take(&mut self.read_buffer);
        // Lost in a panic of another session's.
        buffer.resize(READ_TURN, 0);
        let mut opened = std::mem::take(&mut self.opened);
        let turn = self.read_socket(conn, slot, &mut buffer, &mut opened);
        (self.read_buffer, self.opened) = (buffer, opened);
        turn
    }

    fn read_socket(&mut self, conn: ConnRef, slot: u32, buffer: &mut [u8], opened: &mut Vec<u8>) -> Turn {
        let mut read = 0;
        while read < READ_TURN {
            let Some(wire) = self.conn_mut(slot).and_then(|c| c.wire.as_mut()) else {
                return Turn::Dry;
            };
            opened.clear();
            let bytes = match wire.read(buffer, opened) {
                Ok(Got::Bytes(n)) => buffer.get(..n).unwrap_or_default(),
                Ok(Got::Opened) => opened,
                Ok(Got::Blocked) => return Turn::Dry,
                Ok(Got::Closed) | Err(_) => {
                    self.lost(slot);
                    return Turn::Dry;
                }
            };
            // A record that brought nothing counts, too.
            read += bytes.len().max(64);
            if !bytes.is_empty() && !self.feed(conn, slot, bytes) {
                return Turn::Dry;
            }
        }
        Turn::More
    }

    /// What a client still sends to a stream that has ended: a socket that is closed with unread bytes is reset, and the
    /// client might never see why.
    fn pass_over(&mut self, slot: u32) -> Turn {
        let Some(wire) = self
            .conns
            .get_mut(slot as usize)
            .and_then(Option::as_deref_mut)
            .and_then(|c| c.wire.as_mut())
        else {
            return Turn::Dry;
        };
        match wire.pass_over(&mut self.read_buffer) {
            Ok(Got::Bytes(_) | Got::Opened) => Turn::More,
            Ok(Got::Blocked) => Turn::Dry,
            Ok(Got::Closed) | Err(_) => {
                self.drop_conn(slot);
                Turn::Dry
            }
        }
    }

    /// Frames and handles bytes. False when no more is to be read now: the connection ended, waits, or has too many
    /// requests under way (then the rest is kept, and reading goes on with an answer).
    fn feed(&mut self, conn: ConnRef, slot: u32, bytes: &[u8]) -> bool {
        let mut input = bytes;
        loop {
            let Some(at) = self.alive(conn).and_then(|_| self.conn_mut(slot)) else {
                return false;
            };
            if at.waits() {
                at.unread.extend_from_slice(input);
                return false;
            }
            if at.closing {
                return false;
            }
            let unbound = at.phase == Phase::Bind;
            if at.sm.is_some()
                && at.reader.is_between_stanzas()
                && let Some((h, taken)) = reef_stanza::ack(input)
            {
                input = input.get(taken..).unwrap_or_default();
                if let Err(fault) = self.acknowledged(slot, h) {
                    self.end(slot, Some(fault));
                    return false;
                }
                if input.is_empty() {
                    return true;
                }
                continue;
            }
            let frame = at.reader.read(&mut input);
            if unbound {
                // A resumption moves the connection to its older session: what came behind it moves along.
                at.unread.extend_from_slice(std::mem::take(&mut input));
            }
            let handled = match frame {
                Ok(Some(frame)) => self.frame(slot, frame),
                Ok(None) => return true,
                Err(fault) => Err(fault),
            };
            if let Err(fault) = handled {
                if self.alive(conn).is_some() {
                    self.end(slot, Some(fault));
                }
                return false;
            }
            self.route_local();
            if unbound {
                self.readable.push_back(conn);
                return false;
            }
        }
    }

    fn frame(&mut self, slot: u32, frame: Frame) -> Result<(), StreamFault> {
        let Some(phase) = self.conn(slot).map(|conn| conn.phase) else {
            return Ok(());
        };
        match (frame, phase) {
            (Frame::Whitespace, _) => Ok(()),
            (Frame::End, _) => {
                self.end(slot, None);
                Ok(())
            }
            (Frame::Header(header), Phase::Header) => self.header(slot, &header),
            (Frame::Element(element), Phase::Bind) => self.before_bind(slot, element),
            (Frame::Element(element), Phase::Open) => self.element(slot, element),
            _ => Err(StreamFault::new(StreamCondition::BadFormat)),
        }
    }

    /// Only bind and resume are allowed here (RFC 6120 §7.1).
    fn before_bind(&mut self, slot: u32, element: Element) -> Result<(), StreamFault> {
        if element.ns() == ns::SM {
            return self.managed(slot, &element);
        }
        let set = element.is("iq", ns::CLIENT) && element.attr("type") == Some("set");
        let Some(payload) = element.get_child("bind", ns::BIND).filter(|_| set) else {
            let stanza = ["iq", "message", "presence"]
                .iter()
                .any(|name| element.is(*name, ns::CLIENT));
            let condition = if stanza {
                StreamCondition::NotAuthorized
            } else {
                StreamCondition::UnsupportedStanzaType
            };
            return Err(StreamFault::new(condition));
        };
        let iq = IqRef::new(self.conn_ref(slot), &element);
        match BindQuery::parse(payload.clone()) {
            Ok(bind) => self.bind(slot, iq, bind.resource),
            Err(error) => self.answer(iq, Err(error)),
        }
        Ok(())
    }

    fn element(&mut self, slot: u32, mut element: Element) -> Result<(), StreamFault> {
        if element.ns() == ns::SM {
            return self.managed(slot, &element);
        }
        if element.ns() == ns::CSI {
            return self.client_state(slot, &element);
        }
        let known = element.ns() == ns::CLIENT && matches!(element.name(), "iq" | "message" | "presence");
        if !known {
            return Err(StreamFault::new(StreamCondition::UnsupportedStanzaType));
        }
        let Some(conn) = self.conn_mut(slot) else { return Ok(()) };
        let Some(jid) = conn.jid().cloned() else { return Ok(()) };
        // RFC 6120 §8.1.2.1: a client speaks for itself alone.
        if element
            .attr("from")
            .is_some_and(|from| from != jid.as_str() && from != conn.user.as_str())
        {
            return Err(StreamFault::new(StreamCondition::InvalidFrom));
        }
        element = element.set("from", jid.as_str());
        if let Some(sm) = &mut conn.sm {
            sm.handled = sm.handled.wrapping_add(1);
        }
        let to = match element.attr("to").map(Jid::new).transpose() {
            Ok(to) => to,
            Err(_) => {
                let error = StanzaError::new(Condition::JidMalformed);
                self.bounce(slot, &element, &error);
                return Ok(());
            }
        };
        if to
            .as_ref()
            .is_some_and(|to| self.refused_to_blocked(slot, to, &element))
        {
            return Ok(());
        }
        match element.name() {
            "iq" => self.iq(slot, to, element),
            "message" => self.message(slot, to, element),
            _ => self.presence(slot, to, element),
        }
        Ok(())
    }

    /// Answers a stanza of this session with an error; never an error with an error (RFC 6120 §8.3.1).
    pub(super) fn bounce(&mut self, slot: u32, stanza: &Element, error: &StanzaError) {
        let silent = match stanza.name() {
            "iq" => matches!(stanza.attr("type"), Some("result" | "error")),
            _ => stanza.attr("type") == Some("error"),
        };
        if !silent {
            self.send(slot, &error_reply(stanza, error));
        }
    }
}
