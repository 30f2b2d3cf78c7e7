//! Changes to a number: its state, whose posts it gets, what it wants.
//!
//! STOP is lifted from the phone alone, whatever is asked. Knows no words. Next: `code.rs` for codes, `said.rs` for posts that
//! are asked for, `plan.rs`.

use super::rows::{Audited, Class, Dialogue, Edge, Heard, Number, NumberId, Ring, State, Waiting};
use super::{Change, Do, Doing, keys};
use crate::limits::ERASED_EDGES;
use reef_engine::error::Reject;
use reef_engine::log::apply::ApplyError;
use reef_engine::model::{NodeId, Seq, Timestamp};
use reef_engine::store::rows::encode;
use reef_engine::store::{Range, View};
use std::ops::ControlFlow;
use std::sync::Arc;

/// By whom STOP may be lifted.
pub const BY_PHONE: &str = "phone";

impl Doing<'_, '_, '_> {
    pub(super) fn carry_out(&mut self, what: &Do) -> Result<(), ApplyError> {
        let id = what.number;
        let mut number = self.main::<Number>(&keys::number(id))?.ok_or(Reject::ItemNotFound)?;
        if let Some(heard) = what.heard {
            // Answered in the meantime: then all of this was done.
            let row = self.main::<Heard>(&keys::heard_open(heard))?.ok_or(Reject::NotYet)?;
            self.delete_main(keys::heard_open(heard));
            self.put_main(keys::heard(heard), &row);
        }
        if what.epoch.is_some_and(|epoch| epoch != number.epoch) {
            // It said STOP or START since: nothing of this holds any more.
            return Ok(());
        }
        for change in &what.changes {
            self.change(id, &mut number, change, &what.by)?;
        }
        self.put_main(keys::number(id), &number);
        for say in &what.say {
            if let Some(place) = self.say(id, &number, say) {
                self.say_posts(place);
            }
        }
        (self.outcome.number, self.outcome.epoch) = (Some(id), number.epoch);
        Ok(())
    }

    fn change(&mut self, id: NumberId, number: &mut Number, change: &Change, by: &str) -> Result<(), ApplyError> {
        match change {
            Change::State(state) => self.set_state(id, number, *state, by)?,
            Change::Ask(asked, until) => {
                let dialogue = Dialogue {
                    asked: asked.clone(),
                    until: *until,
                };
                self.put_main(keys::dialogue(id), &dialogue);
            }
            Change::Answered => self.delete_main(keys::dialogue(id)),
            Change::Proved(account, code) => self.prove(id, account, code, by)?,
            Change::Account(account) => self.set_account(id, number, account.as_ref(), by)?,
            Change::Get(node, most) => self.begin_getting(id, number, *node, *most)?,
            Change::Unget(node) => self.end_getting(id, number, *node)?,
            Change::On(Some(node), on) => self.turn(id, number, *node, *on)?,
            Change::On(None, on) => self.turn_all(id, number, *on, by)?,
            Change::Zone(zone) => number.zone.clone_from(zone),
            Change::Quiet(quiet) => number.quiet = *quiet,
            Change::Limit(limit) => number.limit = *limit,
            Change::Messages(on) => number.messages = *on,
            Change::Replies(on) => number.replies = *on,
            Change::Pin(pin) => number.pin = *pin,
            Change::Doubted(doubted) => number.doubted = *doubted,
            Change::Consent(words) => {
                let nth = self.next_id().0 & 1023;
                self.put_main(keys::consent(&number.hash, self.apply.at, nth), words);
                self.put_main(keys::consent_age(self.apply.at, &number.hash, nth), &());
                self.audit(number, Audited::Consent, by);
            }
            Change::Read => self.audit(number, Audited::Read, by),
            other => self.count(id, number, other, by)?,
        }
        Ok(())
    }

    /// Changes that only count.
    fn count(&mut self, id: NumberId, number: &Number, change: &Change, by: &str) -> Result<(), ApplyError> {
        let (mut usage, at) = (self.usage(id)?, self.apply.at);
        match change {
            Change::PinTried(true, ..) => usage.pins = (0, Timestamp(0)),
            Change::PinTried(false, most, until) => {
                usage.pins.0 = usage.pins.0.saturating_add(1);
                if usage.pins.0 >= *most {
                    usage.pins = (0, *until);
                    self.audit(number, Audited::Locked, by);
                }
            }
            Change::Helped => usage.helps = usage.helps.saturating_add(1),
            Change::Hinted => usage.hinted = Some(at),
            Change::Posted(item) => {
                usage.posted = item.map(|item| (item, at));
                if item.is_some() {
                    usage.said.2 = usage.said.2.saturating_add(1);
                }
            }
            Change::Took(posts) => {
                if let Some((node, seq)) = posts.last() {
                    usage.last = Some((*node, *seq, at));
                }
                self.take_held(id, posts)?;
            }
            _ => {}
        }
        self.put_main(keys::usage(id), &usage);
        Ok(())
    }

    pub(super) fn set_state(
        &mut self,
        id: NumberId,
        number: &mut Number,
        state: State,
        by: &str,
    ) -> Result<(), ApplyError> {
        if number.state == state {
            return Ok(());
        }
        if number.state == State::Stopped {
            if by != BY_PHONE && !self.lifts {
                return Err(Reject::Forbidden.into());
            }
            self.delete_main(keys::stopped(&number.hash));
            // Whether it is wanted again.
            self.delete_main(keys::dialogue(id));
            // What was held before is let go with STOP.
            self.delete_main(keys::held(id));
        }
        if state == State::Stopped {
            self.put_main(keys::stopped(&number.hash), &self.apply.at.clone());
        }
        if state == State::Stopped || number.state == State::Stopped {
            number.epoch += 1;
        }
        if state == State::Active {
            // What came meanwhile is not sent.
            number.since = self.apply.seq;
        }
        number.state = state;
        self.audit(number, Audited::State(state), by);
        Ok(())
    }

    /// ON and OFF: nobody is turned on who has not agreed.
    fn turn_all(&mut self, id: NumberId, number: &mut Number, on: bool, by: &str) -> Result<(), ApplyError> {
        match (number.state, on) {
            (State::Off, true) => self.set_state(id, number, State::Active, by),
            (State::Active, false) => self.set_state(id, number, State::Off, by),
            _ => Ok(()),
        }
    }

    fn set_account(
        &mut self,
        id: NumberId,
        number: &mut Number,
        account: Option<&Arc<str>>,
        by: &str,
    ) -> Result<(), ApplyError> {
        if number.account.as_ref() == account {
            return Ok(());
        }
        if let Some(new) = account
            && self
                .main::<NumberId>(&keys::account(new))?
                .is_some_and(|other| other != id)
        {
            return Err(Reject::Conflict.into());
        }
        if let Some(old) = number.account.take() {
            self.delete_main(keys::account(&old));
            // Who links it anew is perhaps somebody else.
            number.pin = None;
            self.audit(number, Audited::Linked(false), by);
        }
        if let Some(new) = account {
            self.put_main(keys::account(new), &id);
            number.account = Some(new.clone());
            self.audit(number, Audited::Linked(true), by);
        }
        Ok(())
    }

    fn edge_of(&self, id: NumberId, number: &Number, node: NodeId) -> Result<Option<Edge>, ApplyError> {
        self.get(self.families.edge(), &keys::edge(number.route, node, id))
    }

    fn put_edge(&mut self, id: NumberId, number: &Number, node: NodeId, edge: &Edge) {
        let key = keys::edge(number.route, node, id);
        self.apply.tx.put(self.families.edge(), key, encode(edge));
    }

    fn begin_getting(&mut self, id: NumberId, number: &mut Number, node: NodeId, most: u16) -> Result<(), ApplyError> {
        let now = self.apply.seq;
        let edge = match self.edge_of(id, number, node)? {
            Some(edge) if edge.on => return Ok(()),
            Some(edge) => edge,
            None => {
                if number.gets >= most {
                    return Err(Reject::TooMany("authors by text message").into());
                }
                number.gets += 1;
                let key = keys::gets(id, node);
                self.apply.tx.put(self.families.edge(), key, []);
                self.count_followers(number, node, 1)?;
                Edge {
                    on: true,
                    handled: now,
                    sent: Seq(0),
                }
            }
        };
        let edge = Edge {
            on: true,
            handled: now,
            ..edge
        };
        self.put_edge(id, number, node, &edge);
        Ok(())
    }

    fn count_followers(&mut self, number: &Number, node: NodeId, more: i64) -> Result<(), ApplyError> {
        let key = keys::ring(number.route, node);
        let mut ring = self.main::<Ring>(&key)?.unwrap_or_default();
        ring.followers = u32::try_from(i64::from(ring.followers) + more).unwrap_or(0);
        let place = keys::node_route(node, number.route);
        match ring.followers {
            0 => self.delete_main(place),
            1 if more > 0 => self.put_main(place, &()),
            _ => {}
        }
        self.put_main(key, &ring);
        Ok(())
    }

    fn end_getting(&mut self, id: NumberId, number: &mut Number, node: NodeId) -> Result<(), ApplyError> {
        if self.edge_of(id, number, node)?.is_none() {
            return Ok(());
        }
        let family = self.families.edge();
        self.apply.tx.delete(family, keys::edge(number.route, node, id));
        self.apply.tx.delete(family, keys::gets(id, node));
        number.gets = number.gets.saturating_sub(1);
        self.count_followers(number, node, -1)
    }

    fn turn(&mut self, id: NumberId, number: &Number, node: NodeId, on: bool) -> Result<(), ApplyError> {
        let Some(edge) = self.edge_of(id, number, node)? else {
            return Err(Reject::NotSubscribed.into());
        };
        let handled = if on && !edge.on { self.apply.seq } else { edge.handled };
        self.put_edge(id, number, node, &Edge { on, handled, ..edge });
        Ok(())
    }

    /// A chat message for an account whose phone takes them, while none of its sessions is there.
    pub(crate) fn missed(&mut self, account: &str, text: &Arc<str>, expires: Timestamp) -> Result<(), ApplyError> {
        let Some(id) = self.main::<NumberId>(&keys::account(account))? else {
            return Ok(());
        };
        let Some(number) = self.main::<Number>(&keys::number(id))? else {
            return Ok(());
        };
        if number.messages && number.state == State::Active {
            let waiting = Waiting {
                number: id,
                epoch: number.epoch,
                text: text.clone(),
                again: false,
                at: self.apply.at,
                expires,
            };
            let place = self.next_id();
            self.put_main(
                keys::waiting(number.route, Class::Message, self.apply.at, place),
                &waiting,
            );
        }
        Ok(())
    }

    /// An account is gone: its number is forgotten with it, but for STOP.
    pub(crate) fn removed(&mut self, account: &str) -> Result<(), ApplyError> {
        self.delete_main(keys::code(account));
        let Some(id) = self.main::<NumberId>(&keys::account(account))? else {
            return Ok(());
        };
        self.erase(id)
    }

    /// Forgets a number and whose posts it got.
    pub(super) fn erase(&mut self, id: NumberId) -> Result<(), ApplyError> {
        let Some(mut number) = self.main::<Number>(&keys::number(id))? else {
            return Ok(());
        };
        let mut nodes = Vec::new();
        self.apply.tx.scan(
            self.families.edge(),
            &Range::prefix(&keys::all_gets(id)),
            &mut |key, _| {
                nodes.extend(keys::read_gets(key));
                match nodes.len() < ERASED_EDGES {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            },
        )?;
        for node in nodes {
            self.end_getting(id, &mut number, node)?;
        }
        if let Some(account) = &number.account {
            self.delete_main(keys::account(account));
        }
        self.audit(&number, Audited::Erased, "");
        self.delete_main(keys::by_hash(&number.hash));
        let own = [keys::number(id), keys::usage(id), keys::held(id), keys::dialogue(id)];
        for key in own.into_iter().chain([keys::code_of(id)]) {
            self.delete_main(key);
        }
        Ok(())
    }
}
