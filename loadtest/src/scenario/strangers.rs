//! Connections that never say who they are: what they cost the server, and when it ends them.
//!
//! Held before anything else is done, so that nothing that was let go is used again. It must not know accounts: a
//! stranger's number is only its connection's. What comes next: `connect_storm` logs in.

use crate::clock::Clock;
use crate::crowd::Bell;
use crate::crowd::plan::Step;
use crate::scenario::rig::Rig;
use anyhow::{Context, Result};

/// Looks at the server's memory, ten a second, that must be alike before it counts: it accepts what the kernel has
/// accepted for it a while later.
const ALIKE: u32 = 15;
/// Microseconds after which it counts anyhow.
const SETTLE_US: u64 = 5_000_000;

/// Holds `count` connections that say nothing, then as many that wait behind the features; with TLS as the run says.
pub(super) fn hold(rig: &mut Rig, count: u32, outlast: bool) -> Result<()> {
    let fresh = rig.memory();
    let each_kib = |rig: &Rig| (rig.memory().rss_kib as f64 - fresh.rss_kib as f64) / f64::from(count);
    rig.run("connections that say nothing", 0..count, |_| vec![Step::ConnectRaw])?;
    settle(rig);
    let silent_kib = each_kib(rig);
    rig.run("their goodbyes", 0..count, |_| vec![Step::Close])?;
    let begun = rig.clock().seconds();
    rig.run("connections up to features", 0..count, |_| vec![Step::Connect])?;
    let opened = rig.clock().seconds();
    settle(rig);
    let greeted_kib = each_kib(rig);
    if outlast {
        // All at once: one that is ended while nobody waits for it is a fault.
        rig.crowd
            .run(0..count, count, Box::new(|_| vec![Step::Outlast]), |_| ())
            .context("the server's end of silent connections")?;
        let gone = rig.clock().seconds();
        let what = "all strangers ended by the server, after the first came";
        rig.figure("strangers_gone_s", what, "s", vec![gone - begun]);
        let what = "the same, after the last came";
        rig.figure("strangers_gone_after_last_s", what, "s", vec![gone - opened]);
    } else {
        rig.run("their goodbyes", 0..count, |_| vec![Step::Close])?;
    }
    if rig.sees_server() {
        let what = "server memory per connection that has said nothing (Rss)";
        rig.figure("kib_per_silent", what, "KiB", vec![silent_kib]);
        let what = "server memory per connection with features, not logged in (Rss)";
        rig.figure("kib_per_stranger", what, "KiB", vec![greeted_kib]);
    }
    Ok(())
}

/// Waits until the server's memory stays as it is.
fn settle(rig: &Rig) {
    let (mut before_kib, mut alike) = (0, 0);
    Bell::default().wait(Some((Clock::start(), SETTLE_US)), || {
        let now_kib = rig.server.resident_kib();
        alike = if now_kib == before_kib { alike + 1 } else { 0 };
        before_kib = now_kib;
        alike >= ALIKE
    });
}
