//! A socket between servers, with or without TLS, and the stream on it: frames in, bytes out, an orderly end.
//!
//! Must not know what frames mean. Every method but the handshakes may be dropped at an await without losing or repeating
//! a byte. What comes next: `dial` and `inbound` negotiate through it, `established` runs it.

use std::io;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use reef_stanza::stream_header;
use reef_stanza::{Budget, Frame, StreamCondition, StreamFault, StreamHeader, StreamNamespace, StreamReader, ns};
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::end::End;
use super::socket::Socket;

/// Bytes asked of the socket at a time.
const READ_BYTES: usize = 16 << 10;
/// What saying goodbye may take in all.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(1);

/// One connection to a peer.
pub(super) struct Wire {
    socket: Socket,
    reader: StreamReader,
    namespace: StreamNamespace,
    /// Read and not yet consumed by `reader`.
    input: BytesMut,
    /// Not yet taken by the transport.
    output: BytesMut,
    /// Whether TLS may hold bytes that the socket has not taken.
    unflushed: bool,
    /// Bytes that the frame which is being read has taken so far.
    cost: usize,
    /// Bytes between frames.
    idle_bytes: usize,
    /// Bytes that the transport has taken.
    written: u64,
    header_sent: bool,
    ended: bool,
}

impl Wire {
    pub(super) fn new(socket: TcpStream, budget: Budget) -> Self {
        Self::of(StreamNamespace::Server, socket, budget)
    }

    /// One that speaks another namespace than servers do.
    pub(super) fn of(namespace: StreamNamespace, socket: TcpStream, budget: Budget) -> Self {
        Self {
            socket: Socket::Plain(socket),
            reader: StreamReader::new(namespace, budget),
            namespace,
            input: BytesMut::new(),
            output: BytesMut::new(),
            unflushed: false,
            cost: 0,
            idle_bytes: 0,
            written: 0,
            header_sent: false,
            ended: false,
        }
    }

    /// The next frame of what was read, and what it cost; white space between frames is passed over.
    pub(super) fn read(&mut self) -> Result<Option<(Frame, usize)>, StreamFault> {
        loop {
            let mut rest: &[u8] = &self.input;
            let read = self.reader.read(&mut rest);
            let consumed = self.input.len() - rest.len();
            self.input.advance(consumed);
            self.cost += consumed;
            match read? {
                Some(Frame::Whitespace) => self.idle_bytes += mem::take(&mut self.cost),
                Some(frame) => return Ok(Some((frame, mem::take(&mut self.cost)))),
                None => return Ok(None),
            }
        }
    }

    /// The next frame, waited for; what is queued is sent meanwhile.
    pub(super) async fn frame(&mut self) -> Result<Frame, End> {
        loop {
            if let Some((frame, _)) = self.read()? {
                return Ok(frame);
            }
            self.turn(true).await?;
        }
    }

    /// The peer's stream header.
    pub(super) async fn header(&mut self) -> Result<StreamHeader, End> {
        match self.frame().await? {
            Frame::Header(header) => Ok(header),
            Frame::End => Err(End::Closed),
            Frame::Element(_) | Frame::Whitespace => Err(StreamCondition::BadFormat.into()),
        }
    }

    /// The next child of the stream; a stream error is its end.
    pub(super) async fn element(&mut self) -> Result<minidom::Element, End> {
        match self.frame().await? {
            Frame::Element(element) if element.is("error", ns::STREAM) => Err(End::from_peer(&element)),
            Frame::Element(element) => Ok(element),
            Frame::End => Err(End::Closed),
            Frame::Header(_) | Frame::Whitespace => Err(StreamCondition::BadFormat.into()),
        }
    }

    /// What white space has cost since the last time.
    pub(super) fn take_idle_bytes(&mut self) -> usize {
        mem::take(&mut self.idle_bytes)
    }

    /// Bytes that the transport has taken so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Queues bytes, which leave with the next [`Self::turn`]; none behind the end of our stream.
    pub(super) fn queue(&mut self, bytes: &[u8]) {
        if !self.ended {
            self.output.extend_from_slice(bytes);
        }
    }

    /// Queues our stream header (RFC 6120 §4.7). Who dials has no id for it. It names no language: peers would take what
    /// our users write for that (§4.7.4).
    pub(super) fn queue_header(&mut self, from: &str, to: Option<&str>, id: &str) {
        self.header_sent = true;
        self.queue(&stream_header(self.namespace, from, to, id, None));
    }

