//! What the kernel is told of a client's socket, and what it is asked, by a system call of our own where no crate has it.
//!
//! Knows no stream.
#![allow(unsafe_code, reason = "SIOCOUTQ has no safe wrapper in a crate that is here")]

use crate::limits::{SEND_BUFFER, TCP_TIMEOUT_SECONDS};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// Sets what every client's socket has: bounded kernel memory for one who does not read, and an end to one who is gone.
pub(super) fn tune(socket: &impl AsFd) -> io::Result<()> {
    let socket = socket2::SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_tcp_user_timeout(Some(Duration::from_secs(TCP_TIMEOUT_SECONDS)))?;
    let keepalive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(TCP_TIMEOUT_SECONDS));
    socket.set_tcp_keepalive(&keepalive)
}

/// Bytes written to the socket that the client's TCP has not acknowledged (`SIOCOUTQ`).
pub(super) fn unacknowledged(socket: &impl AsRawFd) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed, and TIOCOUTQ (the same number as SIOCOUTQ)
    // writes one int to the address, which is that of a live, aligned int.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if answer < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(u64::try_from(bytes).unwrap_or(0))
    }
}
