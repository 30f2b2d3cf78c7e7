//! What is cheap only if nothing is counted, copied or looped over: an owner with a million followers, a post with a hundred
//! thousand likes, a node whose newest item everybody fetches, an account that follows thousands and was away.
//!
//! On a real RocksDB, through the engine's public face and the front end's own counting of marks. `bin/traps.rs` prints it.

use crate::commit::Bench;
use crate::{MICROBLOG, blog};
use bytes::Bytes;
use reef_engine::config::{NodeConfig, Setting};
use reef_engine::error::StoreError;
use reef_engine::load;
use reef_engine::log::apply::Tables;
use reef_engine::log::record::{Attachment, Change};
use reef_engine::model::{NodeId, NodeName, Seq, Timestamp};
use reef_engine::outbox::{self, PageRequest, Recent, Run};
use reef_engine::query::{self, Which};
use reef_engine::store::{RocksStore, rows};
use reef_stanza::attachments;
use std::path::Path;
use std::sync::Arc;

const AUTHOR: &str = "author@bench";
const SMALL: &str = "small@bench";

/// The front end's tables, as far as marks go.
struct Marks;

impl Tables for Marks {
    fn marks(&self, payload: &Bytes) -> Vec<Arc<str>> {
        attachments::marks(payload).into_iter().map(Arc::from).collect()
    }

    fn summary(&self, marks: &[(Arc<str>, u64)]) -> Bytes {
        attachments::summary(marks.iter().map(|(mark, count)| (&**mark, *count))).into()
    }
}

/// A store with a log of its own.
pub struct Social {
    store: Arc<RocksStore>,
    bench: Bench,
}

