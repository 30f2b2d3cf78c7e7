//! A connection: a socket, perhaps TLS, a reader, and what is still to be written. Bytes only.
//!
//! Reads and writes never block. Knows no user and no stanza; `read.rs` and `flush.rs` use it.

use super::iq::Parked;
use super::sm::Sm;
use super::tcp;
use crate::limits::{IN_FLIGHT, WRITE_TURN};
use crate::stream::ConnectionPermit;
use jid::{BareJid, FullJid};
use mio::net::TcpStream;
use reef_engine::model::Seq;
use reef_engine::shard::{Key, Manner};
use reef_stanza::StreamReader;
use std::collections::BTreeSet;
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
    /// Composed and not yet taken by the kernel (without TLS) or by rustls.
    pub(super) out: Vec<u8>,
    pub(super) key: Option<Key>,
    /// How stanzas address it.
    pub(super) address: Address,
    /// The kernel takes no more for now.
    pub(super) blocked: bool,
    pub(super) to_flush: bool,
    pub(super) phase: Phase,
    pub(super) priority: i8,
    pub(super) sm: Option<Box<Sm>>,
    /// Its last presence, encoded; `None` where it is not available.
    pub(super) presence: Option<Box<[u8]>>,
    pub(super) reader: StreamReader,
    /// Read and not yet framed: more requests than may be under way.
    pub(super) unread: Vec<u8>,
    pub(super) user: BareJid,
    /// The full JID once bound.
    pub(super) jid: Option<FullJid>,
    /// The resource was made by the server: it names no device.
    pub(super) made: bool,
    pub(super) lang: Option<Box<str>>,
    pub(super) in_flight: u32,
    /// A request is under way that reads: what comes behind it waits, so that it does not see that.
    pub(super) reading: bool,
    /// A request that waits for those before it, so that it sees what they changed.
    pub(super) parked: Option<Box<Parked>>,
    pub(super) directed: Option<Box<BTreeSet<jid::Jid>>>,
    pub(super) caps: Caps,
    /// The roster was asked for: pushes go here (RFC 6121 §2.1.6).
    pub(super) interested: bool,
    /// After how many bytes on the wire which post is confirmed, where there is no stream management.
    pub(super) marks: Marks,
    /// Milliseconds: when an unbound stream is given up, or a session that waits to be resumed.
    pub(super) deadline: Option<u64>,
    /// The stream has ended: close when everything is written.
    pub(super) closing: bool,
    /// Everything was written and our side is closed; the client's close is waited for, not for long.
    pub(super) closed: bool,
    pub(super) _permit: Option<Box<ConnectionPermit>>,
}

// A million of these are held at once: what is added here is added a million times.
const _: () = assert!(size_of::<Conn>() <= 384);

/// A full JID as it is written into an attribute, and how much of it is the bare one.
#[derive(Default)]
pub(super) struct Address {
    escaped: Box<[u8]>,
    bare: u32,
}

impl Address {
    pub(super) fn new(jid: &FullJid) -> Address {
        let mut escaped = Vec::new();
        reef_stanza::escape_attr(jid.to_bare().as_str(), &mut escaped);
        let bare = escaped.len() as u32;
        escaped.push(b'/');
        reef_stanza::escape_attr(jid.resource().as_str(), &mut escaped);
        Address {
            escaped: escaped.into(),
            bare,
        }
    }

    pub(super) fn to(&self, manner: Manner) -> &[u8] {
        match manner {
            Manner::Notify => &self.escaped,
            Manner::Follower | Manner::Delayed => self.escaped.get(..self.bare as usize).unwrap_or_default(),
        }
    }
}

/// After how many bytes on the wire which post is with the client. Two are enough: one that is waited for, and the
/// newest.
#[derive(Default)]
pub(super) struct Marks {
    waited: (u64, Seq),
    newest: (u64, Seq),
    /// Handed to the wire, and not all of it with the kernel yet; 0 is none.
    unmarked: Seq,
}

impl Marks {
    /// A post was handed to the wire.
    pub(super) fn handed(&mut self, seq: Seq) {
        self.unmarked = self.unmarked.max(seq);
    }

    /// All that was handed is with the kernel, `written` bytes in all.
    pub(super) fn written(&mut self, written: u64) {
        if self.unmarked == Seq(0) {
            return;
        }
        let mark = (written, std::mem::take(&mut self.unmarked));
        if self.waited.1 == Seq(0) {
            self.waited = mark;
        } else {
            self.newest = mark;
        }
    }

    /// Whether something is waited for.
    pub(super) fn waits(&self) -> bool {
        self.waited.1 != Seq(0)
    }

    /// So many bytes are with the client: the last post among them.
    pub(super) fn acknowledged(&mut self, bytes: u64) -> Option<Seq> {
        let mut last = None;
        while self.waits() && self.waited.0 <= bytes {
            last = Some(self.waited.1);
            self.waited = std::mem::take(&mut self.newest);
        }
        last
    }
}

impl Conn {
    /// Which cursor the session moves: the resource it asked for; empty where it asked for none.
    pub(super) fn device(&self) -> &str {
        let jid = self.jid.as_ref().filter(|_| !self.made);
        jid.map_or("", |jid| jid.resource().as_str())
    }

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

/// A question to the client, by its id.
pub(super) type Question = (String, crate::xep::xep0115_caps::CapsRef);

/// What a session's capabilities are known of.
#[derive(Default)]
pub(super) struct Caps {
    /// Its last `<c/>`, `node#ver`, as a number; 0 is none.
    pub(super) seen: u64,
    /// Questions asked of the client: id → what they are about.
    pub(super) asked: Option<Box<Vec<Question>>>,
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
