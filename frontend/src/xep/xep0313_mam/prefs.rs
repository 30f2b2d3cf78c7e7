//! XEP-0441, preferences of an account's archive: everybody, nobody or contacts, and two lists of exceptions.
//!
//! They are rows of the tables, looked at by the very record that archives a message. Lists are bounded.

use super::super::{Answer, Ctx};
use crate::errors;
use crate::limits::ARCHIVE_LISTED;
use crate::tables::{self, ArchivePreferences, Archived, Op};
use jid::Jid;
use minidom::Element;
use reef_engine::error::StoreError;
use reef_engine::log::record::Change;
use reef_engine::store::View;
use reef_stanza::mam::{ArchiveDefault, GetPreferences, Preferences};
use reef_stanza::{Condition, IqPayload, StanzaError};
use std::sync::Arc;

/// §2.1.
pub(super) fn get(ctx: &mut Ctx<'_>, GetPreferences: GetPreferences) -> Result<Answer, StanzaError> {
    ctx.own()?;
    let user = ctx.from.to_bare();
    Ok(Answer::read(move |engine| {
        let stored = tables::archive_preferences(engine.view(), user.as_str()).map_err(errors::unreadable)?;
        Ok(Answer::Payload(shown(stored).to_element()))
    }))
}

/// §2.1: all of them at once; the answer says what is in force.
pub(super) fn set(ctx: &mut Ctx<'_>, wanted: Preferences) -> Result<Answer, StanzaError> {
    ctx.own()?;
    if wanted.always.len() + wanted.never.len() > ARCHIVE_LISTED {
        let error = StanzaError::new(Condition::NotAcceptable);
        return Err(error.with_text(format!("at most {ARCHIVE_LISTED} JIDs in both lists")));
    }
    let user: Arc<str> = ctx.from.to_bare().as_str().into();
    let op = Op::SetArchivePreferences {
        user: user.clone(),
        preferences: stored(&wanted),
    };
    let change = Change::Table {
        owner: user.clone(),
        op: op.encode(),
    };
    Ok(Answer::submit(&user, change, move |_, fate| match fate {
        Ok(_) => Ok(Answer::Payload(wanted.to_element())),
        Err(error) => Err(errors::stanza_error(&error)),
    }))
}

/// An account's preferences, as they are said.
pub(crate) fn archive_preferences(view: &dyn View, user: &str) -> Result<Element, StoreError> {
    Ok(shown(tables::archive_preferences(view, user)?).to_element())
}

/// Preferences as somebody says them.
pub(crate) fn preferences_in(said: &Element) -> Option<ArchivePreferences> {
    let wanted = Preferences::parse(said.clone()).ok()?;
    (wanted.always.len() + wanted.never.len() <= ARCHIVE_LISTED).then(|| stored(&wanted))
}

fn stored(wanted: &Preferences) -> ArchivePreferences {
    let list = |jids: &[Jid]| jids.iter().map(|jid| jid.as_str().into()).collect();
    ArchivePreferences {
        default: match wanted.default {
            ArchiveDefault::Always => Archived::Always,
            ArchiveDefault::Never => Archived::Never,
            ArchiveDefault::Roster => Archived::Roster,
        },
        always: list(&wanted.always),
        never: list(&wanted.never),
    }
}

fn shown(stored: ArchivePreferences) -> Preferences {
    let list = |jids: Vec<Arc<str>>| jids.iter().filter_map(|jid| Jid::new(jid).ok()).collect();
    Preferences {
        default: match stored.default {
            Archived::Always => ArchiveDefault::Always,
            Archived::Never => ArchiveDefault::Never,
            Archived::Roster => ArchiveDefault::Roster,
        },
        always: list(stored.always),
        never: list(stored.never),
    }
}
