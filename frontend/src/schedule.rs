//! What the kernel's scheduler is told, by a system call of our own where no crate has it.
//!
//! Knows threads and no work. A kernel before Linux 6.12, or a sandbox, that takes none of it leaves a server that is slower
//! under load, and right.
#![allow(unsafe_code, reason = "sched_setattr has no wrapper in a crate that is here")]

use crate::limits::SHORT_SLICE_US;
use std::io;

/// `struct sched_attr` in its first form, `SCHED_ATTR_SIZE_VER0` (sched_setattr(2)).
#[repr(C)]
struct SchedAttr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    /// Nanoseconds of a slice, since Linux 6.12 also of an ordinary thread.
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// Gives the thread that calls short slices: it works little each time, and everyone waits for it. With a core's share as
/// before it gets a core at once when there is work, where it would have waited for another thread's slice to end.
pub(crate) fn short_slices() {
    if let Err(error) = set_slice(SHORT_SLICE_US) {
        tracing::debug!(%error, "the kernel gives this thread no slices of its own");
    }
}

fn set_slice(us: u64) -> io::Result<()> {
    // SAFETY: it takes a number only; 0 is the calling thread.
    if unsafe { libc::sched_getscheduler(0) } != libc::SCHED_OTHER {
        // Who runs the server has chosen another policy for it (chrt, CPUSchedulingPolicy=): it stays.
        return Ok(());
    }
    // SAFETY: `getpriority` takes numbers only.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    let attr = SchedAttr {
        size: size_of::<SchedAttr>() as u32,
        policy: libc::SCHED_OTHER as u32,
        flags: 0,
        nice,
        priority: 0,
        runtime: us * 1000,
        deadline: 0,
        period: 0,
    };
    // SAFETY: 0 is the calling thread; the kernel reads `size` bytes from an address at which as many live, and writes
    // the size it knows, into an int that is there, only where it knows a shorter form.
    let answer = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attr, 0) };
    if answer == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_was_chosen_for_the_server_stays() {
        let param = libc::sched_param { sched_priority: 0 };
        // SAFETY: the kernel reads a value that lives here; 0 is the calling thread, which is this test's own.
        assert_eq!(
            unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const param) },
            0
        );
        set_slice(SHORT_SLICE_US).unwrap();
        // SAFETY: it takes a number only.
        assert_eq!(unsafe { libc::sched_getscheduler(0) }, libc::SCHED_BATCH);
    }

    #[test]
    fn a_thread_has_the_slice_that_it_asked_for_where_the_kernel_knows_slices() {
        let mut attr: SchedAttr = SchedAttr {
            size: 0,
            policy: 0,
            flags: 0,
            nice: 0,
            priority: 0,
            runtime: 0,
            deadline: 0,
            period: 0,
        };
        set_slice(SHORT_SLICE_US).unwrap();
        let size = size_of::<SchedAttr>();
        // SAFETY: the kernel writes at most `size` bytes to the address of a value of that size.
        let answer = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attr, size, 0) };
        assert_eq!(answer, 0);
        assert_eq!(attr.policy, libc::SCHED_OTHER as u32);
        // Older kernels answer 0.
        assert!([0, SHORT_SLICE_US * 1000].contains(&attr.runtime), "{}", attr.runtime);
    }
}
