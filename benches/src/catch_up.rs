//! Catching up: the pages of somebody who was away, from what is recent in memory, or merged from the nodes' own logs; and
//! the start that loads who follows what.
//!
//! On a store in memory, so that only our own work is measured. Knows the engine's public face only.

use crate::commit::Bench;
use crate::{MICROBLOG, blog};
use reef_engine::config::NodeConfig;
use reef_engine::index::Index;
use reef_engine::load::{self, Source};
use reef_engine::log::record::Change;
use reef_engine::model::{Seq, SubscriberId, Timestamp};
use reef_engine::outbox::{self, PageRequest, Recent, Run};
use reef_engine::store::rows;
use reef_sim::disk::Disk;
use std::path::Path;
use std::sync::Arc;

/// Who was away.
const READER: &str = "reader@bench";

/// A store in which nodes were published to by turns while their one follower was away.
pub struct Away {
    disk: Arc<Disk>,
    reader: SubscriberId,
    last: Seq,
}

impl Away {
    /// So many nodes with so many posts each.
    ///
    /// # Panics
    /// The store in memory fails, which it does only where it is told to.
    pub fn new(nodes: usize, posts: usize) -> Away {
        let disk = Arc::new(Disk::default());
        let mut bench = Bench::new(disk.clone());
        let author = |number: usize| format!("author{number}@bench");
        let begin = (0..nodes).flat_map(|number| {
            let node = blog(&author(number));
            let config = NodeConfig::microblog(MICROBLOG);
            let follow = Change::follow(node.clone(), READER.into());
            let create = Change::CreateNode { node, config };
            [(Arc::from(author(number)), create), (Arc::from(READER), follow)]
        });
        bench.commit(begin.collect());
        for post in 0..posts {
            let publish = |number: usize| Change::Publish {
                node: blog(&author(number)),
                item: format!("p{post}").into(),
                payload: vec![b'x'; 350].into(),
                open_only: None,
                notes: Vec::new(),
                options: Vec::new(),
                create: None,
            };
            bench.commit((0..nodes).map(|n| (author(n).into(), publish(n))).collect());
        }
        let reader = rows::subscriber_id(&*disk, READER);
        Away {
            last: bench.last(),
            reader: reader.expect("it works").expect("it follows"),
            disk,
        }
    }

    /// What a start knows of the recent order: with it pages are found in memory.
    ///
    /// # Panics
    /// As [`Away::new`].
    pub fn recent(&self) -> Recent {
        load::recent(&*self.disk).expect("it works").1
    }

    /// Nothing of it: pages are merged from the nodes' logs.
    pub fn forgotten(&self) -> Recent {
        Recent::new(self.last)
    }

    /// Reads all pages; how many posts they had.
    ///
    /// # Panics
    /// As [`Away::new`].
    pub fn read(&self, recent: &Recent) -> usize {
        let mut request = PageRequest {
            subscriber: self.reader,
            cursor: Seq(0),
            upto: self.last,
            run: Run::default(),
            following: None,
        };
        let mut posts = 0;
        while request.cursor < self.last {
            let page = outbox::page(&*self.disk, recent, &request, Timestamp(1)).expect("it works");
            posts += page.posts.len();
            (request.cursor, request.run, request.following) = (page.next, page.run, Some(page.following));
        }
        posts
    }
}

/// A store in memory where one node has so many followers.
pub fn followed(edges: u64) -> Arc<Disk> {
    let disk = Arc::new(Disk::default());
    let mut bench = Bench::new(disk.clone());
    let imports = bench.imports(edges);
    bench.commit(imports);
    disk
}

/// Loads who follows what, as a start does, for two shards; how many edges, and where from. From rows while `pack` is
/// false; where it is true, `dir` gets the packed copy that the next call reads.
///
/// # Panics
/// The store in memory fails.
pub fn load_edges(disk: &Disk, dir: &Path, pack: bool) -> (u64, Source) {
    let pack_after = if pack { 0 } else { u64::MAX };
    let loaded = load::edges(disk, 2, dir, pack_after).expect("it works");
    (loaded.indexes.iter().map(Index::edges).sum(), loaded.source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_bring_every_post() {
        let away = Away::new(10, 15);
        assert_eq!(away.read(&away.recent()), 150);
        assert_eq!(away.read(&away.forgotten()), 150);
    }

    #[test]
    fn a_start_loads_rows_and_then_the_packed_copy() {
        let (disk, dir) = (followed(3_000), tempfile::TempDir::new().unwrap());
        for from in [false, true].map(|pack| load_edges(&disk, dir.path(), pack)) {
            assert_eq!(from, (3_000, Source::Rows));
        }
        assert_eq!(load_edges(&disk, dir.path(), true), (3_000, Source::Packed));
    }
}
