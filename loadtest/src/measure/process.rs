//! What processes cost in CPU seconds, with their children, from `/proc/PID/stat`.

use std::collections::BTreeMap;
use std::fs;

/// Clock ticks a second: the kernel's USER_HZ, 100 on every Linux that this runs on.
const TICKS: f64 = 100.0;

/// A server's processes, or the tool's own.
#[derive(Clone, Debug)]
pub(crate) struct Processes {
    pids: Vec<u32>,
}

impl Processes {
    /// These processes and their descendants as they are now.
    pub(crate) fn with_children(roots: &[u32]) -> Processes {
        let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        if !roots.is_empty() {
            for pid in all() {
                if let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse().ok()) {
                    children.entry(parent).or_default().push(pid);
                }
            }
        }
        let mut pids = roots.to_vec();
        let mut at = 0;
        while let Some(pid) = pids.get(at) {
            let more = children.remove(pid).unwrap_or_default();
            pids.extend(more.into_iter().filter(|pid| !roots.contains(pid)));
            at += 1;
        }
        Processes { pids }
    }

    /// The tool itself, without the children that are its ruler.
    pub(crate) fn own() -> Processes {
        Processes::only(std::process::id())
    }

    /// The kernel's threads for what it receives when nobody's system call has the time; none where they cannot be seen.
    ///
    /// What they do is charged to no process: a sender that stays in the kernel for long leaves more of it to them.
    pub(crate) fn soft_interrupts() -> Processes {
        let named = |pid: &u32| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            name.starts_with("ksoftirqd/")
        };
        Processes {
            pids: all().into_iter().filter(named).collect(),
        }
    }

    /// One process.
    pub(crate) fn only(pid: u32) -> Processes {
        Processes { pids: vec![pid] }
    }

    /// Their ids.
    pub(crate) fn pids(&self) -> &[u32] {
        &self.pids
    }

    /// Those that are gone.
    pub(crate) fn gone(&self) -> Option<u32> {
        self.pids.iter().copied().find(|pid| stat(*pid).is_none())
    }

    /// CPU seconds so far, user and system, of all threads that ever were; a hundredth is the step.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let of = |pid: &u32| {
            let fields = stat(*pid).unwrap_or_default();
            let ticks = |at: usize| {
                fields
                    .get(at)
                    .and_then(|field| field.parse::<f64>().ok())
                    .unwrap_or(0.0)
            };
            (ticks(11) + ticks(12)) / TICKS
        };
        self.pids.iter().map(of).sum()
    }

    /// Resident KiB by the cheap count, for plots.
    pub(crate) fn resident_kib(&self) -> u64 {
        const PAGE_KIB: u64 = 4;
        let of = |pid: &u32| {
            let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
            text.split_whitespace()
                .nth(1)
                .and_then(|pages| pages.parse::<u64>().ok())
                .unwrap_or(0)
                * PAGE_KIB
        };
        self.pids.iter().map(of).sum()
    }

    /// The command line of the first, shortened.
    pub(crate) fn command(&self) -> String {
        const SHOWN: usize = 400;
        let Some(pid) = self.pids.first() else {
            return String::new();
        };
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let text: String = String::from_utf8_lossy(&bytes).replace('\0', " ");
        text.trim().chars().take(SHOWN).collect()
    }
}

/// The fields of a process's stat behind its name in parentheses: state, parent, …; user and system time are the 12th
/// and 13th. None of a process that is gone or a zombie.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<String> = text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect();
    (fields.first().map(String::as_str) != Some("Z")).then_some(fields)
}

fn all() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_cost_and_a_command() {
        let own = Processes::with_children(&[std::process::id()]);
        assert!(own.resident_kib() > 0);
        assert!(own.cpu_seconds() >= 0.0);
        assert!(own.gone().is_none());
        assert!(own.command().contains("loadtest"));
    }
}
