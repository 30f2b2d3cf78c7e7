//! A socket, with or without TLS, and the stream on it: frames in, bytes out, and an orderly end.
//!
//! It must not know what frames mean. Every method may be dropped at an await without losing or repeating a byte. What
//! comes next: `Negotiation` talks through it; at the end it is taken apart for the shard, or closed.

use std::io::{self, Read};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use reef_stanza::{Budget, Frame, StreamFault, StreamNamespace, StreamReader, stream_header};
use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Bytes asked of the socket at a time.
const READ_BYTES: usize = 4_096;
/// What saying goodbye may take in all.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// One connection.
pub(crate) struct Connection {
    transport: Transport,
    reader: StreamReader,
    /// Read and not yet consumed by `reader`; never more than [`READ_BYTES`].
    input: Vec<u8>,
    /// Not yet taken by the transport.
    output: Vec<u8>,
    header_sent: bool,
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// A TLS handshake has the socket, or has failed: nothing can be said any more.
    Lost,
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
    pub(crate) socket: std::net::TcpStream,
    pub(crate) tls: Option<ServerConnection>,
    pub(crate) unread: Vec<u8>,
}

impl Connection {
    /// A connection on which nothing was said yet.
    pub(crate) fn new(socket: TcpStream, budget: Budget) -> Self {
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

    /// Sends our stream header (RFC 6120 §4.7).
    pub(super) async fn send_header(&mut self, from: &str, to: Option<&str>, id: &str) -> Result<(), End> {
        self.header_sent = true;
        self.send(&stream_header(StreamNamespace::Client, from, to, id, Some("en")))
            .await
    }

    /// Whether bytes were read that no frame has consumed.
    pub(super) fn has_unread(&self) -> bool {
        !self.input.is_empty()
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self.transport, Transport::Tls(_))
    }

    /// The TLS session, if there is one.
    pub(super) fn tls(&self) -> Option<&ServerConnection> {
        match &self.transport {
            Transport::Tls(stream) => Some(stream.get_ref().1),
            Transport::Plain(_) | Transport::Lost => None,
        }
    }

    /// Performs the TLS handshake and waits for a new stream (RFC 6120 §5.4.3).
    pub(super) async fn handshake(&mut self, config: Arc<ServerConfig>) -> Result<(), End> {
        if let Transport::Plain(socket) = mem::replace(&mut self.transport, Transport::Lost) {
            let stream = TlsAcceptor::from(config).accept(socket).await?;
            self.transport = Transport::Tls(Box::new(stream));
        }
        self.reader.reset();
        self.header_sent = false;
        Ok(())
    }

    /// Takes the connection apart. Everything sent must have been flushed, which [`Self::send`] does.
    pub(crate) fn into_parts(self) -> io::Result<Parts> {
        let mut unread = self.input;
        let (socket, tls) = match self.transport {
            Transport::Plain(socket) => (socket, None),
            Transport::Tls(stream) => {
                let (socket, mut session) = stream.into_inner();
                drain_plaintext(&mut session, &mut unread)?;
                (socket, Some(session))
            }
            Transport::Lost => return Err(io::ErrorKind::NotConnected.into()),
        };
        Ok(Parts {
            socket: socket.into_std()?,
            tls,
            unread,
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
            Transport::Tls(stream) => {
                stream.shutdown().await?;
                stream.get_mut().0
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
        let read = match &mut self.transport {
            Transport::Plain(socket) => socket.read_buf(&mut self.input).await?,
            Transport::Tls(stream) => stream.read_buf(&mut self.input).await?,
            Transport::Lost => 0,
        };
        if read == 0 {
            Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
        } else {
            Ok(())
        }
    }

    async fn flush(&mut self) -> Result<(), End> {
        while !self.output.is_empty() {
            let written = match &mut self.transport {
                Transport::Plain(socket) => socket.write(&self.output).await?,
                Transport::Tls(stream) => stream.write(&self.output).await?,
                Transport::Lost => 0,
            };
            if written == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
            self.output.drain(..written);
        }
        match &mut self.transport {
            Transport::Tls(stream) => Ok(stream.flush().await?),
            Transport::Plain(_) | Transport::Lost => Ok(()),
        }
    }
}

/// Our header for a client whose own we have not understood or not waited for (RFC 6120 §4.9.1.2).
pub(crate) fn unsolicited_header(domain: &str) -> Vec<u8> {
    // Without random bytes the error is still said, on a stream without an id.
    let id = super::stream_id().unwrap_or_default();
    stream_header(StreamNamespace::Client, domain, None, &id, Some("en"))
}

/// Takes what rustls has decrypted and nobody has read; it holds 16 KiB of it at most.
fn drain_plaintext(session: &mut ServerConnection, unread: &mut Vec<u8>) -> io::Result<()> {
    match session.reader().read_to_end(unread) {
        Ok(_) => Ok(()),
        // Nothing more for now, or the client has already gone: the shard finds that out by itself.
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::UnexpectedEof) => Ok(()),
        Err(error) => Err(error),
    }
}