impl Social {
    /// A new one at `dir`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn new(dir: &Path) -> Result<Social, StoreError> {
        let store = Arc::new(RocksStore::open(dir, &[], &reef_engine::limits::Limits::default())?);
        let bench = Bench::with(store.clone(), Arc::new(Marks));
        Ok(Social { store, bench })
    }

    fn node(&self, author: &str) -> NodeId {
        let found = rows::node_id(&*self.store, &blog(author)).expect("the store reads");
        found.expect("it was made")
    }

    /// The author's node gets so many followers.
    ///
    /// # Panics
    /// The store fails.
    pub fn followers(&mut self, count: u64) {
        for chunk in 0..count.div_ceil(100_000) {
            let imports = self.bench.imports((count - chunk * 100_000).min(100_000));
            self.bench.commit(imports);
        }
    }

    /// A second author gets a thousand of them: a small one in the same store.
    ///
    /// # Panics
    /// The store fails.
    pub fn small(&mut self) {
        let node = blog(SMALL);
        let config = NodeConfig::microblog(MICROBLOG);
        let create = Change::CreateNode {
            node: node.clone(),
            config,
        };
        let subscribers = (0..1_000).map(|n| format!("user{n}@bench.example").into()).collect();
        let import = Change::ImportFollowers { node, subscribers };
        self.bench.commit(vec![(SMALL.into(), create), ("".into(), import)]);
    }

    /// What Movim asks as the owner at each login: a page of followers, their count, and the node's configuration.
    ///
    /// # Panics
    /// The store fails.
    pub fn owner_logs_in(&self, small: bool) -> u64 {
        let node = self.node(if small { SMALL } else { AUTHOR });
        let page = query::followers(&*self.store, node, None, 100).expect("the store reads");
        let row = rows::node_row(&*self.store, node).expect("the store reads");
        let state = rows::node_state(&*self.store, node).expect("the store reads");
        assert!(row.is_some() && state.followers == page.count);
        page.count
    }

    /// The author publishes what is to be liked.
    pub fn post(&mut self) {
        let post = publish("liked");
        self.bench.commit(vec![(AUTHOR.into(), post)]);
    }

    /// These users like it, each in a record of his own, a thousand to a commit.
    ///
    /// # Panics
    /// The store fails.
    pub fn likes(&mut self, users: std::ops::Range<u64>) {
        let target = blog(AUTHOR);
        let to = Attachment {
            node: NodeName::new(
                AUTHOR,
                "urn:xmpp:pubsub-attachments:1/xmpp:author@bench?;node=urn%3Axmpp%3Amicroblog%3A0;item=liked",
            ),
            summary: target.summary(),
            target,
            item: "liked".into(),
        };
        let payload: Bytes = "<attachments xmlns='urn:xmpp:pubsub-attachments:1'><noticed/></attachments>".into();
        let like = |user: u64| {
            let by: Arc<str> = format!("fan{user}@bench").into();
            let (to, payload) = (to.clone(), payload.clone());
            (by, Change::Attach { to, payload })
        };
        let all: Vec<u64> = users.collect();
        for some in all.chunks(1000) {
            self.bench.commit(some.iter().copied().map(like).collect());
        }
    }

    /// The node notifies without payloads, and everybody fetches its newest item; how many bytes.
    ///
    /// # Panics
    /// The store fails.
    pub fn newest(&self, clients: u64) -> usize {
        let node = self.node(AUTHOR);
        let mut bytes = 0;
        for _ in 0..clients {
            let row = rows::node_row(&*self.store, node)
                .expect("the store reads")
                .expect("it was made");
            let found = query::items(&*self.store, node, &row, &Which::Older(None), 1, Timestamp(1));
            let items = found.expect("the store reads").unwrap_or_default().items;
            let items: Vec<_> = items
                .iter()
                .map(|item| reef_stanza::pubsub::ItemOut {
                    id: &item.id,
                    publisher: Some(&item.publisher),
                    payload: &item.payload,
                })
                .collect();
            bytes += reef_stanza::pubsub::items_reply(MICROBLOG, &items, None).len();
        }
        bytes
    }

    /// Notifications hold no payload from now on.
    pub fn light(&mut self) {
        let settings = vec![Setting::DeliverPayloads(false)];
        let node = blog(AUTHOR);
        self.bench
            .commit(vec![(AUTHOR.into(), Change::Configure { node, settings })]);
    }

    /// Somebody follows so many authors, each with so many posts that he has seen; then as many of them publish as he misses,
    /// by turns. Where he is.
    ///
    /// # Panics
    /// The store fails.
    pub fn follows(&mut self, reader: &str, authors: usize, seen: usize, missed: usize) -> Seq {
        let author = |n: usize| format!("{reader}-author{n}@bench");
        for some in (0..authors).collect::<Vec<_>>().chunks(500) {
            let begin = some.iter().flat_map(|n| {
                let node = blog(&author(*n));
                let config = NodeConfig::microblog(MICROBLOG);
                let follow = Change::follow(node.clone(), reader.into());
                [
                    (Arc::from(author(*n)), Change::CreateNode { node, config }),
                    (Arc::from(reader), follow),
                ]
            });
            self.bench.commit(begin.collect());
        }
        let post = |item: String, n: usize| {
            let by: Arc<str> = author(n).into();
            (by, publish_to(blog(&author(n)), &item))
        };
        for round in 0..seen {
            self.bench
                .commit((0..authors).map(|n| post(format!("s{round}"), n)).collect());
        }
        let cursor = self.bench.last();
        self.bench
            .commit((0..missed).map(|n| post(format!("m{n}"), n % authors)).collect());
        cursor
    }

    /// The recent order as a start finds it, or nothing of it.
    ///
    /// # Panics
    /// The store fails.
    pub fn recent(&self, known: bool) -> Recent {
        match known {
            true => load::recent(&*self.store).expect("the store reads").1,
            false => Recent::new(self.bench.last()),
        }
    }

    /// The first page of what he missed; how many posts.
    ///
    /// # Panics
    /// The store fails.
    pub fn first_page(&self, reader: &str, cursor: Seq, recent: &Recent) -> usize {
        let subscriber = rows::subscriber_id(&*self.store, reader)
            .expect("the store reads")
            .expect("he follows");
        let request = PageRequest {
            subscriber,
            cursor,
            upto: self.bench.last(),
            run: Run {
                most: Some(1_000),
                ..Run::default()
            },
            following: None,
        };
        outbox::page(&*self.store, recent, &request, Timestamp(1))
            .expect("the store reads")
            .posts
            .len()
    }
}

fn publish(item: &str) -> Change {
    publish_to(blog(AUTHOR), item)
}

fn publish_to(node: NodeName, item: &str) -> Change {
    Change::Publish {
        node,
        item: item.into(),
        payload: vec![b'x'; 350].into(),
        open_only: None,
        notes: Vec::new(),
        options: Vec::new(),
        create: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_them_runs_small() {
        let dir = tempfile::TempDir::new().unwrap();
        let mut social = Social::new(dir.path()).unwrap();
        social.followers(1_500);
        social.small();
        assert_eq!([false, true].map(|small| social.owner_logs_in(small)), [1_500, 1_000]);
        social.post();
        social.likes(0..50);
        social.light();
        assert!(social.newest(10) > 3_500);
        let cursor = social.follows("reader@bench", 20, 2, 7);
        for known in [true, false] {
            assert_eq!(social.first_page("reader@bench", cursor, &social.recent(known)), 7);
        }
    }
}
