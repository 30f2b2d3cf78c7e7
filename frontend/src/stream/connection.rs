//! A socket, with or without TLS, and the stream on it: frames in, bytes out, and an orderly end.
//!
//! It must not know what frames mean. Every method may be dropped at an await without losing or repeating a byte. What
//! comes next: `Negotiation` talks through it; at the end it is taken apart for the shard, or closed.

use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use reef_stanza::{Budget, Frame, StreamFault, StreamNamespace, StreamReader, stream_header};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Carrier, Socket};
use crate::tls::Channel;

/// Bytes asked of the socket at a time.
const READ_BYTES: usize = 4_096;
/// What saying goodbye may take in all.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// One connection.
pub(crate) struct Connection {
    transport: Transport,
    reader: StreamReader,
    /// Read and not yet consumed by `reader`; a record of TLS more than [`READ_BYTES`] at most.
    input: Vec<u8>,
    /// Not yet taken by the transport.
    output: Vec<u8>,
    header_sent: bool,
}

enum Transport {
    Plain(Carrier),
    Tls(Box<Secured>),
    /// A TLS handshake has the socket, or has failed: nothing can be said any more.
    Lost,
}

/// A socket with TLS on it.
struct Secured {
    socket: Carrier,
    channel: Channel,
    /// Sealed and not yet taken by the socket.
    sealed: Vec<u8>,
}

