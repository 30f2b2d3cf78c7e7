//! Who is who in `social`: authors first, then a crowd that likes and fetches, then those who come back.

use super::{Part, Social};
use crate::scenario::posts::Text;
use crate::scenario::rig::Needs;
use anyhow::{Context, Result, ensure};
use std::ops::Range;

/// The accounts by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cast {
    /// Owners of nodes with followers.
    pub(super) owners: Range<u32>,
    /// Who wrote the post that is liked.
    pub(super) liked: u32,
    /// Whose node announces.
    pub(super) hot: u32,
    /// Authors of those who come back.
    pub(super) followed: Range<u32>,
    /// Who likes.
    pub(super) likers: Range<u32>,
    /// Who fetches; the first of the crowd, too.
    pub(super) clients: Range<u32>,
    /// Who comes back: one range for each number of nodes.
    pub(super) returners: Vec<Range<u32>>,
    at_once: u32,
}

impl Cast {
    pub(super) fn of(flags: &Social) -> Result<Cast> {
        let ascending = |all: &[u32]| !all.is_empty() && all.is_sorted() && !all.contains(&0);
        ensure!(flags.followers.is_sorted(), "--followers ascend");
        ensure!(ascending(&flags.follows), "--follows are numbers that ascend");
        ensure!(
            !flags.missed.contains(&0),
            "who missed nothing has nothing to wait for: --missed"
        );
        let when = |part: Part, count: u32| if flags.does(part) { count } else { 0 };
        let owners = 0..u32::try_from(flags.followers.len())?;
        let (liked, hot) = (owners.end, owners.end + 1);
        let most = flags.follows.last().copied().context("--follows")?;
        let followed = hot + 1..hot + 1 + when(Part::Returns, most);
        let begin = followed.end;
        let likers = begin..begin + when(Part::Likes, flags.likes);
        let clients = begin..begin + when(Part::Newest, flags.clients);
        let mut end = likers.end.max(clients.end);
        let mut returners = Vec::new();
        for _ in &flags.follows {
            returners.push(end..end + when(Part::Returns, flags.returns));
            end += when(Part::Returns, flags.returns);
        }
        let publishers = flags.follows.first().copied().unwrap_or(0);
        let at_once = [
            flags.like_group.min(flags.likes),
            clients.end - clients.start,
            publishers.min(followed.end - followed.start),
            flags.common.logins,
        ];
        Ok(Cast {
            owners,
            liked,
            hot,
            followed,
            likers,
            clients,
            returners,
            // And an author, or one who comes back, at the same time.
            at_once: at_once.into_iter().max().unwrap_or(0) + 2,
        })
    }

    /// The authors whose posts are missed: those whom everybody who comes back follows.
    pub(super) fn publishers(&self, flags: &Social) -> Range<u32> {
        let fewest = flags.follows.first().copied().unwrap_or(0);
        self.followed.start..self.followed.start + fewest
    }

    /// Accounts that are connected at a time, at most.
    pub(super) fn at_once(&self) -> u32 {
        self.at_once
    }

    pub(super) fn needs(&self, text: &Text) -> Needs {
        let end = self.returners.last().map_or(self.followed.end, |last| last.end);
        Needs {
            authors: self.followed.end,
            others: end - self.followed.end,
            watched: self.returners.iter().map(|range| range.end - range.start).sum(),
            under_way: 1,
            bytes: text.bytes,
        }
    }
}
