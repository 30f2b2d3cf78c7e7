//! A socket between servers, with or without TLS, as one thing to read and to write.
//!
//! Must not know streams. What comes next: `wire` puts frames on it.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::BytesMut;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

/// A connection, or what became of it.
pub(super) enum Socket {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS, past the handshake.
    Tls(Box<TlsStream<TcpStream>>),
    /// A handshake has it, or has failed.
    Lost,
}

impl Socket {
    /// Appends what has come; how much it was, 0 at the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => pin!(socket.read_buf(input)).poll(cx),
            Self::Tls(tls) => pin!(tls.read_buf(input)).poll(cx),
            Self::Lost => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, bytes),
            Self::Lost => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
            Self::Lost => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Ends what we send, TLS first.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.shutdown().await,
            Self::Tls(tls) => tls.shutdown().await,
            Self::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The peer's certificate and its chain, as far as it has shown one.
    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        match self {
            Self::Tls(tls) => tls.get_ref().1.peer_certificates().unwrap_or_default(),
            Self::Plain(_) | Self::Lost => &[],
        }
    }
}
