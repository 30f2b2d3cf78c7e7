//! What a thread counts: given to all at the end of each turn, collected per phase, and told to the board post by post.

use crate::crowd::ledger::Verdict;
use crate::crowd::shared::Shared;
use crate::crowd::tally::Tally;
use crate::wire::mark::Sighting;

/// Counts of a thread: what is given to all at the end of each turn, and what is collected per phase.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) tally: Tally,
    pub(super) delivered: u64,
    pub(super) bytes: u64,
    pub(super) acked: u64,
    pub(super) refused: u64,
    pub(super) dropped: u64,
    /// The scenario should look.
    pub(super) ring: bool,
    run: Option<Run>,
}

/// Arrivals of one post in a row: the board hears of them at once.
struct Run {
    post: Sighting,
    count: u32,
    first_us: u64,
    last_us: u64,
}

impl Counts {
    /// Counts a post that came; `counts` says whether its follower is one of those that make a post complete.
    pub(super) fn note(&mut self, shared: &Shared, verdict: Verdict, counts: bool, post: Sighting, now_us: u64) {
        match verdict {
            Verdict::New => {}
            Verdict::Late => self.tally.faults.out_of_order += 1,
            Verdict::Doubled => {
                self.tally.faults.doubled += 1;
                self.tally
                    .faults
                    .say(|| format!("doubled: post {} of author {}", post.number, post.author));
                return;
            }
            Verdict::Unasked => {
                self.tally.faults.unasked += 1;
                self.tally.faults.say(|| {
                    let author = post.author;
                    format!("a post of author {author} reached one who does not follow it: an earlier run's follower? try another --prefix")
                });
                return;
            }
        }
        self.delivered += 1;
        let micros = now_us.saturating_sub(post.sent_us).max(1);
        if let Some(class) = self.tally.classes.get_mut(shared.board().class(post.author)) {
            class.each.saturating_record(micros);
        }
        if !counts {
            return;
        }
        match &mut self.run {
            Some(run) if run.post == post => {
                run.count += 1;
                run.last_us = now_us;
            }
            _ => {
                self.flush(shared);
                self.run = Some(Run {
                    post,
                    count: 1,
                    first_us: now_us,
                    last_us: now_us,
                });
            }
        }
    }

    /// Tells the board what has arrived.
    pub(super) fn flush(&mut self, shared: &Shared) {
        let Some(run) = self.run.take() else { return };
        let arrived = shared.board().arrived(run.post.author, run.post.number, run.count);
        let Some(class) = self.tally.classes.get_mut(shared.board().class(run.post.author)) else {
            return;
        };
        if arrived.first {
            class
                .first
                .saturating_record(run.first_us.saturating_sub(run.post.sent_us).max(1));
        }
        if arrived.all {
            class
                .last
                .saturating_record(run.last_us.saturating_sub(run.post.sent_us).max(1));
            self.ring = true;
        }
    }
}
