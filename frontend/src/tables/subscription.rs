//! Presence subscriptions (RFC 6121 §3): the state machine of both rosters, moved together where both are here.
//!
//! An edge of presence follows each change of `from`. Knows no session: what is to be delivered goes into the outcome.

use super::block;
use super::invite;
use super::roster::{self, RosterRow};
use super::{Outcome, OutgoingLimits, Push, Sent};
use reef_engine::log::apply::{Apply, ApplyError};
use serde::{Deserialize, Serialize};

/// The four presences that manage a subscription, and the two that follow from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Asks for presence.
    Subscribe,
    /// Grants it.
    Subscribed,
    /// Gives it up.
    Unsubscribe,
    /// Takes it back, or refuses.
    Unsubscribed,
    /// The receiver now gets the sender's presence: the server sends what there is.
    Available,
    /// The receiver no longer gets it: the server says that the sender is gone.
    Unavailable,
}

impl Kind {
    /// The `type` of the stanza; `None` for the two that stand for stanzas of the sender's sessions.
    pub(crate) fn as_str(self) -> Option<&'static str> {
        match self {
            Kind::Subscribe => Some("subscribe"),
            Kind::Subscribed => Some("subscribed"),
            Kind::Unsubscribe => Some("unsubscribe"),
            Kind::Unsubscribed => Some("unsubscribed"),
            Kind::Available | Kind::Unavailable => None,
        }
    }
}

/// A presence that somebody sends, here or elsewhere.
pub(super) struct Asked<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) kind: Kind,
    pub(super) stanza: &'a [u8],
    pub(super) most: u32,
    pub(super) waiting: &'a OutgoingLimits,
    /// Whether the receiver grants it to everybody here at once, and keeps nothing of it.
    pub(super) grants: bool,
}

pub(super) fn apply(apply: &mut Apply<'_, '_>, asked: &Asked<'_>, outcome: &mut Outcome) -> Result<(), ApplyError> {
    let (from, to) = (asked.from, asked.to);
    // His own server has moved his side.
    if apply.tables.peer(to, from).is_some() {
        return received(apply, asked, outcome);
    }
    let old = roster::contact(apply.tx, from, to)?;
    if old.is_none() && asked.kind == Kind::Subscribe {
        roster::room(apply, from, asked.most)?;
    }
    let mut row = old.clone().unwrap_or_default();
    match asked.kind {
        Kind::Subscribe => {
            row.ask = !row.to;
            row.listed = true;
        }
        Kind::Unsubscribe => (row.to, row.ask) = (false, false),
        Kind::Subscribed => {
            // A grant that nobody asked for has no effect (RFC 6121 §3.1.4; pre-approval is not offered).
            if row.asked.take().is_none() {
                return Ok(());
            }
            (row.from, row.listed) = (true, true);
        }
        Kind::Unsubscribed => (row.from, row.asked) = (false, None),
        Kind::Available | Kind::Unavailable => return Ok(()),
    }
    write(apply, from, to, old, row, outcome)?;
    let peer = apply.tables.peer(from, to);
    match &peer {
        Some(_) => send(apply, (from, to), asked, asked.kind, outcome)?,
        None => outcome.sent.push(sent(asked, asked.kind, asked.stanza)),
    }
    match asked.kind {
        Kind::Subscribed => outcome.sent.push(sent(asked, Kind::Available, &[])),
        Kind::Unsubscribed => outcome.sent.push(sent(asked, Kind::Unavailable, &[])),
        _ => {}
    }
    match peer {
        Some(_) => Ok(()),
        None => received(apply, asked, outcome),
    }
}

/// Has a presence delivered: here at once, elsewhere it is kept until it has arrived. As its sender wrote it, if he did.
fn send(
    apply: &mut Apply<'_, '_>,
    (from, to): (&str, &str),
    asked: &Asked<'_>,
    kind: Kind,
    outcome: &mut Outcome,
) -> Result<(), ApplyError> {
    let own = asked.kind == kind && asked.from == from;
    let sent = Sent {
        from: from.into(),
        to: to.into(),
        kind,
        stanza: if own { asked.stanza.to_vec() } else { Vec::new() },
    };
    match apply.tables.peer(from, to).filter(|_| kind.as_str().is_some()) {
        Some(peer) => super::send_on(apply, outcome, (&peer, from), sent.stanza(), asked.waiting),
        None => {
            outcome.sent.push(sent);
            Ok(())
        }
    }
}

fn sent(asked: &Asked<'_>, kind: Kind, stanza: &[u8]) -> Sent {
    Sent {
        from: asked.from.into(),
        to: asked.to.into(),
        kind,
        stanza: stanza.to_vec(),
    }
}

