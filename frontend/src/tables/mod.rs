//! The tables that the front end keeps in the engine's store: accounts, rosters, offline messages, archives.
//!
//! Their operations are records of the same log, applied in the same commit. Knows no session; what an operation means
//! for sessions is in its [`Outcome`], which the shard that asked for it carries out.

mod account;
mod archive;
mod avatar;
mod belongings;
mod block;
mod bookmarks;
mod import;
mod invite;
mod notifications;
mod offline;
mod op;
mod outgoing;
mod private;
mod push;
mod report;
mod roster;
mod subscription;
mod tokens;
mod upload;

pub(crate) use account::account;
pub(crate) use archive::{ArchiveId, ArchivePreferences, Archived, NotRead, Wanted, archive_preferences, ends, page};
pub(crate) use avatar::{Eyes, Picture, Said, avatar, image};
pub(crate) use block::{Blocked, blocked, forms as block_forms};
pub(crate) use bookmarks::{bookmarks, has_unconverted, list as bookmark_list};
pub(crate) use import::Contact;
pub(crate) use invite::{Invite, invite};
pub(crate) use notifications::{Gathering, config as notifications_config};
pub(crate) use offline::{Offline, offline};
pub(crate) use op::Op;
pub(crate) use outgoing::{Outgoing, OutgoingLimits, awaited, down_since, is_paused, outgoing, waiting};
pub(crate) use private::{Kept, elements as private_elements, kept};
pub(crate) use push::{PushService, push_services};
pub(crate) use report::{Report, reports};
pub(crate) use roster::{RosterRow, contact, roster, version};
pub(crate) use subscription::Kind;
pub(crate) use tokens::tokens;
pub(crate) use upload::{Upload, UploadId, gone as gone_uploads, upload, uploaded};

use crate::part::{self, Part};
use crate::{atom, peer, xep};
use bytes::Bytes;
use minidom::Element;
use reef_engine::config::NodeConfig;
use reef_engine::error::{Reject, StoreError};
use reef_engine::log::apply::{Apply, ApplyError, Tables};
use reef_engine::log::record::{Note, Record};
use reef_engine::model::{NodeName, Timestamp};
use reef_engine::store::keys::Family;
use reef_engine::store::{Tx, View};
use reef_stanza::element::{Build, el};
use reef_stanza::{StreamNamespace, attachments, ns, self_contained, write_element};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// bare JID → account
pub(crate) const ACCOUNT: Family = Family(Family::TABLES);
const ROSTER: Family = Family(Family::TABLES + 1);
const OFFLINE: Family = Family(Family::TABLES + 2);
const BLOCK: Family = Family(Family::TABLES + 3);
const ARCHIVE: Family = Family(Family::TABLES + 4);
const NOTED: Family = Family(Family::TABLES + 5);
const OUTGOING: Family = Family(Family::TABLES + 6);
const PRIVATE: Family = Family(Family::TABLES + 7);
const TOKEN: Family = Family(Family::TABLES + 8);
const REPORT: Family = Family(Family::TABLES + 9);
const INVITE: Family = Family(Family::TABLES + 10);
const UPLOAD: Family = Family(Family::TABLES + 11);
const UPLOADED: Family = Family(Family::TABLES + 12);
const PUSH: Family = Family(Family::TABLES + 13);

/// The names of all of them, by their numbers. Those of another part come behind.
pub(crate) const NAMES: [&str; 14] = [
    "account", "roster", "offline", "block", "archive", "noted", "outgoing", "private", "token", "report", "invite",
    "upload", "uploaded", "push",
];

/// What an operation changed that sessions must hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Changed contacts, for the sessions of their account.
    pub(crate) pushes: Vec<Push>,
    /// Presences to deliver to local accounts, or that their sessions send.
    pub(crate) sent: Vec<Sent>,
    /// Whom accounts block from now on, or do no longer.
    pub(crate) blocks: Vec<Blocking>,
    /// Whether the receiver's archive has the message.
    pub(crate) archived: bool,
    /// Whether its sender's has it.
    pub(crate) archived_by_sender: bool,
    /// Other servers for which something waits from now on.
    pub(crate) peers: Vec<Arc<str>>,
    /// Whether there was no room for what an account wants to upload.
    pub(crate) no_room: bool,
    /// When there may be.
    pub(crate) room_at: Option<u64>,
    /// Files that nothing refers to any more.
    pub(crate) files: Vec<UploadId>,
}

