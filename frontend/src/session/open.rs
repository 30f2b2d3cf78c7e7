//! The stream after SASL: its second header, features, bind with its conflicts, and the user's rows (RFC 6120 §7).
//!
//! The first session of a user reads his roster and cursors, on a reader thread; until then he is not bound. Next:
//! `read.rs`.

use super::conn::{Address, Conn, Phase};
use super::inline::Welcome;
use super::iq::IqRef;
use super::wire::{FarEnd, Wire};
use super::wishes::Wishes;
use super::{ConnRef, Hub, User, avatar};
use crate::errors;
use crate::stream::{Authenticated, ConnectionPermit, Inline};
use crate::tables;
use jid::{BareJid, FullJid, ResourcePart};
use minidom::Element;
use mio::Token;
use reef_engine::Engine;
use reef_engine::error::StoreError;
use reef_engine::model::{SubscriberId, VShard};
use reef_engine::outbox::{self, Devices};
use reef_engine::store::rows;
use reef_stanza::element::{Build, el};
use reef_stanza::{
    Condition, ErrorType, StanzaError, StreamCondition, StreamFault, StreamHeader, StreamNamespace, StreamReader, ns,
    stream_header,
};

/// Who waits for a session.
#[derive(Clone)]
pub(super) enum Binder {
    /// A request of RFC 6120 §7.
    Iq(IqRef),
    /// A login of XEP-0388.
    Inline(Box<Welcome>),
}

/// A user's rows.
pub(super) struct Loaded {
    roster: Vec<(std::sync::Arc<str>, tables::RosterRow)>,
    version: u64,
    subscriber: SubscriberId,
    devices: Devices,
    wishes: Wishes,
    greeted: bool,
    blocked: tables::Blocked,
    avatar: Option<Box<str>>,
}

fn load(engine: &Engine, user: &str) -> Result<Option<Loaded>, StoreError> {
    let view = engine.view();
    // Removed or suspended since it logged in.
    let account = tables::account(view, user)?.filter(|account| !account.suspended);
    let (Some(_), Some(subscriber)) = (account, rows::subscriber_id(view, user)?) else {
        return Ok(None);
    };
    // The version first: a change that comes between is pushed again, and harmless.
    let version = tables::version(view, user)?;
    let devices = outbox::cursors_of(view, subscriber, VShard::of(user))?;
    Ok(Some(Loaded {
        roster: tables::roster(view, user)?,
        version,
        subscriber,
        devices,
        wishes: Wishes::read(engine, subscriber)?,
        greeted: !rows::coming(view, subscriber, 1)?.is_empty(),
        blocked: tables::blocked(view, user)?,
        avatar: avatar::read(engine, user)?,
    }))
}

impl Hub {
    /// Takes a client that has logged in.
    pub(super) fn adopt(&mut self, connection: Authenticated) {
        let Authenticated {
            user,
            socket,
            tls,
            unread,
            lang,
            inline,
            token,
            ..
        } = connection;
        let permit = token.counts().then(|| Box::new(token));
        match Wire::new(socket, tls) {
            Ok(wire) => {
                let begun = self.begin(user, wire, unread, lang, permit);
                if let (Some(slot), Some((reader, inline))) = (begun, inline) {
                    self.goes_on(slot, reader, *inline);
                }
            }
            Err(error) => tracing::debug!(%error, "a client was gone before its shard had it"),
        }
    }

    /// Takes somebody in this process who counts as logged in.
    pub(crate) fn adopt_far_end(&mut self, user: BareJid, first: Vec<u8>, far: Box<dyn FarEnd>) {
        self.begin(user, Wire::memory(far), first, None, None);
    }

    /// The stream of a client that spoke XEP-0388 goes on as it is.
    fn goes_on(&mut self, slot: u32, mut reader: StreamReader, inline: Inline) {
        reader.set_budget(self.server.budget.clone());
        if let Some(conn) = self.conn_mut(slot) {
            conn.reader = reader;
        }
        self.begins_inline(slot, inline);
    }

    fn begin(
        &mut self,
        user: BareJid,
        mut wire: Wire,
        unread: Vec<u8>,
        lang: Option<String>,
        permit: Option<Box<ConnectionPermit>>,
    ) -> Option<u32> {
        let token_of_slot = self.free.last().copied().unwrap_or(self.conns.len() as u32);
        if let Err(error) = wire.register(&self.registry, Token(token_of_slot as usize)) {
            tracing::warn!(%error, "a client's socket cannot be polled");
            return None;
        }
        let reader = StreamReader::new(StreamNamespace::Client, self.server.budget.clone());
        let conn = Conn {
            unread,
            lang: lang.map(String::into_boxed_str),
            _permit: permit,
            ..Conn::new(wire, reader, user)
        };
        let slot = self.insert(conn);
        self.wired(slot);
        let wait = self.server.config.c2s.handshake_timeout.as_millis() as u64;
        self.set_deadline(slot, self.now() + wait);
        self.readable.push_back(self.conn_ref(slot));
        Some(slot)
    }

