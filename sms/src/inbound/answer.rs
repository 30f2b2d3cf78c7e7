//! What is read for a phone: who somebody is, whose posts come, the latest post, and what was held back.
//!
//! Works on a reader's thread. Knows no route.

use super::act::{Answer, Person};
use super::context::Hall;
use super::words;
use crate::limits::ERASED_EDGES;
use crate::schedule::{Context, content, render};
use crate::tables::Change;
use crate::tables::rows::NumberId;
use reef_engine::config::AccessModel;
use reef_engine::error::StoreError;
use reef_engine::model::{Event, NodeId, NodeName, Seq};
use reef_engine::store::Range;
use reef_engine::store::keys::{self, Family};
use reef_engine::store::rows::{self, Entry};
use reef_smpp::text::{Form, size_in};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Segments of what is asked for with MORE.
const MORE_SEGMENTS: usize = 3;

impl Hall {
    /// The microblog of somebody, if there is one.
    pub(super) async fn node(self: &Arc<Hall>, jid: &str) -> Option<NodeId> {
        let name = self.parts.network.microblog(jid);
        let found = self.read(move |_, engine| rows::node_id(engine.view(), &name)).await;
        found.ok().flatten()
    }

    /// The same, if everybody may read it.
    pub(super) async fn open_node(self: &Arc<Hall>, jid: &str) -> Option<NodeId> {
        let name = self.parts.network.microblog(jid);
        let found = self.read(move |_, engine| {
            let Some(id) = rows::node_id(engine.view(), &name)? else {
                return Ok(None);
            };
            let row = rows::node_row(engine.view(), id)?;
            Ok(row.filter(|row| row.config.access == AccessModel::Open).map(|_| id))
        });
        found.await.ok().flatten()
    }

    pub(super) fn item_at_now(&self, node: NodeId, seq: Seq) -> Result<Option<(NodeName, Arc<str>)>, StoreError> {
        let view = self.parts.commits.engine.view();
        let entry = rows::get::<Entry>(view, Family::LOG, &keys::log(node, seq))?;
        let row = rows::node_row(view, node)?;
        Ok(entry.zip(row).map(|(entry, row)| (row.name, entry.item)))
    }

    /// The newest post of a node: its place and item.
    fn newest(&self, node: NodeId) -> Result<Option<(Seq, Arc<str>)>, StoreError> {
        let (mut found, mut bad) = (None, None);
        let range = Range::prefix(&node.0.to_be_bytes()).reversed();
        self.parts
            .commits
            .engine
            .view()
            .scan(Family::LOG, &range, &mut |key, value| {
                match (keys::read_log(key), rows::decode::<Entry>(Family::LOG, value)) {
                    (Some((_, seq)), Ok(entry)) if matches!(entry.event, Event::Publish { .. }) => {
                        found = Some((seq, entry.item));
                    }
                    (_, Err(error)) => bad = Some(error),
                    _ => return ControlFlow::Continue(()),
                }
                ControlFlow::Break(())
            })?;
        bad.map_or(Ok(found), Err)
    }

    /// The post of somebody that a person means: the last that came to his phone, else the latest that everybody may read.
    pub(super) async fn shown_of(self: &Arc<Hall>, person: &Person, jid: &str) -> Option<(NodeName, Arc<str>)> {
        let caller = person.caller.clone();
        let name = self.parts.network.microblog(jid);
        let found = self.read(move |hall, engine| {
            let Some(node) = rows::node_id(engine.view(), &name)? else {
                return Ok(None);
            };
            let tables = hall.parts.rows();
            let edge = match &caller {
                Some(caller) => tables.edge(caller.number.route, node, caller.id)?,
                None => None,
            };
            if let Some(edge) = edge.filter(|edge| edge.sent > Seq(0))
                && let Some(item) = hall.item_at_now(node, edge.sent)?
            {
                return Ok(Some(item));
            }
            let row = rows::node_row(engine.view(), node)?;
            if row.is_none_or(|row| row.config.access != AccessModel::Open) {
                return Ok(None);
            }
            Ok(hall.newest(node)?.map(|(_, item)| (name, item)))
        });
        found.await.ok().flatten()
    }

    /// GET: the latest post that everybody may read.
    pub(super) async fn latest(self: &Arc<Hall>, person: &Person, name: &str) -> Answer {
        let Some(jid) = self.parts.network.resolve(name) else {
            return Answer::said(self.say(words::nobody(name)));
        };
        let author = self.parts.network.short(&jid);
        let Some(node) = self.open_node(&jid).await else {
            return Answer::said(self.say(format!("@{author} has no posts for everybody.")));
        };
        let id = person.caller.as_ref().map(|caller| caller.id);
        let found = self.read(move |hall, _| match hall.newest(node)? {
            Some((seq, _)) => hall.rendered(id, &[(node, seq)]),
            None => Ok(None),
        });
        match found.await.ok().flatten() {
            Some((text, _)) => Answer::said(self.say(text)),
            None => Answer::said(self.say(format!("@{author} has no posts."))),
        }
    }