/// A change of what an account blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Blocking {
    /// The account.
    pub(crate) user: Arc<str>,
    /// Whom; where a block ends, nobody stands for all.
    pub(crate) jids: Vec<Arc<str>>,
    /// Whether it begins.
    pub(crate) on: bool,
}

/// A roster push (RFC 6121 §2.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Push {
    /// Whose roster.
    pub(crate) user: Arc<str>,
    /// Which contact.
    pub(crate) contact: Arc<str>,
    /// The contact now, also one who only asked and is not listed; `None` when it is removed.
    pub(crate) row: Option<RosterRow>,
    /// Whether clients see a change: that somebody asked is none of the roster's.
    pub(crate) shown: bool,
    /// The roster's version now.
    pub(crate) version: u64,
}

/// A presence that goes out because of the operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// Bare JID of the sender.
    pub(crate) from: Arc<str>,
    /// Bare JID of the receiver.
    pub(crate) to: Arc<str>,
    /// What it says.
    pub(crate) kind: Kind,
    /// The stanza as the sender wrote it; empty where the server speaks for him.
    pub(crate) stanza: Vec<u8>,
}

impl Sent {
    /// The stanza as its sender wrote it, or as the server writes it for him.
    pub(crate) fn stanza(&self) -> Vec<u8> {
        if !self.stanza.is_empty() {
            return self.stanza.clone();
        }
        let presence = el("presence", ns::CLIENT).set_opt("type", self.kind.as_str());
        let mut bytes = Vec::new();
        write_element(
            &presence.set("from", &self.from).set("to", &self.to),
            StreamNamespace::Client,
            &mut bytes,
        );
        bytes
    }
}

impl Outcome {
    /// Reads what a record answered; nothing where it cannot be read.
    pub(crate) fn decode(bytes: &[u8]) -> Outcome {
        postcard::from_bytes(bytes).unwrap_or_default()
    }
}

/// The front end's tables, and those of another part.
pub(crate) struct FrontTables {
    /// The domain that is served: who lives elsewhere is seen by it.
    domain: Arc<str>,
    part: Option<Arc<dyn Part>>,
    /// The part's address.
    address: Option<String>,
}

impl FrontTables {
    /// The tables of this domain.
    pub(crate) fn new(domain: &str, part: Option<Arc<dyn Part>>) -> FrontTables {
        FrontTables {
            domain: domain.into(),
            address: part.as_ref().map(|part| format!("{}.{domain}", part.service())),
            part,
        }
    }

    /// Whether a bare JID is the part's.
    fn is_part(&self, jid: &str) -> bool {
        self.address.as_deref() == Some(jid)
    }
}

