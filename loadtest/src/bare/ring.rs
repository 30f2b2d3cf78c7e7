//! A ring: the ruler's sends through io_uring, so many of them in one system call, to registered files.
//!
//! It sends and says what a socket did not take; that such bytes wait for the socket is `sender`'s. Sends never wait in
//! the kernel (`MSG_DONTWAIT`): all of a call are done when the call returns, so nothing is under way between two calls.
#![allow(
    unsafe_code,
    reason = "the kernel reads what the entries point at: the crate cannot check that it lives"
)]

use crate::bare::setup::{Setup, Work};
use anyhow::{Context, Result, bail, ensure};
use io_uring::opcode::{Send, WriteFixed};
use io_uring::squeue::{Entry, Flags};
use io_uring::types::Fixed;
use io_uring::{IoUring, cqueue};
use std::io::ErrorKind;
use std::os::fd::RawFd;

/// A ring that knows the sockets. Its one thread is the one that made it.
pub(super) struct Ring {
    // Closed before what it may read is freed.
    ring: IoUring,
    setup: Setup,
    block: Box<[u8]>,
}

impl Ring {
    /// A ring over these sockets, for messages of at most so many bytes; the error says what the kernel refuses.
    pub(super) fn new(setup: Setup, sockets: &[RawFd], bytes: usize) -> Result<Ring> {
        let mut builder = IoUring::builder();
        match setup.work {
            Work::Defer => builder.setup_single_issuer().setup_defer_taskrun(),
            Work::Coop => builder.setup_single_issuer().setup_coop_taskrun(),
            Work::Plain => &mut builder,
        };
        let ring = builder.build(setup.batch).context("io_uring cannot be set up")?;
        let submitter = ring.submitter();
        submitter
            .register_files(sockets)
            .context("io_uring refuses the sockets")?;
        let block = vec![0; bytes].into_boxed_slice();
        if setup.fixed {
            let buffer = libc::iovec {
                iov_base: block.as_ptr().cast_mut().cast(),
                iov_len: block.len(),
            };
            // SAFETY: the block is neither moved nor freed while the ring is there.
            unsafe { submitter.register_buffers(&[buffer]) }.context("io_uring refuses the buffer")?;
        }
        Ok(Ring { ring, setup, block })
    }

    /// Sends a message to these sockets; `short` hears which took less than all of it, and how much.
    pub(super) fn send(
        &mut self,
        sockets: &[usize],
        message: &[u8],
        short: &mut impl FnMut(usize, usize),
    ) -> Result<()> {
        let block = self
            .block
            .get_mut(..message.len())
            .context("a message is as long as was said")?;
        // Nothing is under way that would read it.
        block.copy_from_slice(message);
        for batch in sockets.chunks(self.setup.batch as usize) {
            let mut queue = self.ring.submission();
            for socket in batch {
                let entry = entry(self.setup, *socket, &self.block, message.len());
                // SAFETY: it points at the block, which lives as long as the ring.
                unsafe { queue.push(&entry) }.context("the ring has room for a batch")?;
            }
            drop(queue);
            self.submit(batch.len(), message.len(), short)?;
        }
        Ok(())
    }

    fn submit(&mut self, entries: usize, bytes: usize, short: &mut impl FnMut(usize, usize)) -> Result<()> {
        let (mut left, mut completed) = (entries, 0);
        while left > 0 || self.setup.every && completed < entries {
            let want = if self.setup.every { entries - completed } else { 0 };
            match self.ring.submit_and_wait(want) {
                Ok(taken) => left -= taken.min(left),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("the ring is refused"),
            }
            for completion in self.ring.completion() {
                completed += 1;
                let (socket, sent) = outcome(&completion)?;
                if sent < bytes {
                    short(socket, sent);
                }
            }
        }
        ensure!(self.ring.completion().overflow() == 0, "the ring lost completions");
        Ok(())
    }
}

/// A send that does not wait for the socket.
fn entry(setup: Setup, socket: usize, block: &[u8], bytes: usize) -> Entry {
    let (file, bytes) = (Fixed(socket as u32), bytes as u32);
    let entry = if setup.fixed {
        let write = WriteFixed::new(file, block.as_ptr(), bytes, 0);
        write.rw_flags(libc::RWF_NOWAIT).build()
    } else {
        // With WAITALL a send that took a part is one that went wrong, so that its completion is not skipped.
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
        Send::new(file, block.as_ptr(), bytes).flags(flags).build()
    };
    let flags = if setup.every {
        Flags::empty()
    } else {
        Flags::SKIP_SUCCESS
    };
    entry.flags(flags).user_data(socket as u64)
}

/// The socket of a completion and what it took.
fn outcome(completion: &cqueue::Entry) -> Result<(usize, usize)> {
    let socket = usize::try_from(completion.user_data())?;
    match completion.result() {
        error if error == -libc::EAGAIN => Ok((socket, 0)),
        error if error < 0 => bail!("the drain is gone: {}", std::io::Error::from_raw_os_error(-error)),
        sent => Ok((socket, usize::try_from(sent)?)),
    }
}