    /// WHOIS.
    pub(super) async fn whois(self: &Arc<Hall>, name: &str) -> Answer {
        let Some(jid) = self.parts.network.resolve(name) else {
            return Answer::said(self.say(words::nobody(name)));
        };
        let author = self.parts.network.short(&jid);
        let node = self.parts.network.microblog(&jid);
        let found = self.read(move |_, engine| match rows::node_id(engine.view(), &node)? {
            Some(id) => Ok(Some(rows::node_state(engine.view(), id)?)),
            None => Ok(None),
        });
        let text = match found.await {
            Ok(Some(state)) => format!(
                "@{author}: {jid}, {} posts, {} followers.",
                state.items, state.followers
            ),
            Ok(None) => format!("@{author}: {jid}, no posts yet."),
            Err(_) => words::BUSY.to_owned(),
        };
        Answer::said(self.say(text))
    }

    /// WHO: whose posts come to the phone.
    pub(super) async fn who(self: &Arc<Hall>, person: &Person) -> Answer {
        let Some(caller) = &person.caller else {
            return Answer::said(self.say("No phone is linked."));
        };
        let names = self.gets(caller.id).await;
        let text = match names.is_empty() {
            true => "You get nobody's posts. FOLLOW name to begin.".to_owned(),
            false => format!("You get {}.", names.join(", ")),
        };
        Answer::said(self.say(text))
    }

    /// The names of those whose posts a number gets.
    pub(crate) async fn gets(self: &Arc<Hall>, id: NumberId) -> Vec<String> {
        let found = self.read(move |hall, engine| {
            let mut names = Vec::new();
            for node in hall.parts.rows().gets(id, ERASED_EDGES)? {
                if let Some(row) = rows::node_row(engine.view(), node)? {
                    names.push(format!("@{}", hall.parts.network.short(&row.name.service)));
                }
            }
            Ok(names)
        });
        found.await.unwrap_or_default()
    }

    /// MORE: what was held back, newest first, as much as fits.
    pub(super) async fn more(self: &Arc<Hall>, person: &Person, name: Option<&str>) -> Answer {
        let Some(id) = person.caller.as_ref().map(|caller| caller.id) else {
            return Answer::said(self.say("No phone is linked."));
        };
        let only = match name.and_then(|name| self.parts.network.resolve(name)) {
            Some(jid) => self.node(&jid).await,
            None => None,
        };
        if name.is_some() && only.is_none() {
            return Answer::said(self.say(words::nobody(name.unwrap_or_default())));
        }
        let found = self.read(move |hall, _| {
            let held = hall.parts.rows().held(id)?;
            let wanted = held
                .posts
                .iter()
                .rev()
                .filter(|(node, _)| only.is_none_or(|only| only == *node));
            let wanted: Vec<(NodeId, Seq)> = wanted.copied().collect();
            Ok((hall.rendered(Some(id), &wanted)?, wanted))
        });
        match found.await {
            Ok((Some((text, taken)), wanted)) => {
                let left = wanted.len() - taken;
                let text = match left {
                    0 => text,
                    left => format!("{text}\n({left} more: MORE)"),
                };
                let took = wanted.into_iter().take(taken).collect();
                Answer::said(self.say(text)).with(Change::Took(took))
            }
            Ok((None, gone)) if !gone.is_empty() => {
                Answer::said(self.say(words::NOTHING_MORE)).with(Change::Took(gone))
            }
            Ok(_) => Answer::said(self.say(words::NOTHING_MORE)),
            Err(_) => Answer::said(self.say(words::BUSY)),
        }
    }

    /// Posts as words, as many as fit, and how many of the wanted those are; `None` where none is there any more.
    fn rendered(&self, id: Option<NumberId>, wanted: &[(NodeId, Seq)]) -> Result<Option<(String, usize)>, StoreError> {
        let settings = &self.parts.settings;
        let number = id.map(|id| self.parts.rows().number(id)).transpose()?.flatten();
        let route = number
            .and_then(|number| self.route(number.route).cloned())
            .unwrap_or_default();
        let cx: Context<'_> = self.parts.context(&route, render::form(&route), self.now());
        let form: Form = cx.form;
        let (mut text, mut taken) = (String::new(), 0);
        for (node, seq) in wanted {
            let Some(row) = rows::node_row(cx.rows.view, *node)? else {
                taken += 1;
                continue;
            };
            let item = match self.item_at_now(*node, *seq)? {
                Some((_, item)) => item,
                None => {
                    taken += 1;
                    continue;
                }
            };
            let Some(content) = content(&cx, (*node, &row.name), *seq, &item)? else {
                taken += 1;
                continue;
            };
            let author = self.parts.network.short(&row.name.service);
            let one = render::Post {
                author: &author,
                said: &content.said,
                repeats: content.repeats.as_deref(),
                more: 0,
                link: content.link.as_deref(),
                links: crate::config::Links::Own,
                opt_out: "",
            };
            let (line, _) = render::post(&one, settings.segments, form);
            let both = if text.is_empty() {
                line
            } else {
                format!("{text}\n{line}")
            };
            if !text.is_empty() && size_in(&both, form).segments > MORE_SEGMENTS {
                break;
            }
            (text, taken) = (both, taken + 1);
        }
        Ok((!text.is_empty()).then_some((text, taken)))
    }
}