    /// Queues the end of our stream, once.
    pub(super) fn queue_end(&mut self) {
        if self.header_sent {
            self.queue(b"</stream:stream>");
            self.ended = true;
        }
    }

    /// Bytes that wait for the socket.
    pub(super) fn waiting(&self) -> usize {
        self.output.len() + usize::from(self.unflushed)
    }

    /// Whether something was said that no frame has consumed; white space says nothing.
    pub(super) fn has_unread(&self) -> bool {
        !self.input.trim_ascii_start().is_empty()
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self.socket, Socket::Tls(_))
    }

    /// The peer's certificate and its chain, as far as it has shown one.
    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        self.socket.chain()
    }

    pub(super) fn set_budget(&mut self, budget: Budget) {
        self.reader.set_budget(budget);
    }

    /// Waits for a new stream of the peer's (RFC 6120 §4.3.3).
    pub(super) fn restart(&mut self) {
        self.reader.reset();
        self.header_sent = false;
        self.cost = 0;
    }

    /// Sends what is queued, then performs the handshake as the server, and waits for a new stream.
    pub(super) async fn accept_tls(&mut self, config: Arc<ServerConfig>) -> Result<(), End> {
        self.flush().await?;
        if let Socket::Plain(socket) = mem::replace(&mut self.socket, Socket::Lost) {
            let tls = TlsAcceptor::from(config).accept(socket).await?;
            self.socket = Socket::Tls(Box::new(tls.into()));
        }
        self.restart();
        Ok(())
    }

    /// The same as the client.
    pub(super) async fn connect_tls(
        &mut self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<(), End> {
        self.flush().await?;
        if let Socket::Plain(socket) = mem::replace(&mut self.socket, Socket::Lost) {
            let tls = TlsConnector::from(config).connect(name, socket).await?;
            self.socket = Socket::Tls(Box::new(tls.into()));
        }
        self.restart();
        Ok(())
    }

    /// Done once the system has all that was queued.
    pub(super) async fn flush(&mut self) -> Result<(), End> {
        while self.waiting() > 0 {
            self.turn(false).await?;
        }
        Ok(())
    }

    /// Done once bytes have come, if they are wanted, or bytes have left.
    pub(super) async fn turn(&mut self, read: bool) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_turn(cx, read)).await
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>, read: bool) -> Poll<io::Result<()>> {
        let mut moved = self.poll_output(cx)?;
        if read && let Poll::Ready(read) = self.poll_input(cx) {
            if read? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            moved = true;
        }
        match moved {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    /// Whether bytes have left.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let waited = self.waiting();
        while !self.output.is_empty() {
            match self.socket.poll_write(cx, &self.output) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(written) => {
                    let written = written?;
                    self.output.advance(written);
                    self.written += written as u64;
                    self.unflushed = true;
                }
                Poll::Pending => break,
            }
        }
        if self.unflushed
            && let Poll::Ready(flushed) = self.socket.poll_flush(cx)
        {
            flushed?;
            self.unflushed = false;
        }
        Ok(self.waiting() < waited)
    }

    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.reserve(READ_BYTES);
        self.socket.poll_read(cx, &mut self.input)
    }

    /// Says why (RFC 6120 §4.9.1), with our own header first if it was not sent yet (§4.9.1.2), ends stream, TLS and
    /// socket, and waits a moment for the peer to do so: a socket closed with unread bytes would be reset, and the peer
    /// might never see the error.
    pub(super) async fn close(mut self, end: &End, domain: &str) {
        match end {
            End::Lost(_) => return,
            End::Fault(fault) if !self.ended => {
                if !self.header_sent {
                    self.queue_header(domain, None, &super::inbound::stream_id().unwrap_or_default());
                }
                self.queue(&fault.to_bytes());
                self.ended = true;
            }
            _ => self.queue_end(),
        }
        // Slower or already gone: then it does not hear the rest.
        let _ = tokio::time::timeout(GOODBYE_TIME_MAX, self.goodbye()).await;
    }

    /// The same without waiting for it.
    pub(super) fn part(self, end: End, domain: &str) {
        let domain = domain.to_owned();
        tokio::spawn(async move { self.close(&end, &domain).await });
    }

    async fn goodbye(&mut self) -> Result<(), End> {
        self.flush().await?;
        self.socket.shutdown().await?;
        loop {
            self.input.clear();
            // Ends with the error that says that nothing more comes.
            self.turn(true).await?;
        }
    }
}
