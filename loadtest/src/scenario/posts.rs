//! How a rig posts: one author or many, in a closed loop, in bursts, or at a pace.

use crate::bare::Load;
use crate::crowd::request_id;
use crate::scenario::common::Common;
use crate::scenario::numbers::positive;
use crate::scenario::rig::{Needs, Rig};
use crate::wire::pubsub;
use anyhow::{Result, ensure};

/// How long texts are, in scenarios that post.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Text {
    /// Bytes of a post's text.
    #[arg(long, default_value_t = 280)]
    pub(crate) bytes: usize,
}

/// How long and how often a scenario measures.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Rounds {
    /// Seconds of each round.
    #[arg(long, default_value_t = 10.0, value_parser = positive)]
    pub(crate) seconds: f64,
    /// Rounds.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
}

/// So many of a hundred followers; an error where that is none or all of them.
pub(crate) fn some_of(followers: u32, percent: f64) -> Result<u32> {
    let some = (f64::from(followers) * percent / 100.0).round() as u32;
    ensure!(
        some > 0 && some < followers,
        "{percent} % of {followers} followers are {some}: some must be, and some must not"
    );
    Ok(some)
}

impl Needs {
    /// One author and so many followers.
    pub(crate) fn of_one_author(followers: u32, under_way: u32, text: &Text) -> Needs {
        Needs {
            authors: 1,
            others: followers,
            watched: 0,
            under_way,
            bytes: text.bytes,
        }
    }
}

impl Rig {
    /// A run in which one author has all followers, who are there and wait for its posts.
    pub(crate) fn with_one_author(
        common: &Common,
        scenario: &str,
        what: &str,
        followers: u32,
        under_way: u32,
        text: &Text,
    ) -> Result<Rig> {
        let needs = Needs::of_one_author(followers, under_way, text);
        let mut rig = Rig::new(common, scenario, what, needs)?;
        rig.bring_authors(1)?;
        rig.bring_followers(1..1 + followers, |_| vec![0])?;
        Ok(rig)
    }

    /// Publishes `count` posts of an author in one write; they carry `due_us` as their time, or now.
    pub(crate) fn publish(&self, author: u32, count: u64, due_us: Option<u64>) -> Result<()> {
        let board = self.crowd.shared().board();
        let (to, node) = (self.place.to(&self.crowd.shared().jid(author)), self.place.node(author));
        let mut text = String::new();
        for _ in 0..count {
            let now = self.clock().micros();
            let item = self.mark().id(author, board.next_number(author), due_us.unwrap_or(now));
            text.push_str(&pubsub::publish(&request_id(now), &to, &node, &item, &self.body));
        }
        self.crowd.say(author, text)
    }

    /// Posts as the load says, and waits until all have everything; how many posts, in how many seconds.
    ///
    /// What has not arrived after the patience is left to the count of the lost.
    pub(crate) fn post(&self, author: u32, load: &Load) -> Result<(u64, f64)> {
        self.post_as(&mut || author, load)
    }

    /// The same with an author for each post or burst; all of one class.
    pub(crate) fn post_as(&self, next: &mut dyn FnMut() -> u32, load: &Load) -> Result<(u64, f64)> {
        let (shared, clock) = (self.crowd.shared(), self.clock());
        let mut author = next();
        let class = shared.board().class(author);
        let (begun, before) = (clock.micros(), shared.board().completed(class));
        let mut sent = 0;
        let mut stuck_at = clock.micros() + self.common.patience * 1_000_000;
        loop {
            let arrived = shared.board().completed(class) - before;
            let now = clock.micros() - begun;
            let over = load.is_over(now, sent);
            if over && arrived >= sent || clock.micros() > stuck_at || shared.dropped() > 0 {
                return Ok((sent, (clock.micros() - begun) as f64 / 1e6));
            }
            let begin = if over { 0 } else { load.may_begin(sent, arrived, now) };
            if begin > 0 {
                let due = load.due_us(sent).map(|due| begun + due);
                self.publish(author, begin, due)?;
                sent += begin;
                author = next();
                self.progress.set(sent);
                continue;
            }
            let due = load.due_us(sent).filter(|_| !over).map_or(stuck_at, |due| begun + due);
            let until = Some((clock, due.min(stuck_at)));
            let moved = shared.bell.wait(until, || {
                shared.board().completed(class) - before > arrived || shared.dropped() > 0
            });
            if moved || load.rate > 0.0 && !over {
                stuck_at = clock.micros() + self.common.patience * 1_000_000;
            }
        }
    }
}