    /// The header that restarts the stream (RFC 6120 §4.3.3).
    pub(super) fn header(&mut self, slot: u32, header: &StreamHeader) -> Result<(), StreamFault> {
        let id = format!("{:016x}", self.server.random());
        let reply = stream_header(
            StreamNamespace::Client,
            &self.server.domain,
            header.from.as_deref(),
            &id,
            header.lang.as_deref(),
        );
        self.write_raw(slot, &reply);
        if let Some(conn) = self.conn_mut(slot) {
            conn.phase = Phase::Bind;
            conn.lang = header.lang.as_deref().map(Into::into).or_else(|| conn.lang.take());
        }
        if header.to.as_deref().is_some_and(|to| !self.server.is_domain(to)) {
            return Err(StreamFault::new(StreamCondition::HostUnknown));
        }
        if header.version.is_none_or(|(major, _)| major < 1) {
            return Err(StreamFault::new(StreamCondition::UnsupportedVersion));
        }
        let features = self.server.bound_features.clone();
        self.write_raw(slot, &features);
        Ok(())
    }

    /// `<bind/>` (RFC 6120 §7.6, §7.7).
    pub(super) fn bind(&mut self, slot: u32, iq: IqRef, wanted: Option<String>) {
        let made = wanted.as_deref().is_none_or(str::is_empty);
        let resource = wanted
            .filter(|w| !w.is_empty())
            .unwrap_or_else(|| format!("{:016x}", self.server.random()));
        let Ok(part) = ResourcePart::new(&resource).map(|part| part.into_owned()) else {
            let error = StanzaError::new(Condition::BadRequest).with_text("the resource is not allowed");
            return self.answer(iq, Err(error));
        };
        self.bind_as(slot, &part, made, Binder::Iq(iq));
    }

    /// The same within a login (XEP-0386): a tag that can be part of no resource is left out.
    pub(super) fn bind_inline(&mut self, slot: u32, wanted: String, made: bool, welcome: Welcome) {
        let named = ResourcePart::new(&wanted).map(|part| part.into_owned());
        let part = named.or_else(|_| {
            let (_, made) = wanted.rsplit_once('/').unwrap_or(("", &wanted));
            ResourcePart::new(made).map(|part| part.into_owned())
        });
        match part {
            Ok(part) => self.bind_as(slot, &part, made, Binder::Inline(Box::new(welcome))),
            Err(_) => self.end(slot, Some(StreamFault::new(StreamCondition::InternalServerError))),
        }
    }

    fn bind_as(&mut self, slot: u32, part: &jid::ResourceRef, made: bool, binder: Binder) {
        let Some(user) = self.conn(slot).map(|conn| conn.user.clone()) else {
            return;
        };
        let jid = user.with_resource(part);
        if let Some(conn) = self.conn_mut(slot) {
            conn.phase = Phase::Binding;
            conn.made = made;
            conn.address = Address::new(jid);
        }
        let fresh = || {
            Box::new(User {
                loading: Some(Box::default()),
                ..User::default()
            })
        };
        let known = self.users.entry(user.clone()).or_insert_with(fresh);
        known.binding += 1;
        if known.loading.is_none() {
            return self.bound(slot, binder);
        }
        self.load(self.conn_ref(slot), binder, user);
    }

    fn load(&mut self, conn: ConnRef, binder: Binder, user: BareJid) {
        let (server, shard, asked) = (self.server.clone(), self.number, binder.clone());
        let name = user.clone();
        let read = self.server.engine.read(move |engine| {
            let loaded = load(engine, user.as_str());
            server
                .router
                .answer(shard, Box::new(move |hub| hub.loaded(conn, asked, &user, loaded)));
        });
        if read.is_err() {
            return self.refuse_bind(conn, binder, errors::busy());
        }
        if let Some(user) = self.users.get_mut(&name) {
            user.loads += 1;
        }
    }

