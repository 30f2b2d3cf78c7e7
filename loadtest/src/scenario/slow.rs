//! Some followers stop reading while posts go on: the others must not notice, memory must stay flat, and who reads again
//! must still get everything once and in order.

use crate::bare::Load;
use crate::crowd::plan::Step;
use crate::measure::memory::Growth;
use crate::report::{Phase, Report};
use crate::scenario::common::Common;
use crate::scenario::numbers::{percent, positive};
use crate::scenario::posts::{Text, some_of};
use crate::scenario::rig::Rig;
use anyhow::Result;

/// Flags of `slow`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Slow {
    /// Followers.
    #[arg(long, default_value_t = 1000)]
    followers: u32,
    /// Of a hundred, so many stop reading.
    #[arg(long, default_value_t = 10.0, value_parser = percent)]
    stuck_percent: f64,
    /// Posts of the bursts that fill the buffers of who does not read.
    #[arg(long, default_value_t = 2000)]
    fill: u64,
    /// Posts of one burst.
    #[arg(long, default_value_t = 100)]
    burst: u32,
    /// Seconds of each measurement: all reading, and beside the stuck ones.
    #[arg(long, default_value_t = 10.0, value_parser = positive)]
    seconds: f64,
    /// Posts a second in these.
    #[arg(long, default_value_t = 10.0, value_parser = positive)]
    rate: f64,
    #[command(flatten)]
    text: Text,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl Slow {
    /// Runs it.
    pub(crate) fn run(&self) -> Result<Report> {
        let stuck = some_of(self.followers, self.stuck_percent)?;
        let what = format!("{} followers, of whom {stuck} stop reading", self.followers);
        let mut rig = Rig::with_one_author(
            &self.common,
            "slow",
            &what,
            self.followers,
            self.burst.max(1024),
            &self.text,
        )?;
        let paced = Load {
            rate: self.rate,
            seconds: self.seconds,
            ..Load::default()
        };
        let fill = Load {
            burst: self.burst,
            posts: self.fill,
            ..Load::default()
        };
        let alone = rig.measure("all read", 1, |rig| rig.post(0, &paced))?;
        rig.run("some stop reading", 1..1 + stuck, |_| {
            vec![Step::Counts(false), Step::Stall]
        })?;
        rig.crowd.shared().board().set_audience(0, self.followers - stuck);
        let before = rig.memory();
        let filling = rig.measure("bursts beside the stuck", 1, |rig| rig.post(0, &fill))?;
        let full = rig.memory();
        let beside = rig.measure("beside the stuck", 1, |rig| rig.post(0, &paced))?;
        let refilling = rig.measure("bursts again", 2, |rig| rig.post(0, &fill))?;
        let end = rig.memory();
        let recovered = self.recover(&mut rig, stuck)?;
        self.figures(&mut rig, &alone, &beside);
        if rig.sees_server() {
            growths(&mut rig, full.since(&before), end.since(&full));
        }
        rig.report.phases = vec![alone, filling, beside, refilling, recovered];
        rig.finish()
    }

    /// Who was stuck reads again; whom the server has cut comes back. All get the rest.
    fn recover(&self, rig: &mut Rig, stuck: u32) -> Result<Phase> {
        rig.measure("the stuck read again", 1, |rig| {
            let begun = rig.clock().seconds();
            rig.run_to_the_end("the stuck read again", 1..1 + stuck, |_| {
                vec![Step::Unstall, Step::Drain]
            });
            let missing: Vec<u32> = rig.crowd.lost()?.into_iter().map(|(account, _)| account).collect();
            rig.report.notes.push(format!(
                "{} of {stuck} stuck readers had been cut by the server",
                missing.len()
            ));
            let back = [rig.come_back(), vec![Step::AwaitAll]].concat();
            rig.run_to_the_end("the cut ones come back", missing.into_iter(), move |_| back.clone());
            Ok((0, rig.clock().seconds() - begun))
        })
    }

    fn figures(&self, rig: &mut Rig, alone: &Phase, beside: &Phase) {
        for (name, what) in [("each", "to each"), ("last", "to the last")] {
            let (a, b) = (alone.latency(name).p99_ms, beside.latency(name).p99_ms);
            rig.figure(
                &format!("alone_{name}_p99_ms"),
                &format!("{what} reading, p99, nobody stuck"),
                "ms",
                vec![a],
            );
            rig.figure(
                &format!("beside_{name}_p99_ms"),
                &format!("{what} reading, p99, beside the stuck"),
                "ms",
                vec![b],
            );
            rig.figure(
                &format!("ratio_{name}_p99"),
                &format!("{what}, p99: beside / alone"),
                "×",
                vec![b / a],
            );
        }
    }
}

/// Memory while the buffers filled, and after that.
fn growths(rig: &mut Rig, filling: Growth, after: Growth) {
    let mut grown = |key: &str, what: &str, kib: f64| rig.figure(key, what, "MiB", vec![kib / 1024.0]);
    grown(
        "server_mib_filling",
        "server memory, growth while buffers fill",
        filling.pss_kib,
    );
    grown(
        "kernel_mib_filling",
        "kernel memory, growth while buffers fill",
        filling.kernel_kib,
    );
    grown("server_mib_after", "server memory, growth after that", after.pss_kib);
    grown("kernel_mib_after", "kernel memory, growth after that", after.kernel_kib);
}
