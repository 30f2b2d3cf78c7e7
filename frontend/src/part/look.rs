//! What is read for another part: accounts, and posts as they may be shown to whoever asks.
//!
//! Each of these blocks on the store: for threads that may wait, never on a shard. Knows no part.

use super::{Host, Refused, entry};
use crate::errors;
use crate::server::Server;
use crate::{tables, uri};
use bytes::Bytes;
use jid::{BareJid, NodePart};
use reef_engine::Engine;
use reef_engine::config::AccessModel;
use reef_engine::log::apply::may_read;
use reef_engine::model::NodeName;
use reef_engine::query::{self, Item, Which};
use reef_engine::store::rows;
use reef_stanza::ns;

/// What a post says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its words, as plain text.
    pub text: String,
    /// Whose post it repeats.
    pub repeats: Option<String>,
    /// Whether it answers another.
    pub replies: bool,
}

impl Host {
    /// Whom a name means: an account here by its local part or address, or one elsewhere whose microblog somebody here
    /// follows. Blocks.
    pub fn resolve(&self, name: &str) -> Option<BareJid> {
        let name = name.trim().trim_start_matches('@');
        let server = self.server()?;
        let jid = match name.contains('@') {
            true => BareJid::new(name).ok()?,
            false => account_of(&server.domain, name)?,
        };
        if server.is_domain(jid.domain().as_str()) {
            return active(&server.engine, &jid).is_ok().then_some(jid);
        }
        let blog = NodeName::new(jid.as_str(), ns::MICROBLOG);
        let known = rows::node_id(server.engine.view(), &blog).ok()??;
        rows::node_row(server.engine.view(), known).ok()??;
        Some(jid)
    }

    /// Whether there is such an account, and it is not suspended. Blocks.
    pub fn exists(&self, account: &BareJid) -> bool {
        self.server()
            .is_some_and(|server| active(&server.engine, account).is_ok())
    }

    /// The newest post on a microblog that everybody may read, with its id; of one elsewhere, where `by` follows it, since who
    /// else may read it is known there alone. Blocks.
    pub fn latest(&self, jid: &BareJid, by: Option<&BareJid>) -> Option<(String, Said)> {
        let server = self.server()?;
        let node = NodeName::new(jid.as_str(), ns::MICROBLOG);
        // One may be metadata, which is no entry.
        let found = items(&server, &node, by, &Which::Older(None), 2).ok()?;
        found
            .into_iter()
            .find_map(|item| Some((item.id.to_string(), entry::said(&item.payload)?)))
    }

    /// What a post says; `None` of what is no post.
    pub fn said(&self, payload: &[u8]) -> Option<Said> {
        entry::said(payload)
    }

    /// The address on the web of a post of an account here, if others reach that.
    pub fn web_link(&self, service: &str, item: &str) -> Option<String> {
        let server = self.server()?;
        let here =
            BareJid::new(service).is_ok_and(|jid| jid.node().is_some() && server.is_domain(jid.domain().as_str()));
        let web = server.web.as_deref().filter(|_| here)?;
        Some(uri::post_url(web, service, item))
    }
}

/// The account of a name here, whether it is there or not.
pub(super) fn account_of(domain: &str, name: &str) -> Option<BareJid> {
    NodePart::new(name).ok()?;
    BareJid::new(&format!("{name}@{domain}")).ok()
}

/// An account that may act.
pub(super) fn active(engine: &Engine, account: &BareJid) -> Result<(), Refused> {
    match tables::account(engine.view(), account.as_str())? {
        Some(row) if row.suspended => Err(Refused::Forbidden),
        Some(_) if account.node().is_some() => Ok(()),
        _ => Err(Refused::NotFound),
    }
}

/// Items of a node as they may be shown again: of one that is open, or that is at home elsewhere and `by` follows.
pub(super) fn items(
    server: &Server,
    node: &NodeName,
    by: Option<&BareJid>,
    which: &Which<'_>,
    most: usize,
) -> Result<Vec<Item>, Refused> {
    let (engine, view) = (&server.engine, server.engine.view());
    let id = rows::node_id(view, node)?.ok_or(Refused::NotFound)?;
    let row = rows::node_row(view, id)?.ok_or(Refused::NotFound)?;
    let jid = by.map_or("", |by| by.as_str());
    match engine.tables.elsewhere(&node.service) {
        Some(_) => {
            let subscriber = rows::subscriber_id(view, jid)?.ok_or(Refused::Forbidden)?;
            let follows = rows::subscription(view, id, subscriber)?;
            follows
                .filter(|follows| follows.state.is_subscribed())
                .ok_or(Refused::Forbidden)?;
        }
        None if row.config.access != AccessModel::Open => return Err(Refused::Forbidden),
        None => may_read(view, &*engine.tables, id, &row, jid).map_err(errors::applied)?,
    }
    let found = query::items(view, id, &row, which, most, engine.clock.now())?;
    Ok(found.map(|found| found.items).unwrap_or_default())
}

/// Whether a node has an item.
pub(super) fn has(server: &Server, node: &NodeName, item: &str) -> Result<bool, Refused> {
    Ok(payload(server, node, item)?.is_some())
}

/// What a reader has attached to an item here (XEP-0470), if anything.
pub(super) fn attached(server: &Server, node: &NodeName, by: &str) -> Result<Option<Bytes>, Refused> {
    payload(server, node, by)
}

fn payload(server: &Server, node: &NodeName, item: &str) -> Result<Option<Bytes>, Refused> {
    let view = server.engine.view();
    let Some(id) = rows::node_id(view, node)? else {
        return Ok(None);
    };
    let Some(row) = rows::node_row(view, id)? else {
        return Ok(None);
    };
    let wanted = [item.to_owned()];
    let found = query::items(view, id, &row, &Which::Ids(&wanted), 1, server.engine.clock.now())?;
    Ok(found.and_then(|found| Some(found.items.into_iter().next()?.payload)))
}

/// Whether an account may write to somebody: to who blocks it he is not there (XEP-0191).
pub(super) fn may_write(server: &Server, from: &BareJid, to: &BareJid) -> Result<(), Refused> {
    let (engine, domain) = (&server.engine, to.domain().as_str());
    active(engine, from)?;
    let blocks = |owner: &BareJid, jid: &BareJid| engine.tables.blocks(engine.view(), owner.as_str(), jid.as_str());
    if blocks(from, to)? {
        return Err(Refused::Forbidden);
    }
    if !server.is_ours(domain) {
        return Ok(());
    }
    let there = server.is_domain(domain) && tables::account(engine.view(), to.as_str())?.is_some();
    match there && !blocks(to, from)? {
        true => Ok(()),
        false => Err(Refused::NotFound),
    }
}
