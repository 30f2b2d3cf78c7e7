//! A WebSocket's two ways: frames of a client to its stream, pieces of ours to frames.
//!
//! One task a connection. It takes from neither side while the other has not taken what it has, so that what waits is bounded
//! by a stanza; a slow client is the session's matter as on any socket. What a client has is known by pings: a pong to one
//! says that all before it arrived, also through proxies. Knows no HTTP. It ends with either side.

use super::Carried;
use super::framing;
use crate::limits::{RELAY_READ, TCP_TIMEOUT_SECONDS, WEB_PING_SECONDS, WEB_UNREAD_BYTES};
use crate::stream::Relayed;
use reef_stanza::{Cutter, Piece};
use std::io::{self, Read, Write};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Bytes, Error, Message};

/// What saying goodbye may take.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// How large a frame of a client's may be.
pub(super) struct Sizes {
    /// Until he has logged in.
    pub(super) before: usize,
    /// From then on.
    pub(super) after: usize,
}

/// Bytes of the connection, on their way between it and what frames them.
#[derive(Default)]
struct Passing {
    came: Vec<u8>,
    goes: Vec<u8>,
}

impl Read for Passing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = buffer.len().min(self.came.len());
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        for (to, from) in buffer.iter_mut().zip(self.came.drain(..taken)) {
            *to = from;
        }
        Ok(taken)
    }
}

impl Write for Passing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.goes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Frames on one side, a stream on the other.
struct Frames {
    context: WebSocketContext,
    passing: Passing,
    cutter: Cutter,
    /// Said by the client, and not yet taken by its stream.
    inward: Vec<u8>,
    relayed: Relayed,
    /// A ping is under way.
    pinged: bool,
    /// Bytes of the stream of which the client has heard, as far as it was asked.
    asked: u64,
    sizes: Sizes,
    /// Our stream has ended, and the client knows.
    ended: bool,
}

/// Carries a stream until either side ends it.
pub(super) async fn carry(socket: impl AsyncRead + AsyncWrite, carried: Carried, sizes: Sizes) {
    let Carried {
        socket: stream,
        relayed,
        _permit,
    } = carried;
    let (mut from_client, mut to_client) = tokio::io::split(socket);
    let (mut from_stream, mut to_stream) = stream.into_split();
    let mut frames = Frames::new(relayed, sizes);
    let (mut heard, mut said) = (Instant::now(), Vec::with_capacity(RELAY_READ));
    let (silence, quiet) = (
        Duration::from_secs(TCP_TIMEOUT_SECONDS),
        Duration::from_secs(WEB_PING_SECONDS),
    );
    let mut came = Vec::with_capacity(RELAY_READ);
    let mut closing = None;
    loop {
        let (waits, due) = (!frames.passing.goes.is_empty(), !frames.inward.is_empty());
        if frames.ended {
            closing.get_or_insert_with(|| Instant::now() + CLOSE_TIME_MAX);
        }
        // Who does not read what he is answered is not read either.
        let full = frames.passing.goes.len() >= WEB_UNREAD_BYTES;
        let next = closing.unwrap_or(heard + if frames.pinged { silence } else { quiet });
        let step: io::Result<bool> = tokio::select! {
            written = to_client.write(&frames.passing.goes), if waits => {
                if full {
                    heard = Instant::now();
                }
                frames.written(written)
            }
            taken = to_stream.write(&frames.inward), if due => frames.taken(taken),
            read = from_client.read_buf(&mut came), if !due && !full => {
                heard = Instant::now();
                read.and_then(|count| frames.came(count, &mut came))
            }
            read = from_stream.read_buf(&mut said), if !waits && !frames.ended => {
                read.and_then(|count| frames.said(count, &mut said))
            }
            () = sleep_until(next) => if frames.pinged || frames.ended { Ok(false) } else { frames.ping().map(|()| true) },
        };
        match step {
            Ok(true) => {}
            Ok(false) | Err(_) => break,
        }
    }
    // What is left: an alert of the framing, or our close. Slower or gone already: then he does not hear it.
    let farewell = async {
        to_client.write_all(&frames.passing.goes).await?;
        to_client.shutdown().await
    };
    let _ = timeout(CLOSE_TIME_MAX, farewell).await;
}

