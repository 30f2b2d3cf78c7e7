//! A connection's bytes: a socket, with TLS or without, or the far end of a test in the same process.
//!
//! Reads and writes never block. What the kernel does not take of sealed records is kept here, plaintext is not. Knows no
//! user and no stanza.

use super::tcp;
use crate::limits::SEND_BUFFER;
use crate::stream::{Relayed, Socket};
use crate::tls::Channel;
use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};

/// The way to a client.
pub(super) struct Wire {
    transport: Transport,
    /// Bytes handed to the kernel, for the question how many are acknowledged.
    pub(super) written: u64,
}

enum Transport {
    Tcp(TcpStream),
    Tls(Box<Secured>),
    Relayed(Box<Local>),
    Memory(Box<dyn FarEnd>),
}

/// The end of a transport of this process, which cuts the stream into what it carries.
struct Local {
    socket: UnixStream,
    relayed: Relayed,
}

struct Secured {
    socket: TcpStream,
    channel: Channel,
    /// Sealed, and not yet taken by the kernel; holds no memory where there is none.
    sealed: Vec<u8>,
}

/// The other end of a connection without a socket: for a million of them in one process.
pub trait FarEnd: Send {
    /// Bytes for the server; `WouldBlock` where there are none now.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Bytes from the server; how many it takes, or `WouldBlock`.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Whether `read` has some: there is no event that tells.
    fn readable(&self) -> bool;
}

/// What reading brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// So many bytes, in the buffer.
    Bytes(usize),
    /// Some plaintext, behind what `plain` held; perhaps none yet.
    Opened,
    /// Nothing more for now.
    Blocked,
    /// The other side has closed.
    Closed,
}

impl Wire {
    /// Takes over a socket: tunes it, where it is a client's own.
    pub(super) fn new(socket: Socket, channel: Option<Channel>) -> io::Result<Wire> {
        let socket = match socket {
            Socket::Tcp(socket) => socket,
            Socket::Relayed(socket, relayed) => {
                socket.set_nonblocking(true)?;
                socket2::SockRef::from(&socket).set_send_buffer_size(SEND_BUFFER)?;
                let socket = UnixStream::from_std(socket);
                let transport = Transport::Relayed(Box::new(Local { socket, relayed }));
                return Ok(Wire { transport, written: 0 });
            }
        };
        socket.set_nonblocking(true)?;
        tcp::tune(&socket)?;
        let socket = TcpStream::from_std(socket);
        let transport = match channel {
            None => Transport::Tcp(socket),
            Some(channel) => Transport::Tls(Box::new(Secured {
                socket,
                channel,
                sealed: Vec::new(),
            })),
        };
        Ok(Wire { transport, written: 0 })
    }

    /// A connection to somebody in this process.
    pub(super) fn memory(far: Box<dyn FarEnd>) -> Wire {
        Wire {
            transport: Transport::Memory(far),
            written: 0,
        }
    }