    fn loaded(&mut self, conn: ConnRef, binder: Binder, name: &BareJid, loaded: Result<Option<Loaded>, StoreError>) {
        if let Some(user) = self.users.get_mut(name) {
            user.loads -= 1;
        }
        let rows = match loaded {
            Ok(Some(rows)) => rows,
            // The account was removed since it logged in.
            Ok(None) => return self.not_loaded(conn, binder, name, StanzaError::new(Condition::NotAuthorized)),
            Err(error) => return self.not_loaded(conn, binder, name, errors::unreadable(error)),
        };
        if let Some(user) = self.users.get_mut(name)
            && let Some(meanwhile) = user.loading.take()
        {
            let contacts = rows.roster.into_iter();
            user.roster = contacts
                .filter_map(|(jid, row)| Some((BareJid::new(&jid).ok()?, row)))
                .collect();
            user.roster_version = rows.version;
            user.subscriber = Some(rows.subscriber);
            user.devices = rows.devices;
            user.take_wishes(rows.wishes);
            user.greeted |= rows.greeted;
            user.avatar.loaded(rows.avatar);
            user.blocked = (!rows.blocked.is_empty()).then(|| Box::new(rows.blocked));
            meanwhile
                .blocks
                .iter()
                .for_each(|blocking| user.take_blocking(blocking));
            for push in meanwhile.pushes.iter().filter(|push| push.version > rows.version) {
                user.take(push);
            }
        }
        match self.alive(conn) {
            Some(slot) => self.bound(slot, binder),
            None => self.forget_if_gone(name),
        }
    }

    fn not_loaded(&mut self, conn: ConnRef, binder: Binder, name: &BareJid, error: StanzaError) {
        self.refuse_bind(conn, binder, error);
        self.forget_if_gone(name);
    }

    pub(super) fn refuse_bind(&mut self, conn: ConnRef, binder: Binder, error: StanzaError) {
        let Some(slot) = self.alive(conn) else { return };
        let conn_ref = conn;
        let Some(conn) = self.conn_mut(slot).filter(|conn| conn.binds()) else {
            return;
        };
        conn.phase = Phase::Bind;
        conn.address = Address::default();
        let name = conn.user.clone();
        match binder {
            Binder::Iq(iq) => self.answer(iq, Err(error)),
            Binder::Inline(_) => self.not_welcome(slot, &error),
        }
        if let Some(user) = self.users.get_mut(&name) {
            user.binding -= 1;
        }
        self.forget_if_gone(&name);
        // It may have tried another resource already.
        self.readable.push_back(conn_ref);
    }

    /// The user is here and loaded: ends a session with the same resource, counts, and answers.
    pub(super) fn bound(&mut self, slot: u32, binder: Binder) {
        if self.conn(slot).is_none_or(|conn| !conn.binds()) {
            let name = self.conn(slot).map(|conn| conn.user.clone());
            return name.iter().for_each(|name| self.forget_if_gone(name));
        }
        if self.reads_archive(slot, &binder) {
            return;
        }
        let Some(conn) = self.conn(slot) else { return };
        let Some(jid) = conn.jid().cloned() else { return };
        let (name, device) = (conn.user.clone(), conn.device().to_owned());
        let sessions = self
            .users
            .get(&name)
            .map(|user| user.sessions.clone())
            .unwrap_or_default();
        let same = sessions
            .iter()
            .copied()
            .find(|other| self.conn(*other).and_then(|c| c.jid()) == Some(&jid));
        if let Some(older) = same {
            self.end(older, Some(StreamFault::new(StreamCondition::Conflict)));
        } else if sessions.len() >= self.server.config.limits.sessions_per_account as usize {
            let error = StanzaError::new(Condition::ResourceConstraint).with_type(ErrorType::Wait);
            return self.refuse_bind(self.conn_ref(slot), binder, error.with_text("too many sessions"));
        }
        // The user is still here, even where the older session was the last: this one counts as binding.
        let Some(user) = self.users.get_mut(&name) else { return };
        let Some(subscriber) = user.subscriber else { return };
        user.binding -= 1;
        user.sessions.push(slot);
        let wishes = user.wishes.clone();
        let key = self.shard.attach(subscriber, Some(&device));
        self.set_slot(key, slot);
        if let Some(conn) = self.conn_mut(slot) {
            conn.key = Some(key);
            conn.take_wishes(wishes);
            conn.phase = Phase::Open;
            conn.deadline = None;
        }
        match binder {
            Binder::Iq(iq) => self.answer(iq, Ok(crate::xep::Answer::Payload(bind_result(&jid)))),
            Binder::Inline(welcome) => self.welcome(slot, *welcome, &jid),
        }
        self.readable.push_back(self.conn_ref(slot));
    }
}

fn bind_result(jid: &FullJid) -> Element {
    el("bind", ns::BIND).child(el("jid", ns::BIND).with_text(jid.as_str()))
}