impl Frames {
    fn new(relayed: Relayed, sizes: Sizes) -> Frames {
        let config = WebSocketConfig::default()
            .read_buffer_size(RELAY_READ)
            .write_buffer_size(0)
            .max_message_size(Some(sizes.before))
            .max_frame_size(Some(sizes.before));
        Frames {
            context: WebSocketContext::new(Role::Server, Some(config)),
            passing: Passing::default(),
            cutter: Cutter::default(),
            inward: Vec::new(),
            relayed,
            pinged: false,
            asked: 0,
            sizes,
            ended: false,
        }
    }

    /// The connection has taken bytes.
    fn written(&mut self, written: io::Result<usize>) -> io::Result<bool> {
        match written? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            count => {
                self.passing.goes.drain(..count);
                let more = self.cutter.given() > self.asked;
                if self.passing.goes.is_empty() && more && !self.pinged && !self.ended {
                    self.ping()?;
                }
                Ok(true)
            }
        }
    }

    /// The stream has taken bytes; what follows them among the frames that came is next.
    fn taken(&mut self, taken: io::Result<usize>) -> io::Result<bool> {
        self.inward.drain(..taken?);
        if self.inward.is_empty() {
            self.frames()
        } else {
            Ok(true)
        }
    }

    /// The client has sent bytes.
    fn came(&mut self, count: usize, came: &mut Vec<u8>) -> io::Result<bool> {
        if count == 0 {
            return Ok(false);
        }
        self.passing.came.append(came);
        self.frames()
    }

    /// Goes through the frames that are there, until one is for the stream. False: the client has closed.
    fn frames(&mut self) -> io::Result<bool> {
        while self.inward.is_empty() {
            match self.context.read(&mut self.passing) {
                Ok(Message::Text(text)) => self.inward = framing::inward(&text).unwrap_or_default(),
                Ok(Message::Pong(bytes)) => self.ponged(&bytes)?,
                Ok(Message::Ping(_) | Message::Frame(_) | Message::Close(_)) => {}
                // RFC 7395 §3.2: text alone.
                Ok(Message::Binary(_)) => return Ok(false),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(Error::ConnectionClosed) => return Ok(false),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(true)
    }

    fn ponged(&mut self, payload: &[u8]) -> io::Result<()> {
        let Ok(count) = payload.try_into().map(u64::from_be_bytes) else {
            return Ok(());
        };
        // Nobody has heard what was not said.
        if !self.pinged || count > self.asked {
            return Ok(());
        }
        self.pinged = false;
        self.relayed.confirm(count);
        if self.cutter.given() > self.asked && self.passing.goes.is_empty() {
            self.ping()?;
        }
        Ok(())
    }

    /// Asks the client how far it is.
    fn ping(&mut self) -> io::Result<()> {
        self.pinged = true;
        self.asked = self.cutter.given();
        let ping = Message::Ping(Bytes::copy_from_slice(&self.asked.to_be_bytes()));
        self.send(ping)
    }

    /// The stream has said something, or has ended.
    fn said(&mut self, count: usize, said: &mut Vec<u8>) -> io::Result<bool> {
        if count == 0 {
            return Ok(false);
        }
        self.cutter.push(said);
        said.clear();
        while let Some(piece) = self.cutter.next() {
            let end = piece == Piece::End;
            if matches!(&piece, Piece::Element(bytes) if bytes.starts_with(b"<success")) {
                let after = self.sizes.after;
                self.context.set_config(|config| {
                    config.max_message_size = Some(after);
                    config.max_frame_size = Some(after);
                });
            }
            self.send(Message::text(framing::outward(piece)))?;
            if end {
                // RFC 7395 §3.6: who has closed the stream closes the WebSocket.
                self.ended = true;
                self.context.close(&mut self.passing, None).map_err(io::Error::other)?;
                break;
            }
        }
        Ok(true)
    }

    fn send(&mut self, message: Message) -> io::Result<()> {
        let sent = self.context.write(&mut self.passing, message);
        sent.and_then(|()| self.context.flush(&mut self.passing))
            .map_err(io::Error::other)
    }
}