    /// Has the poll tell of it.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.socket()
            .map_or(Ok(()), |socket| socket.register(registry, token, interest))
    }

    /// The same under another token.
    pub(super) fn reregister(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.socket()
            .map_or(Ok(()), |socket| socket.reregister(registry, token, interest))
    }

    fn socket(&mut self) -> Option<&mut dyn Source> {
        match &mut self.transport {
            Transport::Tcp(socket) => Some(socket),
            Transport::Tls(secured) => Some(&mut secured.socket),
            Transport::Relayed(local) => Some(&mut local.socket),
            Transport::Memory(_) => None,
        }
    }

    /// Reads plaintext: into `buffer`, or, with TLS, by way of it behind what `plain` holds.
    pub(super) fn read(&mut self, buffer: &mut [u8], plain: &mut Vec<u8>) -> io::Result<Got> {
        match &mut self.transport {
            Transport::Tcp(socket) => got(socket.read(buffer)),
            Transport::Relayed(local) => got(local.socket.read(buffer)),
            Transport::Memory(far) => got(far.read(buffer)),
            Transport::Tls(secured) => {
                if secured.channel.peer_closed() {
                    return Ok(Got::Closed);
                }
                match got(secured.socket.read(buffer))? {
                    Got::Bytes(n) => {
                        secured.receive(buffer.get_mut(..n).unwrap_or_default(), plain)?;
                        self.push()?;
                        Ok(Got::Opened)
                    }
                    other => Ok(other),
                }
            }
        }
    }

    /// Reads what no longer matters, past TLS.
    pub(super) fn pass_over(&mut self, buffer: &mut [u8]) -> io::Result<Got> {
        got(match &mut self.transport {
            Transport::Tcp(socket) => socket.read(buffer),
            Transport::Tls(secured) => secured.socket.read(buffer),
            Transport::Relayed(local) => local.socket.read(buffer),
            Transport::Memory(far) => far.read(buffer),
        })
    }

    /// The socket's descriptor; none in memory.
    pub(super) fn descriptor(&self) -> Option<RawFd> {
        match &self.transport {
            Transport::Tcp(socket) => Some(socket.as_raw_fd()),
            Transport::Tls(secured) => Some(secured.socket.as_raw_fd()),
            Transport::Relayed(local) => Some(local.socket.as_raw_fd()),
            Transport::Memory(_) => None,
        }
    }

    /// Whether what is written must be sealed first.
    pub(super) fn seals(&self) -> bool {
        matches!(&self.transport, Transport::Tls(_))
    }

    /// Seals `plain` behind what `sealed` holds; behind what waits for the kernel, where something does.
    pub(super) fn seal(&mut self, plain: &[u8], sealed: &mut Vec<u8>) -> io::Result<()> {
        let Transport::Tls(secured) = &mut self.transport else {
            return Ok(());
        };
        if plain.is_empty() {
            return Ok(());
        }
        let Secured {
            channel, sealed: waits, ..
        } = &mut **secured;
        let behind = if waits.is_empty() { sealed } else { waits };
        channel.send(plain, behind).map_err(io::Error::other)
    }

    /// Writes what is composed, sealed where that is due, but for the first `taken` bytes, which the kernel has. True
    /// where it takes no more for now: then the rest is in `out`, or with what is sealed.
    pub(super) fn write(&mut self, bytes: &[u8], taken: usize, out: &mut Vec<u8>) -> io::Result<bool> {
        self.written += taken as u64;
        let rest = bytes.get(taken..).unwrap_or_default();
        match &mut self.transport {
            Transport::Tcp(socket) => {
                let (taken, blocked) = write(socket, rest, &mut self.written)?;
                out.extend_from_slice(rest.get(taken..).unwrap_or_default());
                Ok(blocked)
            }
            Transport::Relayed(local) => {
                let (taken, blocked) = write(&mut local.socket, rest, &mut self.written)?;
                out.extend_from_slice(rest.get(taken..).unwrap_or_default());
                Ok(blocked)
            }
            Transport::Memory(far) => {
                let (taken, blocked) = write_with(|rest| far.write(rest), rest, &mut self.written)?;
                out.extend_from_slice(rest.get(taken..).unwrap_or_default());
                Ok(blocked)
            }
            Transport::Tls(secured) => {
                if secured.push(&mut self.written)? {
                    secured.sealed.extend_from_slice(rest);
                    return Ok(true);
                }
                let (taken, blocked) = write(&mut secured.socket, rest, &mut self.written)?;
                secured.sealed.extend_from_slice(rest.get(taken..).unwrap_or_default());
                Ok(blocked)
            }
        }
    }

    /// Whether sealed bytes wait for the kernel.
    pub(super) fn wants_write(&self) -> bool {
        matches!(&self.transport, Transport::Tls(secured) if !secured.sealed.is_empty())
    }

    /// Whether there is something to read of which no event tells.
    pub(super) fn readable(&self) -> bool {
        matches!(&self.transport, Transport::Memory(far) if far.readable())
    }

    fn push(&mut self) -> io::Result<bool> {
        match &mut self.transport {
            Transport::Tls(secured) => secured.push(&mut self.written),
            _ => Ok(false),
        }
    }

    /// Bytes that the client's TCP, or its transport, has acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        let unacknowledged = match &self.transport {
            Transport::Tcp(socket) => tcp::unacknowledged(socket),
            Transport::Tls(secured) => tcp::unacknowledged(&secured.socket),
            Transport::Relayed(local) => return local.relayed.acknowledged(),
            Transport::Memory(_) => Ok(0),
        };
        self.written.saturating_sub(unacknowledged.unwrap_or(0))
    }

    /// Says goodbye: close_notify, then FIN, as far as it goes without waiting.
    pub(super) fn close(&mut self) {
        if let Transport::Tls(secured) = &mut self.transport {
            secured.channel.close(&mut secured.sealed);
        }
        // The client may be gone already: there is nothing left to do about it.
        let _ = self.push();
        let _ = match &self.transport {
            Transport::Tcp(socket) => socket.shutdown(Shutdown::Write),
            Transport::Tls(secured) => secured.socket.shutdown(Shutdown::Write),
            Transport::Relayed(local) => local.socket.shutdown(Shutdown::Write),
            Transport::Memory(_) => Ok(()),
        };
    }
}

impl Secured {
    fn receive(&mut self, bytes: &mut [u8], plain: &mut Vec<u8>) -> io::Result<()> {
        let received = self.channel.receive(bytes, plain, &mut self.sealed);
        received.map_err(|error| {
            // The alert, as far as it goes.
            let _ = self.socket.write(&self.sealed);
            io::Error::new(io::ErrorKind::InvalidData, error)
        })
    }

    /// Hands what is sealed to the kernel; true while some of it waits.
    fn push(&mut self, written: &mut u64) -> io::Result<bool> {
        if self.sealed.is_empty() {
            return Ok(false);
        }
        let (taken, blocked) = write(&mut self.socket, &self.sealed, written)?;
        if taken == self.sealed.len() {
            self.sealed = Vec::new();
        } else {
            self.sealed.drain(..taken);
        }
        Ok(blocked)
    }
}

fn write(socket: &mut impl Write, bytes: &[u8], written: &mut u64) -> io::Result<(usize, bool)> {
    write_with(|rest| socket.write(rest), bytes, written)
}

/// How much was taken, and whether no more is taken for now.
fn write_with(
    mut write: impl FnMut(&[u8]) -> io::Result<usize>,
    bytes: &[u8],
    written: &mut u64,
) -> io::Result<(usize, bool)> {
    let mut taken = 0;
    while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
        match write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                taken += n;
                *written += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok((taken, true)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((taken, false))
}

fn got(read: io::Result<usize>) -> io::Result<Got> {
    match read {
        Ok(0) => Ok(Got::Closed),
        Ok(n) => Ok(Got::Bytes(n)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Got::Blocked),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Got::Blocked),
        // A client that leaves without close_notify has left all the same.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Got::Closed),
        Err(error) => Err(error),
    }
}
