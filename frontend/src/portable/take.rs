//! A piece of a file to the changes that bring it: none where it is there already, so that a file can be read again.
//!
//! Knows one account and one piece at a time. What is not understood is told, and passed over.

use super::nodes::canonical;
use super::{FOLLOWS, PIE, PIE_MAM, is_scram};
use crate::admin::Refused;
use crate::config::Config;
use crate::limits::{BOOKMARKS_CHANGED, PRIVATE_BYTES, PRIVATE_ELEMENTS};
use crate::tables::{self, ArchiveId, Contact, Kept, Op};
use crate::{peer, xep};
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::Engine;
use reef_engine::config::{AccessModel, ITEMS_MAX, NodeConfig, SubscriptionState};
use reef_engine::log::record::{Change, Mirrored};
use reef_engine::model::{NodeName, Timestamp};
use reef_engine::query::{self, Which};
use reef_engine::store::rows;
use reef_stanza::form::Form;
use reef_stanza::{StreamNamespace, ns, self_contained, write_element};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// What a piece comes to.
pub(crate) enum Taken {
    /// These, each by whose rights.
    Changes(Vec<(Arc<str>, Change)>),
    /// Nothing that is understood: what.
    Passed(String),
}

/// An account that a piece is of, with what it is judged by.
struct Into<'a> {
    engine: &'a Engine,
    config: &'a Config,
    user: &'a Arc<str>,
}

/// Who is to follow goes in behind the items, which else would be brought to him.
pub(crate) fn is_late(piece: &Element) -> bool {
    piece.ns() == FOLLOWS
        || piece
            .children()
            .any(|child| child.is("subscriptions", ns::PUBSUB_OWNER))
}

/// What a piece of an account comes to.
///
/// # Errors
/// The store's failures.
pub(crate) fn take(engine: &Engine, config: &Config, user: &Arc<str>, piece: &Element) -> Result<Taken, Refused> {
    let into = Into { engine, config, user };
    let inner = piece.children().next();
    let changes = match (piece.name(), piece.ns().as_str(), inner) {
        _ if is_scram(piece) => Some(Vec::new()),
        ("query", ns::ROSTER, Some(item)) => into.contact(item),
        ("presence", ns::CLIENT, _) if piece.attr("type") == Some("subscribe") => into.question(piece),
        ("query", ns::PRIVATE, Some(element)) => Some(vec![into.private(element)]),
        ("vCard", ns::VCARD, _) => Some(vec![into.card(piece)]),
        ("prefs", ns::MAM, _) => xep::preferences_in(piece).map(|preferences| {
            let user = user.clone();
            vec![Op::SetArchivePreferences { user, preferences }.into_change(&into)]
        }),
        ("query", ns::PRIVACY, _) => into.privacy(piece),
        ("offline-messages", PIE, Some(message)) => into.offline(message)?,
        ("pubsub", ns::PUBSUB_OWNER, Some(of)) => into.owned(of)?,
        ("pubsub", ns::PUBSUB, Some(items)) => into.item(items)?,
        ("archive", PIE_MAM, Some(result)) => into.archived(result),
        ("follows", FOLLOWS, Some(follow)) => into.follow(follow),
        // Lists without entries.
        ("query", ns::ROSTER | ns::PRIVATE, None) => Some(Vec::new()),
        _ => None,
    };
    let named = |inner: Option<&Element>| inner.map_or(String::new(), |inner| format!(" <{}/>", inner.name()));
    Ok(changes.map_or_else(
        || Taken::Passed(format!("<{} xmlns='{}'>{}", piece.name(), piece.ns(), named(inner))),
        Taken::Changes,
    ))
}

impl Op {
    fn into_change(self, into: &Into<'_>) -> (Arc<str>, Change) {
        let change = Change::Table {
            owner: into.user.clone(),
            op: self.encode(),
        };
        (into.user.clone(), change)
    }
}

type Changes = Vec<(Arc<str>, Change)>;

