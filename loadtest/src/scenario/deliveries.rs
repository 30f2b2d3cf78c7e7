//! The figures of phases with deliveries to many, whoever sends: rates, CPU, latencies.
//!
//! Knows no scenario; each takes of these what it measures.

use crate::report::Phase;
use crate::scenario::rig::Rig;

/// One value a phase.
pub(crate) fn each(phases: &[&Phase], value: &dyn Fn(&Phase) -> f64) -> Vec<f64> {
    phases.iter().map(|phase| value(phase)).collect()
}

/// Deliveries a second: of a closed loop, since a pace says it beforehand.
pub(crate) fn rates(rig: &mut Rig, phases: &[&Phase]) {
    let rates = each(phases, &Phase::per_second);
    rig.figure("deliveries_per_second", "deliveries", "1/s", rates);
}

/// What a delivery costs the server and the tool, and how late it is.
pub(crate) fn costs_and_latencies(rig: &mut Rig, phases: &[&Phase]) {
    if rig.sees_server() {
        let costs = each(phases, &Phase::cpu_per_million);
        rig.figure("cpu_per_million", "server CPU per million deliveries", "s", costs);
    }
    let costs = each(phases, &Phase::own_cpu_per_million);
    rig.figure("own_cpu_per_million", "the tool's own CPU per million", "s", costs);
    for (name, what) in [
        ("first", "publish to the first follower"),
        ("each", "to each"),
        ("last", "to the last"),
    ] {
        rig.latency(name, what, phases, name);
    }
    if rig.sees_server() {
        let costs = each(phases, &Phase::kernel_cpu_per_million);
        let what = "server CPU per million with the kernel's threads that receive";
        rig.figure("kernel_cpu_per_million", what, "s", costs);
    }
}
