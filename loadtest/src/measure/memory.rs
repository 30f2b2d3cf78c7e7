//! Memory of a server and of the kernel on its behalf: `smaps_rollup`, `/proc/net/sockstat`, slabs of TCP.

use crate::measure::process::Processes;
use serde::{Deserialize, Serialize};
use std::fs;

/// Memory at one moment, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Resident, shared pages counted in full.
    pub(crate) rss_kib: u64,
    /// Resident, shared pages counted in parts.
    pub(crate) pss_kib: u64,
    /// What TCP's buffers hold, of all processes of the machine.
    pub(crate) sockets_kib: u64,
    /// What the kernel's objects for sockets take, of all processes of the machine.
    pub(crate) slab_kib: u64,
}

impl Memory {
    /// As it is now. Walks the server's pages: milliseconds per GiB, so not in the middle of a measurement.
    pub(crate) fn now(server: &Processes) -> Memory {
        let mut memory = Memory {
            sockets_kib: sockets_kib(),
            slab_kib: slab_kib(),
            ..Memory::default()
        };
        for pid in server.pids() {
            let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            memory.rss_kib += line_kib(&text, "Rss:");
            memory.pss_kib += line_kib(&text, "Pss:");
        }
        memory
    }

    /// What has been added since `before`, negative where it shrank.
    pub(crate) fn since(&self, before: &Memory) -> Growth {
        let less = |now: u64, then: u64| now as f64 - then as f64;
        Growth {
            pss_kib: less(self.pss_kib, before.pss_kib),
            kernel_kib: less(self.sockets_kib + self.slab_kib, before.sockets_kib + before.slab_kib),
        }
    }
}

/// A difference of two moments, in KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// Resident, shared pages in parts.
    pub(crate) pss_kib: f64,
    /// Sockets, both ends where both are on this machine.
    pub(crate) kernel_kib: f64,
}

fn line_kib(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// What TCP's buffers hold now, in KiB.
pub(crate) fn sockets_kib() -> u64 {
    const PAGE_KIB: u64 = 4;
    let text = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "mem");
    at.and_then(|at| words.get(at + 1)?.parse::<u64>().ok()).unwrap_or(0) * PAGE_KIB
}

/// Slabs that grow with sockets, where they may be read (root).
fn slab_kib() -> u64 {
    const NAMES: [&str; 8] = [
        "TCP",
        "TCPv6",
        "sock_inode_cache",
        "skbuff_head_cache",
        "skbuff_small_head",
        "filp",
        "eventpoll_epi",
        "dentry",
    ];
    let text = fs::read_to_string("/proc/slabinfo").unwrap_or_default();
    let bytes = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        let counted = words.first().is_some_and(|name| NAMES.contains(name));
        // All objects of the cache, and bytes of one.
        if counted { number(2) * number(3) } else { 0 }
    };
    text.lines().map(bytes).sum::<u64>() / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_this_process_is_found() {
        let memory = Memory::now(&Processes::own());
        assert!(memory.rss_kib >= memory.pss_kib && memory.pss_kib > 0);
    }
}
