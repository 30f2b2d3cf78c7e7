//! An open microblog as the store has it: its name, and a page of its posts.
//!
//! On reader threads. Whether the account and its node exist, and whether anyone may read it, is one answer.

use crate::atom;
use crate::limits::{PAGE_BYTES, PAGE_POSTS};
use crate::tables;
use jid::BareJid;
use reef_engine::Engine;
use reef_engine::config::AccessModel;
use reef_engine::error::StoreError;
use reef_engine::model::{NodeId, NodeName, Timestamp};
use reef_engine::query::{self, Item, Most, Which};
use reef_engine::store::rows::{self, NodeRow};
use reef_stanza::ns;

/// A microblog that anyone may read.
pub(super) struct Blog {
    /// Whose it is.
    pub(super) account: BareJid,
    /// What it is called.
    pub(super) title: String,
    /// What it is about.
    pub(super) about: String,
    /// The language that its owner gave it.
    pub(super) lang: Option<String>,
    /// When it was made.
    pub(super) created: Timestamp,
    /// When it was changed; `None` where something may have gone since without a trace.
    pub(super) changed: Option<Timestamp>,
    node: NodeId,
    row: NodeRow,
}

/// Some of its posts, newest first.
pub(super) struct Posts {
    pub(super) items: Vec<Item>,
    /// The item that the next page follows, if there is one.
    pub(super) older: Option<String>,
}

/// The item that may hold a microblog's metadata (XEP-0277 §5).
const METADATA: &str = "0";

/// The microblog of an account of that name, if it is there, open, and its owner is not suspended.
pub(super) fn blog(engine: &Engine, domain: &str, name: &str) -> Result<Option<Blog>, StoreError> {
    let Ok(account) = BareJid::new(&format!("{name}@{domain}")) else {
        return Ok(None);
    };
    let view = engine.view();
    let known = tables::account(view, account.as_str())?;
    if account.domain().as_str() != domain || known.is_none_or(|known| known.suspended) {
        return Ok(None);
    }
    let Some(node) = rows::node_id(view, &NodeName::new(account.as_str(), ns::MICROBLOG))? else {
        return Ok(None);
    };
    let Some(row) = rows::node_row(view, node)?.filter(|row| row.config.access == AccessModel::Open) else {
        return Ok(None);
    };
    let mut blog = Blog {
        title: row.config.title.to_string(),
        about: row.config.description.to_string(),
        lang: Some(row.config.language.to_string()).filter(|lang| !lang.is_empty()),
        created: row.created,
        changed: query::changed(view, node)?.filter(|_| traced(&row)),
        account,
        node,
        row,
    };
    if blog.title.trim().is_empty() {
        blog.title = match blog.metadata(engine)? {
            Some(title) => title,
            None => blog.account.to_string(),
        };
    }
    Ok(Some(blog))
}

/// Whether the log says of everything that goes.
fn traced(row: &NodeRow) -> bool {
    row.config.notify_retract && row.config.item_expire_seconds == 0 && row.config.persist_items
}

impl Blog {
    /// Its newest posts, or those older than an item; `None` where that is unknown.
    pub(super) fn posts(&self, engine: &Engine, before: Option<&str>) -> Result<Option<Posts>, StoreError> {
        // One more tells whether there is more, and one may be metadata.
        let most = Most {
            skip: 0,
            items: PAGE_POSTS + 2,
            bytes: PAGE_BYTES + 2 * engine.limits.item_bytes,
        };
        let Some(mut items) = self.read(engine, &Which::Older(before), most)? else {
            return Ok(None);
        };
        items.retain(|item| !is_metadata(item));
        let fit = within(&items);
        let more = items.len() > fit;
        items.truncate(fit);
        let older = items.last().filter(|_| more).map(|item| item.id.to_string());
        Ok(Some(Posts { items, older }))
    }

    /// One of them.
    pub(super) fn post(&self, engine: &Engine, item: &str) -> Result<Option<Posts>, StoreError> {
        let ids = [item.to_owned()];
        let items = self.read(engine, &Which::Ids(&ids), 1.into())?.unwrap_or_default();
        Ok(Some(Posts { items, older: None }).filter(|posts| !posts.items.is_empty()))
    }

    fn read(&self, engine: &Engine, which: &Which<'_>, most: Most) -> Result<Option<Vec<Item>>, StoreError> {
        let now = engine.clock.now();
        let found = query::items(engine.view(), self.node, &self.row, which, most, now)?;
        Ok(found.map(|found| found.items))
    }

    /// The title that its metadata gives it.
    fn metadata(&self, engine: &Engine) -> Result<Option<String>, StoreError> {
        let found = self.post(engine, METADATA)?;
        let item = found.and_then(|found| found.items.into_iter().find(is_metadata));
        Ok(item.and_then(|item| atom::body(&item.payload)))
    }
}

fn is_metadata(item: &Item) -> bool {
    &*item.id == METADATA && item.payload.starts_with(b"<feed ")
}

/// How many of the items fit a page: at least one, where there is one.
fn within(items: &[Item]) -> usize {
    let mut bytes = 0;
    let fit = items.iter().take(PAGE_POSTS).take_while(|item| {
        let first = bytes == 0;
        bytes += item.payload.len();
        first || bytes <= PAGE_BYTES
    });
    fit.count()
}
