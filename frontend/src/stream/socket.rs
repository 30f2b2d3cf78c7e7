//! What carries a client's stream: a TCP connection, or a transport of this process that cuts the stream for a browser.
//!
//! Must not know what is said. Next: `connection.rs` negotiates over it, then the shard's `wire.rs` has it.

use std::io;
use std::net::TcpStream as StdTcp;
use std::os::unix::net::UnixStream as StdUnix;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A socket that was taken apart from tokio.
#[derive(Debug)]
pub enum Socket {
    /// The client's own.
    Tcp(StdTcp),
    /// This end of a transport's.
    Relayed(StdUnix, Relayed),
}

#[cfg(test)]
impl Socket {
    /// The client's own.
    pub(crate) fn tcp(&mut self) -> &mut StdTcp {
        match self {
            Socket::Tcp(socket) => socket,
            Socket::Relayed(..) => panic!("it is a transport's"),
        }
    }
}

/// How far a transport is with what it was given: for who asks what has arrived.
#[derive(Debug, Clone, Default)]
pub struct Relayed {
    /// Bytes of the stream that the client has, as its transport knows.
    confirmed: Arc<AtomicU64>,
    /// Bytes that were written before somebody began to count.
    before: u64,
}

impl Relayed {
    /// The client has the first so many bytes of the stream. Never less than was said before.
    pub(crate) fn confirm(&self, bytes: u64) {
        self.confirmed.fetch_max(bytes, Ordering::Relaxed);
    }

    /// How many bytes it has of what was written since [`Self::count_from`].
    pub(crate) fn acknowledged(&self) -> u64 {
        self.confirmed.load(Ordering::Relaxed).saturating_sub(self.before)
    }

    /// Counts what is written from now on, with so many bytes behind it.
    fn count_from(&mut self, written: u64) {
        self.before = written;
    }
}

/// The same within tokio.
pub(crate) enum Carrier {
    /// The client's own.
    Tcp(TcpStream),
    /// A transport's, with how far it is and how much was written to it.
    Relayed(UnixStream, Relayed, u64),
}

impl Carrier {
    /// Whether a transport carries it: what protects it is that transport's matter.
    pub(super) fn is_relayed(&self) -> bool {
        matches!(self, Carrier::Relayed(..))
    }

    /// Writes what finds room at once.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Carrier::Tcp(socket) => socket.try_write(bytes),
            Carrier::Relayed(socket, ..) => socket.try_write(bytes),
        }
    }

    /// Out of tokio's hands.
    pub(super) fn into_std(self) -> io::Result<Socket> {
        Ok(match self {
            Carrier::Tcp(socket) => Socket::Tcp(socket.into_std()?),
            Carrier::Relayed(socket, mut relayed, written) => {
                relayed.count_from(written);
                Socket::Relayed(socket.into_std()?, relayed)
            }
        })
    }
}

impl AsyncRead for Carrier {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Carrier::Tcp(socket) => Pin::new(socket).poll_read(cx, buf),
            Carrier::Relayed(socket, ..) => Pin::new(socket).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Carrier {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Carrier::Tcp(socket) => Pin::new(socket).poll_write(cx, buf),
            Carrier::Relayed(socket, _, written) => {
                let taken = Pin::new(socket).poll_write(cx, buf);
                if let Poll::Ready(Ok(taken)) = taken {
                    *written += taken as u64;
                }
                taken
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Carrier::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Carrier::Relayed(socket, ..) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}
