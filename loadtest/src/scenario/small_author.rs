//! An author with few followers posts while posts of a big author wait to go to all: does the small one wait for the big?

use crate::bare::Load;
use crate::report::{Phase, Report};
use crate::scenario::common::Common;
use crate::scenario::numbers::positive;
use crate::scenario::posts::Text;
use crate::scenario::rig::{Needs, Rig};
use anyhow::{Context, Result, ensure};

/// Flags of `small-author`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SmallAuthor {
    /// Followers of the big author.
    #[arg(long, default_value_t = 1000)]
    followers: u32,
    /// Of these, the followers of the small author.
    #[arg(long, default_value_t = 10)]
    small: u32,
    /// Posts of the big author that are kept waiting.
    #[arg(long, default_value_t = 16)]
    queued: u32,
    /// Posts a second of the small author.
    #[arg(long, default_value_t = 20.0, value_parser = positive)]
    rate: f64,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 10.0, value_parser = positive)]
    seconds: f64,
    #[command(flatten)]
    text: Text,
    #[command(flatten)]
    pub(crate) common: Common,
}

const BIG: u32 = 0;
const SMALL: u32 = 1;

impl SmallAuthor {
    /// Runs it.
    pub(crate) fn run(&self) -> Result<Report> {
        ensure!(
            self.small > 0 && self.small <= self.followers,
            "the small author's followers are some of the big one's"
        );
        let what = format!(
            "an author with {} followers beside one with {} and {} posts queued",
            self.small, self.followers, self.queued
        );
        let needs = Needs {
            authors: 2,
            others: self.followers,
            watched: self.small,
            under_way: self.queued.max(1024),
            bytes: self.text.bytes,
        };
        let mut rig = Rig::new(&self.common, "small-author", &what, needs)?;
        rig.bring_authors(2)?;
        // The last in the order of registration, which a server that goes by it serves last.
        let end = 2 + self.followers;
        rig.bring_followers(2..end, |account| {
            if account < end - self.small {
                vec![BIG]
            } else {
                vec![BIG, SMALL]
            }
        })?;
        rig.crowd.shared().board().set_class(SMALL, 1);
        let paced = Load {
            rate: self.rate,
            seconds: self.seconds,
            ..Load::default()
        };
        let alone = rig.measure("the small author alone", 1, |rig| rig.post(SMALL, &paced))?;
        let beside = rig.measure("beside the big one", 1, |rig| self.both(rig, &paced))?;
        figures(&mut rig, &alone, &beside);
        rig.report.phases = vec![alone, beside];
        rig.finish()
    }

    /// The big author keeps its posts queued for as long as the small one posts.
    fn both(&self, rig: &mut Rig, paced: &Load) -> Result<(u64, f64)> {
        let queued = Load {
            outstanding: self.queued,
            seconds: self.seconds,
            ..Load::default()
        };
        let rig: &Rig = rig;
        std::thread::scope(|scope| {
            let big = scope.spawn(|| rig.post(BIG, &queued));
            let (small, _) = rig.post(SMALL, paced)?;
            let (big, seconds) = big.join().ok().context("the big author's thread ended")??;
            Ok((small + big, seconds))
        })
    }
}

/// What both phases say.
fn figures(rig: &mut Rig, alone: &Phase, beside: &Phase) {
    for (key, what, phase) in [("alone", "alone", alone), ("beside", "beside the big one", beside)] {
        let what = format!("publish to the last of the few, {what}");
        rig.latency(key, &what, &[phase], "small_last");
    }
    let big = beside.latency("last");
    rig.figure(
        "big_p50_ms",
        "the big author's, to the last, p50",
        "ms",
        vec![big.p50_ms],
    );
    rig.figure(
        "deliveries_per_second",
        "deliveries beside",
        "1/s",
        vec![beside.per_second()],
    );
    if rig.sees_server() {
        rig.figure(
            "cpu_per_million",
            "server CPU per million deliveries",
            "s",
            vec![beside.cpu_per_million()],
        );
    }
}
