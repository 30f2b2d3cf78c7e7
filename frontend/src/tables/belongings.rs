//! Operations on what is of an account and its clients alone: which module carries out which.
//!
//! Knows no sessions. Next: the module of each.

use super::{Op, Outcome, archive, avatar, bookmarks, import, private, push, tokens, upload};
use reef_engine::log::apply::{Apply, ApplyError};

/// What is of an account and its clients alone.
pub(super) fn apply_to(apply: &mut Apply<'_, '_>, op: &Op, outcome: &mut Outcome) -> Result<(), ApplyError> {
    match op {
        Op::Keep {
            user,
            what,
            element,
            most,
        } => private::keep(apply, user, (what, element), *most),
        Op::ImportArchived {
            user,
            id,
            at,
            from,
            to,
            stanza,
            most,
            days,
        } => {
            let message = archive::Message {
                id: *id,
                from,
                to,
                stanza,
                most: *most,
                days: *days,
            };
            import::put_archived(apply, &archive::Imported { user, at: *at, message })
        }
        Op::SetCard {
            user,
            card,
            picture,
            most,
        } => avatar::set_card(apply, user, (card, picture.as_ref()), *most),
        Op::SetBookmarks {
            user,
            storage,
            whole,
            most,
            changes,
        } => {
            let list = bookmarks::List {
                storage,
                whole: *whole,
                most: *most,
                changes: *changes,
            };
            bookmarks::set(apply, user, &list)
        }
        Op::SetTokens {
            user,
            agent,
            tokens,
            basis,
            most,
        } => tokens::set(apply, user, (agent, tokens), basis, *most),
        other => services(apply, other, outcome),
    }
}

/// What other services do for it: uploads, pushes.
fn services(apply: &mut Apply<'_, '_>, op: &Op, outcome: &mut Outcome) -> Result<(), ApplyError> {
    match op {
        Op::PromiseUpload { id, upload, most, days } => {
            let wish = upload::Wish {
                id: *id,
                upload,
                most: *most,
                days: *days,
            };
            upload::promise(apply, &wish, outcome)
        }
        Op::EnablePush { user, service, most } => push::enable(apply, user, service, *most),
        Op::DisablePush { user, jid, node } => push::disable(apply, user, jid, node.as_deref()),
        Op::KeepUpload { id } => upload::keep(apply, id),
        Op::DropUploads { ids, days } => upload::drop_gone(apply, ids, *days, outcome),
        _ => Ok(()),
    }
}