/// The receiver's side, where he is here.
fn received(apply: &mut Apply<'_, '_>, asked: &Asked<'_>, outcome: &mut Outcome) -> Result<(), ApplyError> {
    let (user, contact) = (asked.to, asked.from);
    if asked.grants {
        outcome.sent.retain(|sent| *sent.to != *user);
        return match asked.kind {
            Kind::Subscribe => granted(apply, asked, true, outcome),
            _ => Ok(()),
        };
    }
    let here = apply.tables.peer(user, contact).is_none();
    if !here && super::account(apply.tx, user)?.is_none() {
        // RFC 6121 §3.1.3: nobody will ever answer.
        return match asked.kind {
            Kind::Subscribe => send(apply, (user, contact), asked, Kind::Unsubscribed, outcome),
            _ => Ok(()),
        };
    }
    // Whom he blocks he hears nothing of, and neither is there an answer (XEP-0191 §3.3). What ends by it does end.
    let ends = matches!(asked.kind, Kind::Unsubscribe | Kind::Unsubscribed);
    if block::blocks(apply.tx, user, contact)? {
        outcome.sent.retain(|sent| *sent.to != *user);
        if !ends {
            return Ok(());
        }
    }
    let old = roster::contact(apply.tx, user, contact)?;
    let mut row = old.clone().unwrap_or_default();
    match asked.kind {
        // Already granted: the server answers for him (RFC 6121 §3.1.3).
        Kind::Subscribe if row.from => {
            outcome.sent.pop();
            return granted(apply, asked, here, outcome);
        }
        // A full roster holds no more open questions: the request is dropped, as if it were never answered.
        Kind::Subscribe if old.is_none() && roster::room(apply, user, asked.most).is_err() => {
            outcome.sent.pop();
            return Ok(());
        }
        Kind::Subscribe => row.asked = Some(asked.stanza.to_vec()),
        Kind::Subscribed if !row.ask => {
            outcome.sent.retain(|sent| sent.kind != Kind::Subscribed);
            return Ok(());
        }
        Kind::Subscribed => (row.to, row.ask) = (true, false),
        Kind::Unsubscribe => {
            if row.from {
                let kind = Kind::Unavailable;
                outcome.sent.push(Sent {
                    from: user.into(),
                    to: contact.into(),
                    kind,
                    stanza: Vec::new(),
                });
            }
            (row.from, row.asked) = (false, None);
        }
        Kind::Unsubscribed => (row.to, row.ask) = (false, false),
        Kind::Available | Kind::Unavailable => {}
    }
    let elsewhere = (!here).then(|| sent(asked, asked.kind, asked.stanza));
    write(apply, user, contact, old, row, outcome)?;
    if asked.kind == Kind::Subscribe && invite::welcome(apply, asked, outcome)? {
        return Ok(());
    }
    // What came from elsewhere is shown as what came from here, if it changed something: a question once, until it is answered.
    let changed = !outcome.pushes.is_empty();
    outcome.sent.extend(elsewhere.filter(|_| changed));
    Ok(())
}

/// The contact had granted it before: the asker's side is brought up to date.
fn granted(apply: &mut Apply<'_, '_>, asked: &Asked<'_>, here: bool, outcome: &mut Outcome) -> Result<(), ApplyError> {
    if here {
        let old = roster::contact(apply.tx, asked.from, asked.to)?;
        let row = RosterRow {
            to: true,
            ask: false,
            ..old.clone().unwrap_or_default()
        };
        write(apply, asked.from, asked.to, old, row, outcome)?;
    }
    for kind in [Kind::Subscribed, Kind::Available] {
        send(apply, (asked.to, asked.from), asked, kind, outcome)?;
    }
    Ok(())
}

/// Writes a side that changed, its push, and its edge of presence.
pub(super) fn write(
    apply: &mut Apply<'_, '_>,
    user: &str,
    contact: &str,
    old: Option<RosterRow>,
    row: RosterRow,
    outcome: &mut Outcome,
) -> Result<(), ApplyError> {
    let before = old.clone().unwrap_or_default();
    if before == row {
        return Ok(());
    }
    let push = if row.listed || row.asked.is_some() {
        roster::put(apply, user, contact, &row)
    } else {
        roster::delete(apply, user, contact)
    };
    // An open question is no contact: only what is in the roster is pushed.
    let seen = RosterRow {
        asked: None,
        ..before.clone()
    } != RosterRow {
        asked: None,
        ..row.clone()
    };
    let shown = seen && (row.listed || before.listed);
    outcome.pushes.push(Push { shown, ..push });
    if before.from != row.from {
        apply.presence_edge(user, contact, row.from)?;
    }
    Ok(())
}

/// Makes two accounts contacts of each other, who both get the other's presence.
pub(super) fn befriend(
    apply: &mut Apply<'_, '_>,
    one: &str,
    other: &str,
    outcome: &mut Outcome,
) -> Result<(), ApplyError> {
    for (user, contact) in [(one, other), (other, one)] {
        let old = roster::contact(apply.tx, user, contact)?;
        let row = RosterRow {
            to: true,
            from: true,
            ask: false,
            asked: None,
            listed: true,
            ..old.clone().unwrap_or_default()
        };
        write(apply, user, contact, old, row, outcome)?;
        outcome.sent.push(Sent {
            from: user.into(),
            to: contact.into(),
            kind: Kind::Available,
            stanza: Vec::new(),
        });
    }
    Ok(())
}

/// Removes a contact: both subscriptions end (RFC 6121 §2.5.2).
pub(super) fn remove(
    apply: &mut Apply<'_, '_>,
    user: &str,
    contact: &str,
    outcome: &mut Outcome,
) -> Result<(), ApplyError> {
    let Some(row) = roster::contact(apply.tx, user, contact)? else {
        return Err(reef_engine::error::Reject::ItemNotFound.into());
    };
    let kinds = [
        (row.to || row.ask, Kind::Unsubscribe),
        (row.from || row.asked.is_some(), Kind::Unsubscribed),
    ];
    for (_, kind) in kinds.into_iter().filter(|(ends, _)| *ends) {
        let asked = Asked {
            from: user,
            to: contact,
            kind,
            stanza: &[],
            most: u32::MAX,
            waiting: &OutgoingLimits::NONE,
            grants: false,
        };
        self::apply(apply, &asked, outcome)?;
    }
    outcome
        .pushes
        .retain(|push| *push.user != *user || *push.contact != *contact);
    outcome.pushes.push(roster::delete(apply, user, contact));
    apply.contact_changed(user, contact)
}
