//! Sends to many sockets in one system call (io_uring), with the sockets registered, so that none is looked up.
//!
//! Each send is done, or refused, before the call returns (`MSG_DONTWAIT`): no bytes are borrowed behind it. What is not
//! taken is the caller's to send as ever. Knows no stanza. A kernel or a sandbox that refuses io_uring is no failure: there
//! is no ring then, and sends are made one by one.
#![allow(unsafe_code, reason = "a submission names memory by its address")]

use crate::limits::{BATCH_SENDS, RING_FILES};
use io_uring::{IoUring, opcode, types};
use std::io;
use std::os::fd::RawFd;

/// A shard's ring.
pub(super) struct Ring {
    uring: IoUring,
    /// How many it has.
    slots: u32,
    /// What is registered, by slot; -1 is nothing.
    files: Vec<RawFd>,
}

/// One send.
pub(super) struct Send<'b> {
    /// The slot under which the socket is registered.
    pub(super) slot: u32,
    /// What to send.
    pub(super) bytes: &'b [u8],
}

impl Ring {
    /// A ring for the thread that calls, and for no other.
    ///
    /// # Errors
    /// The kernel is older than 6.1, or io_uring is forbidden.
    pub(super) fn new() -> io::Result<Ring> {
        let uring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(BATCH_SENDS as u32)?;
        // The kernel takes no more than a process may open.
        let (most, _) = rlimit::Resource::NOFILE.get()?;
        let slots = u32::try_from(most).unwrap_or(u32::MAX).min(RING_FILES);
        uring.submitter().register_files_sparse(slots)?;
        Ok(Ring {
            uring,
            slots,
            files: Vec::new(),
        })
    }

    /// Registers a socket under a slot, in place of what was there.
    pub(super) fn register(&mut self, slot: u32, socket: RawFd) {
        if slot >= self.slots {
            return;
        }
        let at = slot as usize;
        if at >= self.files.len() {
            self.files.resize(at + 1, -1);
        }
        let done = self.uring.submitter().register_files_update(slot, &[socket]);
        if let Some(file) = self.files.get_mut(at) {
            *file = if matches!(done, Ok(1)) { socket } else { -1 };
        }
    }

    /// Lets a slot's socket go: a closed one would stay open as long as it is registered.
    pub(super) fn forget(&mut self, slot: u32) {
        if self.files.get(slot as usize).is_some_and(|file| *file >= 0) {
            self.register(slot, -1);
        }
    }

    /// Whether `socket` is what a slot stands for.
    pub(super) fn has(&self, slot: u32, socket: RawFd) -> bool {
        self.files.get(slot as usize) == Some(&socket)
    }

    /// Makes up to [`BATCH_SENDS`] sends; to `taken`, for each, how many bytes were taken: 0 also where it failed, which
    /// the next try tells.
    ///
    /// # Errors
    /// The ring is of no more use. What `taken` says holds all the same.
    pub(super) fn send<'b>(
        &mut self,
        sends: impl ExactSizeIterator<Item = Send<'b>>,
        taken: &mut Vec<usize>,
    ) -> io::Result<()> {
        let count = sends.len().min(BATCH_SENDS);
        taken.clear();
        taken.resize(count, 0);
        let mut queue = self.uring.submission();
        for (at, send) in (0u64..).zip(sends.take(count)) {
            let bytes = send.bytes;
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let entry = opcode::Send::new(types::Fixed(send.slot), bytes.as_ptr(), length)
                .flags(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
                .build()
                .user_data(at);
            // SAFETY: `bytes` outlives this call, which returns when every send has its completion, or when the ring has
            // failed; a send with MSG_DONTWAIT is carried out while it is submitted and is never kept for later.
            if unsafe { queue.push(&entry) }.is_err() {
                return Err(io::Error::other("the ring has less room than it was made with"));
            }
        }
        drop(queue);
        self.complete(count, taken)
    }

    fn complete(&mut self, count: usize, taken: &mut [usize]) -> io::Result<()> {
        let mut came = 0;
        while came < count {
            match self.uring.submit_and_wait(count - came) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            for completion in self.uring.completion() {
                came += 1;
                if let Some(taken) = taken.get_mut(completion.user_data() as usize) {
                    *taken = usize::try_from(completion.result()).unwrap_or(0);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        near.set_nonblocking(true).unwrap();
        (near, far)
    }

    /// A sandbox may forbid io_uring; then there is nothing to test.
    fn ring() -> Option<Ring> {
        Ring::new()
            .map_err(|error| eprintln!("no io_uring here, its tests are passed over: {error}"))
            .ok()
    }

    #[test]
    fn each_socket_gets_its_own_and_a_full_one_says_how_much_it_took() {
        let Some(mut ring) = ring() else { return };
        let mut pairs: Vec<_> = (0..3).map(|_| pair()).collect();
        for (slot, (near, _)) in (0..).zip(&pairs) {
            ring.register(slot, near.as_raw_fd());
            assert!(ring.has(slot, near.as_raw_fd()));
        }
        let much = vec![7; 64 << 20];
        let bytes: [&[u8]; 3] = [b"one", &much, b"three"];
        let mut taken = Vec::new();
        let sends = (0u32..).zip(bytes).map(|(slot, bytes)| Send { slot, bytes });
        ring.send(sends.collect::<Vec<_>>().into_iter(), &mut taken).unwrap();
        assert_eq!((taken[0], taken[2]), (3, 5));
        assert!(taken[1] > 0 && taken[1] < much.len(), "{taken:?}");
        let mut got = [0; 3];
        pairs[0].1.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"one");
        // Full: nothing more, and no wait.
        let again = [Send { slot: 1, bytes: &much }];
        ring.send(again.into_iter(), &mut taken).unwrap();
        assert_eq!(taken, [0]);
    }

    #[test]
    fn a_forgotten_socket_is_closed_for_the_other_side() {
        let Some(mut ring) = ring() else { return };
        let (near, mut far) = pair();
        ring.register(5, near.as_raw_fd());
        ring.forget(5);
        assert!(!ring.has(5, near.as_raw_fd()));
        drop(near);
        assert_eq!(far.read(&mut [0; 8]).unwrap(), 0);
    }
}
