//! Work in parts, by as many threads as there are cores.

use crate::error::StoreError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads, whatever the machine has.
const WORKERS_MAX: usize = 16;

/// Does `parts` parts of a work, each once; `worker` makes what a thread works with, `part` does one. What the threads
/// worked with, in the end.
///
/// # Errors
/// The first failure; what has begun is finished before this returns.
#[allow(
    clippy::disallowed_methods,
    reason = "a start uses all cores, and waits for them here"
)]
pub(super) fn in_parallel<W: Send>(
    parts: usize,
    worker: impl Fn(usize) -> W + Sync,
    part: impl Fn(&mut W, usize) -> Result<(), StoreError> + Sync,
) -> Result<Vec<W>, StoreError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = |number: usize| -> Result<W, StoreError> {
        let mut own = worker(number);
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= parts {
                return Ok(own);
            }
            if let Err(error) = part(&mut own, at) {
                next.store(parts, Ordering::Relaxed);
                return Err(error);
            }
        }
    };
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..cores.clamp(1, WORKERS_MAX).min(parts.max(1)))
            .map(|number| scope.spawn(move || work(number)))
            .collect();
        let died = || Err(StoreError::Io("a thread of the start has died".into()));
        let done = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| died()));
        done.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_done_once_and_a_failure_ends_it() {
        let note = |seen: &mut Vec<usize>, part| {
            seen.push(part);
            Ok(())
        };
        let done = in_parallel(1_000, |_| Vec::new(), note).unwrap();
        let mut all = done.concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..1_000));
        let failed = in_parallel(
            1_000,
            |_| (),
            |(), part| {
                if part == 7 {
                    Err(StoreError::Corrupt("x"))
                } else {
                    Ok(())
                }
            },
        );
        assert!(failed.is_err());
    }
}
