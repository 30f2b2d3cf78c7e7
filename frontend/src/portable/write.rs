//! The text of an account, page by page: its beginning, and which page comes when.
//!
//! A page stands at a cursor that says all that the next one needs. What changes between two pages is in the later ones, or not.

use super::{FOLLOWS, PIE, PIE_MAM, nodes, said, scram};
use crate::admin::Refused;
use crate::tables::{self, Kept};
use crate::{atom, xep};
use minidom::Element;
use reef_engine::Engine;
use reef_stanza::element::{Build, el};
use reef_stanza::{escape_attr, ns, self_contained};

/// Where a page stands: the part, the node that it is about, and what of it was written.
pub(super) type Cursor = (u8, String, String);

pub(super) const HEAD: u8 = 0;
pub(super) const OWNED: u8 = 1;
pub(super) const ITEMS: u8 = 2;
pub(super) const ARCHIVE: u8 = 3;
pub(super) const FOLLOWED: u8 = 4;

/// A page of an account's text from a cursor on, or the first, and the cursor of the next.
///
/// # Errors
/// There is no such account, or it changed so that the cursor leads nowhere.
pub(crate) fn page(
    engine: &Engine,
    domain: &str,
    user: &str,
    from: Option<&str>,
) -> Result<(String, Option<String>), Refused> {
    let cursor: Cursor = match from {
        Some(from) => serde_json::from_str(from).map_err(Refused::new)?,
        None => (HEAD, String::new(), String::new()),
    };
    let (mut out, next) = match cursor.0 {
        HEAD => (head(engine, domain, user)?, start(OWNED)),
        OWNED => nodes::owned(engine, user, &cursor)?,
        ITEMS => nodes::items(engine, user, &cursor)?,
        ARCHIVE => said::archive(engine, user, &cursor)?,
        _ => said::followed(engine, user, &cursor)?,
    };
    // Each part opens with its first page, and closes with its last.
    if cursor.0 != HEAD && cursor.1.is_empty() && cursor.2.is_empty() {
        let (name, ns) = around(cursor.0);
        out = format!("<{name} xmlns='{ns}'>{out}");
    }
    let ends = cursor.0 != HEAD && next.as_ref().is_none_or(|next| next.0 != cursor.0);
    if ends {
        out.push_str(&format!("</{}>\n", around(cursor.0).0));
    }
    let Some(next) = next else {
        out.push_str("</user></host></server-data>\n");
        return Ok((out, None));
    };
    Ok((out, Some(serde_json::to_string(&next).map_err(Refused::new)?)))
}

/// The beginning of a part.
pub(super) fn start(part: u8) -> Option<Cursor> {
    (part <= FOLLOWED).then(|| (part, String::new(), String::new()))
}

fn around(part: u8) -> (&'static str, &'static str) {
    match part {
        OWNED => ("pubsub", ns::PUBSUB_OWNER),
        ITEMS => ("pubsub", ns::PUBSUB),
        ARCHIVE => ("archive", PIE_MAM),
        _ => ("follows", FOLLOWS),
    }
}

/// An element as a line.
pub(super) fn push(out: &mut String, element: &Element) {
    push_bytes(out, &self_contained(element, None));
}

/// The same of what is bytes already.
pub(super) fn push_bytes(out: &mut String, element: &[u8]) {
    out.push_str(&String::from_utf8_lossy(element));
    out.push('\n');
}

/// A value in single quotes.
pub(super) fn quoted(value: &str) -> String {
    let mut bytes = Vec::new();
    escape_attr(value, &mut bytes);
    format!("'{}'", String::from_utf8_lossy(&bytes))
}

/// All of an account that is bounded.
fn head(engine: &Engine, domain: &str, user: &str) -> Result<String, Refused> {
    let view = engine.view();
    let account = tables::account(view, user)?;
    let account = account.ok_or_else(|| Refused::new(format!("{user} does not exist")))?;
    let name = user.split('@').next().unwrap_or_default();
    let mut out = format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='{PIE}'><host jid={}><user name={}>\n",
        quoted(domain),
        quoted(name)
    );
    for element in scram::elements(&account.credentials) {
        push(&mut out, &element);
    }
    let mut roster = el("query", ns::ROSTER);
    for (jid, row) in tables::roster(view, user)? {
        if row.listed {
            roster.append_child(xep::roster_item(&jid, Some(&row)));
        }
        let asked = row.asked.as_deref().and_then(|asked| atom::parse_in(asked, ns::CLIENT));
        asked.iter().for_each(|asked| push(&mut out, asked));
    }
    push(&mut out, &roster);
    let private = tables::private_elements(view, user)?;
    let private = private.iter().filter_map(|element| atom::parse(element));
    push(&mut out, &el("query", ns::PRIVATE).children_from(private));
    if let Some(card) = tables::kept(view, user, &Kept::Card)? {
        push_bytes(&mut out, &card);
    }
    push(&mut out, &xep::archive_preferences(view, user)?);
    if let Some(privacy) = blocked(&tables::blocked(view, user)?) {
        push(&mut out, &privacy);
    }
    out.push_str("<offline-messages>\n");
    for kept in tables::offline(view, user)? {
        let message = atom::parse_in(&kept.stanza, ns::CLIENT);
        message.iter().for_each(|message| push(&mut out, message));
    }
    out.push_str("</offline-messages>\n");
    Ok(out)
}

/// Whom it blocks, as the privacy list that does the same (XEP-0016).
fn blocked(blocked: &tables::Blocked) -> Option<Element> {
    const LIST: &str = "blocklist";
    let item = |(order, jid): (usize, &std::sync::Arc<str>)| {
        let item = el("item", ns::PRIVACY).set("type", "jid").set("value", jid);
        item.set("action", "deny").set("order", &(order + 1).to_string())
    };
    let list = el("list", ns::PRIVACY).set("name", LIST);
    let list = list.children_from(blocked.iter().enumerate().map(item));
    let default = el("default", ns::PRIVACY).set("name", LIST);
    (!blocked.is_empty()).then(|| el("query", ns::PRIVACY).child(default).child(list))
}
