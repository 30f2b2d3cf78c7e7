//! What a process costs, from `/proc`: CPU seconds and memory.

use std::fs;

/// CPU seconds and resident KiB of a process, as far as the system says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_kib: u64,
}

/// Clock ticks a second: the kernel's USER_HZ, 100 on every Linux that this runs on.
const TICKS: f64 = 100.0;

/// The cost of a process so far; zeros where it cannot be read.
pub(crate) fn cost(pid: Option<u32>) -> Cost {
    let pid = pid.map_or("self".to_owned(), |pid| pid.to_string());
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Behind the name in parentheses: utime and stime are the 12th and 13th.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let resident = rollup.lines().find_map(|line| {
        line.strip_prefix("Rss:")?
            .trim()
            .strip_suffix(" kB")?
            .trim()
            .parse()
            .ok()
    });
    Cost {
        cpu_seconds: (ticks(11) + ticks(12)) / TICKS,
        resident_kib: resident.unwrap_or(0),
    }
}