impl Tables for FrontTables {
    fn names(&self) -> Vec<&'static str> {
        let others = self.part.iter().flat_map(|part| part.families());
        NAMES.iter().chain(others).copied().collect()
    }

    fn peer(&self, service: &str, jid: &str) -> Option<String> {
        if self.is_part(peer::name::domain_of(jid)) {
            return None;
        }
        peer::name(&self.domain, service, jid)
    }

    fn elsewhere<'j>(&self, jid: &'j str) -> Option<&'j str> {
        let domain = peer::name::domain_of(jid);
        let ours = peer::name::is_ours(&self.domain, domain) || self.is_part(domain);
        (!ours).then_some(domain)
    }

    fn apply(&self, apply: &mut Apply<'_, '_>, op: &[u8]) -> Result<Bytes, ApplyError> {
        if let Some(op) = op.strip_prefix(&[part::MARK]) {
            let part = self.part.as_ref();
            let part = part.ok_or(Reject::NotAcceptable("the part that this is for is not there"))?;
            return part.apply(apply, op);
        }
        let op: Op = postcard::from_bytes(op).map_err(|_| StoreError::Corrupt("a table's operation"))?;
        let mut outcome = Outcome::default();
        match &op {
            Op::CreateAccount { user, credentials } => account::create(apply, user, credentials)?,
            Op::MakeInvite { token, invite, most } => invite::make(apply, token, invite, *most)?,
            Op::RegisterInvited {
                user,
                credentials,
                token,
            } => invite::register(apply, (user, credentials), token, &mut outcome)?,
            Op::SetCredentials { user, credentials } => account::set_credentials(apply, user, credentials)?,
            Op::Suspend { user, suspended } => account::suspend(apply, user, *suspended)?,
            Op::RemoveAccount { user } => {
                account::remove(apply, user, &mut outcome)?;
                self.part.iter().try_for_each(|part| part.removed(apply, user))?;
            }
            Op::SetContact {
                user,
                contact,
                name,
                groups,
                most,
            } => {
                let push = roster::set(apply, user, contact, name, groups, *most)?;
                outcome.pushes.push(push);
            }
            Op::RemoveContact { user, contact } => subscription::remove(apply, user, contact, &mut outcome)?,
            Op::Subscription {
                from,
                to,
                kind,
                stanza,
                most,
                waiting,
            } => {
                let asked = subscription::Asked {
                    from,
                    to,
                    kind: *kind,
                    stanza,
                    most: *most,
                    waiting,
                    grants: self.is_part(to),
                };
                subscription::apply(apply, &asked, &mut outcome)?;
            }
            Op::ImportContact {
                user,
                contact,
                as_is,
                most,
            } => import::put_contact(apply, (user, contact), as_is, *most, &mut outcome)?,
            other => {
                messages(apply, other, &mut outcome)?;
                self.missed(apply, other)?;
            }
        }
        Ok(postcard::to_stdvec(&outcome)
            .expect("an outcome is plain data, which always encodes")
            .into())
    }

    fn sweep(&self, tx: &mut Tx<'_>, now: Timestamp, rows: usize, next: &mut Vec<Record>) -> Result<(), StoreError> {
        notifications::sweep(tx, now, rows, next)?;
        archive::sweep(tx, rows)?;
        self.part.iter().try_for_each(|part| part.sweep(tx, now, rows, next))
    }

    fn note(&self, apply: &mut Apply<'_, '_>, note: &Note, new: Option<(&NodeName, &str)>) -> Result<(), ApplyError> {
        notifications::note(apply, note, new)
    }

    fn in_roster_groups(
        &self,
        view: &dyn View,
        owner: &str,
        contact: &str,
        groups: &[Arc<str>],
    ) -> Result<bool, StoreError> {
        let row = roster::contact(view, owner, contact)?;
        Ok(row.is_some_and(|row| row.groups.iter().any(|group| groups.contains(group))))
    }

    fn blocks(&self, view: &dyn View, owner: &str, jid: &str) -> Result<bool, StoreError> {
        block::blocks(view, owner, jid)
    }

    fn blocks_any(&self, view: &dyn View, owner: &str) -> Result<bool, StoreError> {
        Ok(block::count(view, owner)? > 0)
    }

    fn public_subscription(&self, node: &NodeName) -> Bytes {
        let payload = xep::public_subscription(&node.service, &node.node);
        self_contained(&payload, None).into()
    }

    fn public_subscriber(&self, jid: &str) -> Bytes {
        self_contained(&xep::public_subscriber(jid), None).into()
    }

    fn fits(&self, kind: &str, item: &str, payload: &Bytes) -> bool {
        let payload = atom::parse(payload);
        payload.is_some_and(|payload| xep::fits(kind, item, &payload).is_ok())
    }

    fn configuration(&self, config: &NodeConfig) -> Bytes {
        xep::configuration_form(config).into()
    }

    fn marks(&self, payload: &Bytes) -> Vec<Arc<str>> {
        attachments::marks(payload).into_iter().map(Arc::from).collect()
    }

    fn summary(&self, marks: &[(Arc<str>, u64)]) -> Bytes {
        attachments::summary(marks.iter().map(|(mark, count)| (&**mark, *count))).into()
    }

    fn roster_members(&self, view: &dyn View, owner: &str, groups: &[Arc<str>]) -> Result<Vec<Arc<str>>, StoreError> {
        let rows = roster(view, owner)?.into_iter();
        let within = rows.filter(|(_, row)| row.groups.iter().any(|group| groups.contains(group)));
        Ok(within.map(|(contact, _)| contact).collect())
    }
}