/// Why a stream ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    /// With a stream error from us.
    #[error("stream error: {0}")]
    Fault(#[from] StreamFault),
    /// The client has closed its stream; ours is closed, too (RFC 6120 §4.4).
    #[error("the client has closed the stream")]
    Stream,
    /// The connection is gone, or TLS has failed.
    #[error("connection lost: {0}")]
    Lost(#[from] io::Error),
}

/// A connection taken apart for its shard.
pub(crate) struct Parts {
    pub(crate) socket: Socket,
    pub(crate) tls: Option<Channel>,
    pub(crate) unread: Vec<u8>,
    /// In the midst of the stream.
    pub(crate) reader: StreamReader,
}

impl Connection {
    /// A connection on which nothing was said yet.
    pub(crate) fn new(socket: Carrier, budget: Budget) -> Self {
        Self {
            transport: Transport::Plain(socket),
            reader: StreamReader::new(StreamNamespace::Client, budget),
            input: Vec::new(),
            output: Vec::new(),
            header_sent: false,
        }
    }

    /// The client's next frame; white space between stanzas is passed over.
    pub(super) async fn frame(&mut self) -> Result<Frame, End> {
        loop {
            let mut rest = self.input.as_slice();
            let read = self.reader.read(&mut rest);
            let consumed = self.input.len() - rest.len();
            self.input.drain(..consumed);
            match read? {
                Some(Frame::Whitespace) => {}
                Some(frame) => return Ok(frame),
                None => self.fill().await?,
            }
        }
    }

    /// Sends bytes; done once the system has them all.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.output.extend_from_slice(bytes);
        self.flush().await
    }

    /// Queues our stream header (RFC 6120 §4.7): it goes out with what is sent next, in one write and one record.
    pub(super) fn begin(&mut self, from: &str, to: Option<&str>, id: &str) {
        self.header_sent = true;
        let header = stream_header(StreamNamespace::Client, from, to, id, Some("en"));
        self.output.extend_from_slice(&header);
    }

    /// Whether something was said that no frame has consumed. White space says nothing, and is passed over: clients end lines.
    pub(super) fn has_unread(&mut self) -> bool {
        self.input
            .drain(..self.input.len() - self.input.trim_ascii_start().len());
        !self.input.is_empty()
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self.transport, Transport::Tls(_))
    }

    /// Whether a transport of this process carries the stream, and protects it.
    pub(super) fn is_relayed(&self) -> bool {
        matches!(&self.transport, Transport::Plain(carrier) if carrier.is_relayed())
    }

    /// The TLS channel, if there is one.
    pub(super) fn tls(&mut self) -> Option<&mut Channel> {
        match &mut self.transport {
            Transport::Tls(secured) => Some(&mut secured.channel),
            Transport::Plain(_) | Transport::Lost => None,
        }
    }

    /// Performs the TLS handshake and waits for a new stream (RFC 6120 §5.4.3).
    pub(super) async fn handshake(&mut self, config: Arc<ServerConfig>) -> Result<(), End> {
        if let Transport::Plain(socket) = mem::replace(&mut self.transport, Transport::Lost) {
            let mut secured = Secured {
                socket,
                channel: Channel::new(&config).map_err(broken)?,
                sealed: Vec::new(),
            };
            while secured.channel.is_handshaking() {
                secured.receive(&mut self.input).await?;
                secured.flush().await?;
            }
            self.transport = Transport::Tls(Box::new(secured));
        }
        self.reader.reset();
        self.header_sent = false;
        Ok(())
    }

    /// Takes the connection apart. Everything sent must have been flushed, which [`Self::send`] does.
    pub(crate) fn into_parts(self) -> io::Result<Parts> {
        let (socket, tls) = match self.transport {
            Transport::Plain(socket) => (socket, None),
            Transport::Tls(secured) => (secured.socket, Some(secured.channel)),
            Transport::Lost => return Err(io::ErrorKind::NotConnected.into()),
        };
        Ok(Parts {
            socket: socket.into_std()?,
            tls,
            unread: self.input,
            reader: self.reader,
        })
    }

    /// Says why (RFC 6120 §4.9.1), with our own header first if it was not sent yet (§4.9.1.2), and closes stream, TLS
    /// and socket. Takes [`CLOSE_TIME_MAX`] at most.
    pub(crate) async fn close(mut self, end: End, domain: &str) {
        let farewell = match end {
            End::Fault(fault) => {
                if !self.header_sent {
                    self.output.extend_from_slice(&unsolicited_header(domain));
                }
                fault.to_bytes()
            }
            End::Stream => b"</stream:stream>".to_vec(),
            End::Lost(_) => return,
        };
        self.output.extend_from_slice(&farewell);
        // Slower or already gone: then it does not hear the rest.
        let _ = tokio::time::timeout(CLOSE_TIME_MAX, self.finish()).await;
    }

    /// Sends what is queued, ends both layers and waits for the client to close: a socket closed with unread bytes
    /// would be reset, and the client might never see the error.
    async fn finish(&mut self) -> Result<(), End> {
        self.flush().await?;
        let socket = match &mut self.transport {
            Transport::Plain(socket) => {
                socket.shutdown().await?;
                socket
            }
            Transport::Tls(secured) => {
                secured.channel.close(&mut secured.sealed);
                secured.flush().await?;
                secured.socket.shutdown().await?;
                &mut secured.socket
            }
            Transport::Lost => return Ok(()),
        };
        self.input.clear();
        while socket.read_buf(&mut self.input).await? > 0 {
            self.input.clear();
        }
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), End> {
        self.input.reserve(READ_BYTES);
        let ended = || End::from(io::Error::from(io::ErrorKind::UnexpectedEof));
        match &mut self.transport {
            Transport::Plain(socket) => match socket.read_buf(&mut self.input).await? {
                0 => Err(ended()),
                _ => Ok(()),
            },
            Transport::Tls(secured) => {
                while self.input.is_empty() {
                    secured.receive(&mut self.input).await?;
                    secured.flush().await?;
                }
                Ok(())
            }
            Transport::Lost => Err(ended()),
        }
    }

    async fn flush(&mut self) -> Result<(), End> {
        match &mut self.transport {
            Transport::Plain(socket) => write_all(socket, &mut self.output).await?,
            Transport::Tls(secured) => {
                if !self.output.is_empty() {
                    secured
                        .channel
                        .send(&self.output, &mut secured.sealed)
                        .map_err(broken)?;
                    self.output.clear();
                }
                secured.flush().await?;
            }
            Transport::Lost if self.output.is_empty() => {}
            Transport::Lost => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
        }
        Ok(())
    }
}

/// Our header for a client whose own we have not understood or not waited for (RFC 6120 §4.9.1.2).
pub(crate) fn unsolicited_header(domain: &str) -> Vec<u8> {
    // Without random bytes the error is still said, on a stream without an id.
    let id = super::stream_id().unwrap_or_default();
    stream_header(StreamNamespace::Client, domain, None, &id, Some("en"))
}

impl Secured {
    /// Reads from the socket, and appends what that says.
    async fn receive(&mut self, plain: &mut Vec<u8>) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(READ_BYTES);
        if self.channel.peer_closed() || self.socket.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let received = self.channel.receive(&mut bytes, plain, &mut self.sealed);
        if received.is_err() {
            // The alert: one that finds no room in the socket's buffer is not worth waiting for.
            let _ = self.socket.try_write(&self.sealed);
        }
        received.map_err(broken)
    }

    async fn flush(&mut self) -> io::Result<()> {
        write_all(&mut self.socket, &mut self.sealed).await
    }
}

/// Takes from `bytes` what the socket takes, until nothing is left.
async fn write_all(socket: &mut Carrier, bytes: &mut Vec<u8>) -> io::Result<()> {
    while !bytes.is_empty() {
        match socket.write(bytes).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => drop(bytes.drain(..written)),
        }
    }
    Ok(())
}

/// TLS has failed.
fn broken(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
