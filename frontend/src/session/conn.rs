//! A connection: a socket, perhaps TLS, a reader, and what is still to be written. Bytes only.
//!
//! Reads and writes never block. Knows no user and no stanza; `read.rs` and `flush.rs` use it.

use super::iq::Parked;
use super::sm::Sm;
use super::tcp;
use crate::limits::{IN_FLIGHT, WRITE_TURN};
use crate::stream::ConnectionPermit;
use jid::{BareJid, FullJid};
use minidom::Element;
use mio::net::TcpStream;
use reef_engine::model::Seq;
use reef_engine::shard::Key;
use reef_stanza::StreamReader;
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read, Write};
use std::sync::Arc;

/// How far a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for the header after SASL.
    Header,
    /// Waits for bind or resume.
    Bind,
    /// Waits for the user's rows.
    Binding,
    /// Bound.
    Open,
}

/// The socket, with TLS where there is.
pub(super) struct Wire {
    pub(super) socket: TcpStream,
    pub(super) tls: Option<Box<rustls::ServerConnection>>,
    /// Bytes handed to the kernel, for the question how many are acknowledged.
    pub(super) written: u64,
}

/// A connection and its session.
pub(super) struct Conn {
    /// `None` while a session waits to be resumed.
    pub(super) wire: Option<Wire>,
    pub(super) reader: StreamReader,
    /// Read and not yet framed: more requests than may be under way.
    pub(super) unread: Vec<u8>,
    /// Composed and not yet taken by the kernel (without TLS) or by rustls.
    pub(super) out: Vec<u8>,
    /// The kernel takes no more for now.
    pub(super) blocked: bool,
    pub(super) to_flush: bool,
    pub(super) phase: Phase,
    pub(super) user: BareJid,
    /// The full JID once bound, and its escaped forms for splicing.
    pub(super) jid: Option<FullJid>,
    pub(super) full_escaped: Box<[u8]>,
    pub(super) bare_escaped: Box<[u8]>,
    pub(super) lang: Option<String>,
    pub(super) key: Option<Key>,
    /// Which cursor the session moves: the resource it asked for.
    pub(super) device: String,
    pub(super) in_flight: u32,
    /// A request is under way that reads: what comes behind it waits, so that it does not see that.
    pub(super) reading: bool,
    /// A request that waits for those before it, so that it sees what they changed.
    pub(super) parked: Option<Box<Parked>>,
    pub(super) sm: Option<Box<Sm>>,
    pub(super) presence: Option<Box<Element>>,
    pub(super) priority: i8,
    pub(super) directed: BTreeSet<jid::Jid>,
    pub(super) caps: Caps,
    /// The roster was asked for: pushes go here (RFC 6121 §2.1.6).
    pub(super) interested: bool,
    /// After how many bytes on the wire which post is confirmed, where there is no stream management.
    pub(super) marks: VecDeque<(u64, Seq)>,
    pub(super) unmarked: Option<Seq>,
    /// Milliseconds: when an unbound stream is given up, or a session that waits to be resumed.
    pub(super) deadline: Option<u64>,
    /// The stream has ended: close when everything is written.
    pub(super) closing: bool,
    /// Everything was written and our side is closed; the client's close is waited for, not for long.
    pub(super) closed: bool,
    pub(super) _permit: Option<ConnectionPermit>,
}

impl Conn {
    /// Whether nothing more is handled for now. What is read is kept, and goes on with the answer that is waited for.
    pub(super) fn waits(&self) -> bool {
        // One who asks and does not read is not asked on: he waits for himself.
        let deaf = self.blocked && self.out.len() > WRITE_TURN;
        self.phase == Phase::Binding || self.in_flight >= IN_FLIGHT || self.reading || self.parked.is_some() || deaf
    }

    /// Whether it waits to be bound, and is still there.
    pub(super) fn binds(&self) -> bool {
        self.phase == Phase::Binding && !self.closing
    }
}

/// What a session's capabilities are known of.
#[derive(Default)]
pub(super) struct Caps {
    /// Its last `<c/>`, as `node#ver`.
    pub(super) seen: Option<String>,
    /// Questions asked of the client: id → what they are about.
    pub(super) asked: Vec<(String, crate::xep::xep0115_caps::CapsRef)>,
    /// The node names it wants by presence.
    pub(super) wants: Option<Arc<BTreeSet<Arc<str>>>>,
}

/// What reading brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// So many bytes.
    Bytes(usize),
    /// Nothing more for now.
    Blocked,
    /// The other side has closed.
    Closed,
}

impl Wire {
    /// Takes over a socket: tunes it.
    pub(super) fn new(socket: std::net::TcpStream, tls: Option<rustls::ServerConnection>) -> io::Result<Wire> {
        socket.set_nonblocking(true)?;
        tcp::tune(&socket)?;
        let mut tls = tls.map(Box::new);
        if let Some(tls) = &mut tls {
            // What may wait is bounded by our own turn, not by rustls.
            tls.set_buffer_limit(None);
        }
        Ok(Wire {
            socket: TcpStream::from_std(socket),
            tls,
            written: 0,
        })
    }

    /// Reads plaintext.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Got> {
        let Some(tls) = &mut self.tls else {
            return got(self.socket.read(buffer));
        };
        loop {
            // What rustls has already decrypted comes first.
            match got(tls.reader().read(buffer))? {
                Got::Blocked => {}
                done => return Ok(done),
            }
            match got(tls.read_tls(&mut self.socket))? {
                Got::Bytes(_) => {
                    tls.process_new_packets()
                        .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
                }
                Got::Closed => return Ok(Got::Closed),
                Got::Blocked => return Ok(Got::Blocked),
            }
        }
    }

    /// Reads what no longer matters, past TLS.
    pub(super) fn pass_over(&mut self, buffer: &mut [u8]) -> io::Result<Got> {
        got(self.socket.read(buffer))
    }

    /// Writes plaintext; how much of it was taken, and whether the kernel takes no more for now. rustls takes all.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<(usize, bool)> {
        if let Some(tls) = &mut self.tls {
            tls.writer().write_all(bytes)?;
            return Ok((bytes.len(), self.push_tls()?));
        }
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            match self.socket.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    taken += n;
                    self.written += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok((taken, true)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok((taken, false))
    }

    /// Moves encrypted bytes to the kernel; true while some wait.
    fn push_tls(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(false) };
        while tls.wants_write() {
            match tls.write_tls(&mut self.socket) {
                Ok(n) => self.written += n as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Bytes that the client's TCP has acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.written
            .saturating_sub(tcp::unacknowledged(&self.socket).unwrap_or(0))
    }

    /// Says goodbye: close_notify, then FIN, as far as it goes without waiting.
    pub(super) fn close(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        // The client may be gone already: there is nothing left to do about it.
        let _ = self.push_tls();
        let _ = self.socket.shutdown(std::net::Shutdown::Write);
    }
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