impl FrontTables {
    /// A message was kept: the part may have something to do with it, unless it is its own.
    fn missed(&self, apply: &mut Apply<'_, '_>, op: &Op) -> Result<(), ApplyError> {
        let (Some(part), Op::PutOffline { user, from, stanza, .. }) = (&self.part, op) else {
            return Ok(());
        };
        let message = Element::from_reader_with_prefixes(&**stanza, Some(ns::CLIENT.to_owned())).ok();
        let body = message.and_then(|message| Some(message.get_child("body", ns::CLIENT)?.text()));
        match body.filter(|_| !self.is_part(from)) {
            Some(body) => part.missed(apply, user, from, &body),
            None => Ok(()),
        }
    }
}

/// The rest of the operations: on messages, and on who is blocked.
fn messages(apply: &mut Apply<'_, '_>, op: &Op, outcome: &mut Outcome) -> Result<(), ApplyError> {
    match op {
        Op::PutOffline {
            user,
            from,
            stanza,
            most,
            most_bytes,
        } => {
            if block::blocks(apply.tx, user, from)? {
                return Err(Reject::Blocked.into());
            }
            offline::put(apply, user, stanza, *most, *most_bytes)?;
        }
        Op::Block { user, jids, most } => block::block(apply, user, jids, *most, outcome)?,
        Op::Unblock { user, jids } => block::unblock(apply, user, jids, outcome)?,
        Op::Report {
            user,
            jids,
            most,
            reports,
        } => {
            block::block(apply, user, jids, *most, outcome)?;
            report::put(apply, user, reports)?;
        }
        Op::ForgetReports { jid } => report::forget(apply, jid)?,
        Op::TakeOffline { user, upto } => offline::take(apply, user, *upto)?,
        Op::Archive {
            id,
            from,
            to,
            stanza,
            most,
            days,
            waiting,
        } => {
            let message = archive::Message {
                id: *id,
                from,
                to,
                stanza,
                most: *most,
                days: *days,
            };
            let peer = apply.tables.peer(bare(from), bare(to));
            let kept = archive::keep(apply, &message, peer.is_some())?;
            (outcome.archived, outcome.archived_by_sender) = (kept.received, kept.sent);
            if let Some(peer) = peer {
                send_on(apply, outcome, (&peer, bare(from)), on_a_stream(stanza), waiting)?;
            }
        }
        Op::PeerDown { peer, down } => outgoing::down(apply, peer, *down),
        Op::PausePeer { peer, paused } => outgoing::pause(apply, peer, *paused),
        Op::TakeOutgoing { peer, numbers } => outgoing::take(apply, peer, numbers)?,
        Op::WarnedOutgoing { peer, numbers } => outgoing::warned(apply, peer, numbers)?,
        Op::SetArchivePreferences { user, preferences } => archive::set_preferences(apply, user, preferences)?,
        other => belongings::apply_to(apply, other, outcome)?,
    }
    Ok(())
}

/// Keeps a stanza for another server.
fn send_on(
    apply: &mut Apply<'_, '_>,
    outcome: &mut Outcome,
    (peer, from): (&str, &str),
    stanza: Vec<u8>,
    limits: &OutgoingLimits,
) -> Result<(), ApplyError> {
    let row = Outgoing {
        from: from.into(),
        at: apply.at,
        warned: false,
        stanza,
    };
    outgoing::put(apply, peer, &row, limits)?;
    outcome.peers.push(peer.into());
    Ok(())
}

/// A stanza that stands for itself, as it stands in a stream, whose namespace is its own.
fn on_a_stream(stanza: &[u8]) -> Vec<u8> {
    const ROOT: &[u8] = b"<message xmlns='jabber:client'";
    match stanza.strip_prefix(ROOT) {
        Some(rest) => [b"<message", rest].concat(),
        None => stanza.to_vec(),
    }
}

fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

/// `user NUL rest`: rows of one account lie together.
fn key(user: &str, rest: &[u8]) -> Vec<u8> {
    [user.as_bytes(), &[0], rest].concat()
}
