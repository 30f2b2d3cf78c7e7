//! How a rig posts: one author or many, in a closed loop, in bursts, or at a pace.

use crate::bare::Load;
use crate::crowd::request_id;
use crate::scenario::rig::Rig;
use crate::wire::pubsub;
use anyhow::Result;

impl Rig {
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