impl Into<'_> {
    fn put_contact(&self, contact: &str, as_is: Contact) -> (Arc<str>, Change) {
        let op = Op::ImportContact {
            user: self.user.clone(),
            contact: contact.into(),
            as_is,
            most: self.config.limits.roster_items,
        };
        op.into_change(self)
    }

    fn contact(&self, item: &Element) -> Option<Changes> {
        let jid = BareJid::new(item.attr("jid")?).ok()?;
        let subscription = item.attr("subscription").unwrap_or("none");
        let groups = item.children().filter(|child| child.is("group", ns::ROSTER));
        let as_is = Contact::Listed {
            name: item.attr("name").unwrap_or_default().into(),
            groups: groups.map(|group| group.text().into()).collect(),
            to: matches!(subscription, "to" | "both"),
            from: matches!(subscription, "from" | "both"),
            ask: item.attr("ask") == Some("subscribe"),
        };
        Some(vec![self.put_contact(jid.as_str(), as_is)])
    }

    fn question(&self, presence: &Element) -> Option<Changes> {
        let from = BareJid::new(presence.attr("from")?).ok()?;
        let mut stanza = Vec::new();
        write_element(presence, StreamNamespace::Client, &mut stanza);
        Some(vec![self.put_contact(from.as_str(), Contact::Asks(stanza))])
    }

    fn private(&self, element: &Element) -> (Arc<str>, Change) {
        let (user, most) = (self.user.clone(), (PRIVATE_ELEMENTS, PRIVATE_BYTES));
        let stored = self_contained(element, None);
        let op = match xep::is_bookmarks(element) {
            true => Op::SetBookmarks {
                user,
                storage: stored,
                whole: false,
                most,
                changes: BOOKMARKS_CHANGED,
            },
            false => Op::Keep {
                user,
                what: Kept::Element(element.ns().as_str().into(), element.name().into()),
                element: stored,
                most,
            },
        };
        op.into_change(self)
    }

    fn card(&self, card: &Element) -> (Arc<str>, Change) {
        let (card, picture) = xep::without_photo(card);
        let op = Op::SetCard {
            user: self.user.clone(),
            card: self_contained(&card, None),
            // One that is empty says nothing of an avatar in the nodes.
            picture: picture.filter(|picture| !picture.id.is_empty()),
            most: (PRIVATE_ELEMENTS, PRIVATE_BYTES),
        };
        op.into_change(self)
    }

    /// Of privacy lists, who is denied everything by the default one.
    fn privacy(&self, query: &Element) -> Option<Changes> {
        let default = query.get_child("default", ns::PRIVACY)?.attr("name")?;
        let list = query
            .children()
            .find(|list| list.name() == "list" && list.attr("name") == Some(default))?;
        let denied = |item: &&Element| {
            item.attr("type") == Some("jid") && item.attr("action") == Some("deny") && item.children().next().is_none()
        };
        let jids = list
            .children()
            .filter(denied)
            .filter_map(|item| Jid::new(item.attr("value")?).ok());
        let jids: Vec<Arc<str>> = jids.map(|jid| jid.as_str().into()).collect();
        let op = Op::Block {
            user: self.user.clone(),
            most: self.config.limits.blocked_addresses,
            jids: jids.clone(),
        };
        Some(if jids.is_empty() {
            Vec::new()
        } else {
            vec![op.into_change(self)]
        })
    }

    fn offline(&self, message: &Element) -> Result<Option<Changes>, Refused> {
        let mut stanza = Vec::new();
        write_element(message, StreamNamespace::Client, &mut stanza);
        let kept = tables::offline(self.engine.view(), self.user)?;
        if kept.iter().any(|kept| kept.stanza == stanza) {
            return Ok(Some(Vec::new()));
        }
        let limits = &self.config.limits;
        let from = message.attr("from").and_then(|from| Jid::new(from).ok());
        let op = Op::PutOffline {
            user: self.user.clone(),
            from: from.map_or_else(String::new, |from| from.to_bare().to_string()).into(),
            stanza,
            most: limits.offline_messages,
            most_bytes: limits.offline_bytes as u64,
        };
        Ok(message.is("message", ns::CLIENT).then(|| vec![op.into_change(self)]))
    }

    /// A node's configuration, who is what to it, or one who follows it.
    fn owned(&self, of: &Element) -> Result<Option<Changes>, Refused> {
        let Some(name) = of.attr("node").map(|node| NodeName::new(self.user.clone(), node)) else {
            return Ok(None);
        };
        if name.is_kept() || xep::is_reserved(&name.node) {
            return Ok(None);
        }
        let entry = of.children().next();
        let by = self.user.clone();
        let jid = entry.and_then(|entry| BareJid::new(entry.attr("jid")?).ok());
        let jid = jid.map(|jid| Arc::<str>::from(jid.as_str()));
        Ok(match (of.name(), jid) {
            ("configure", _) => self.configured(name, of)?,
            ("affiliations", Some(jid)) => {
                let is = entry.and_then(|entry| xep::affiliation_meant(entry.attr("affiliation")?));
                is.map(|affiliation| {
                    let node = name;
                    vec![(by, Change::Affiliate { node, jid, affiliation })]
                })
            }
            ("subscriptions", Some(jid))
                if entry.and_then(|entry| entry.attr("subscription")) == Some("subscribed") =>
            {
                // As an operator brings followers.
                let import = Change::ImportFollowers {
                    node: name,
                    subscribers: vec![jid],
                };
                Some(vec![("".into(), import)])
            }
            // Who waited for approval asks again.
            ("subscriptions", Some(_)) => Some(Vec::new()),
            _ => None,
        })
    }

    fn configured(&self, node: NodeName, configure: &Element) -> Result<Option<Changes>, Refused> {
        let Ok(Some(form)) = Form::find(configure) else {
            return Ok(None);
        };
        let Ok(settings) = xep::form_settings(&form) else {
            return Ok(None);
        };
        let by = || self.user.clone();
        let config = xep::node_template(self.user, &node.node, &settings).map_err(Refused::new)?;
        // An earlier piece may be making it: then it is there already, and is configured.
        let create = Change::CreateNode {
            node: node.clone(),
            config,
        };
        let new = rows::node_id(self.engine.view(), &node)?.is_none();
        let configure = Change::Configure { node, settings };
        let changes = new.then_some(create).into_iter().chain([configure]);
        Ok(Some(changes.map(|change| (by(), change)).collect()))
    }

    fn item(&self, items: &Element) -> Result<Option<Changes>, Refused> {
        let (Some(node), Some(item)) = (items.attr("node"), items.children().next()) else {
            return Ok(Some(Vec::new()));
        };
        let name = NodeName::new(self.user.clone(), node);
        if name.is_kept() || xep::is_reserved(node) || !item.is("item", ns::PUBSUB) {
            return Ok(None);
        }
        let Some(id) = item.attr("id") else { return Ok(None) };
        let payload = item.children().next().map(|payload| self_contained(payload, None));
        let payload = payload.unwrap_or_default();
        let view = self.engine.view();
        if let Some(known) = rows::node_id(view, &name)?
            && let Some(row) = rows::node_row(view, known)?
        {
            let ids = [id.to_owned()];
            let found = query::items(view, known, &row, &Which::Ids(&ids), 1, self.engine.clock.now())?;
            let mut there = found.unwrap_or_default().items.into_iter();
            if there.any(|there| canonical(&there.payload) == payload) {
                return Ok(Some(Vec::new()));
            }
        }
        let change = Change::Publish {
            item: id.into(),
            payload: payload.into(),
            open_only: None,
            notes: Vec::new(),
            options: Vec::new(),
            // Without its configuration it is for nobody else, and keeps all until it is said how many.
            create: xep::node_template(self.user, node, &[]).ok().map(|config| NodeConfig {
                access: match config.access {
                    AccessModel::Open => AccessModel::Open,
                    _ => AccessModel::Whitelist,
                },
                max_items: ITEMS_MAX,
                ..config
            }),
            node: name,
        };
        Ok(Some(vec![(self.user.clone(), change)]))
    }

    fn archived(&self, result: &Element) -> Option<Changes> {
        let forwarded = result.get_child("forwarded", ns::FORWARD)?;
        let message = forwarded.get_child("message", ns::CLIENT)?;
        let stamp: jiff::Timestamp = forwarded.get_child("delay", ns::DELAY)?.attr("stamp")?.parse().ok()?;
        let said = result.attr("id")?;
        let op = Op::ImportArchived {
            user: self.user.clone(),
            // What another server calls it, as we would.
            id: ArchiveId::parse(said).unwrap_or_else(|| made_of(self.user, said)),
            at: Timestamp(u64::try_from(stamp.as_millisecond()).ok()?),
            from: message.attr("from").unwrap_or(self.user).into(),
            to: message.attr("to").unwrap_or(self.user).into(),
            stanza: self_contained(message, None),
            most: self.config.limits.archive_messages,
            days: self.config.limits.archive_days,
        };
        Some(vec![op.into_change(self)])
    }

    /// What it follows: here as if it asked, elsewhere as the other server knows already.
    fn follow(&self, follow: &Element) -> Option<Changes> {
        let service = BareJid::new(follow.attr("service")?).ok()?;
        let node = NodeName::new(service.as_str(), follow.attr("node")?);
        let subscriber = self.user.clone();
        let public = follow.attr("public") == Some("true");
        if peer::name::is_ours(&self.config.domain, service.domain().as_str()) {
            let change = Change::Follow {
                node,
                subscriber,
                options: None,
                public,
            };
            return Some(vec![(self.user.clone(), change)]);
        }
        let state = match follow.attr("subscription") {
            Some("pending") => SubscriptionState::Pending,
            _ => SubscriptionState::Subscribed,
        };
        let said = Mirrored::Follow {
            subscriber,
            state: Some(state),
            asked: true,
        };
        let by = service.domain().as_str().into();
        Some(vec![(by, Change::Mirror { node, said })])
    }
}

fn made_of(user: &str, id: &str) -> ArchiveId {
    let digest = Sha256::digest(format!("{user}\0{id}"));
    let bytes: Option<[u8; 16]> = digest.first_chunk().copied();
    ArchiveId(u128::from_be_bytes(bytes.unwrap_or_default()))
}
