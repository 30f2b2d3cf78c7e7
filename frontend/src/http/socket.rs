//! A connection over HTTP, with TLS or without: its handshake is made by whoever first reads or writes.
//!
//! So that nobody's slow handshake holds up the listener. Knows neither requests nor how long they may take. Next:
//! `bounded.rs`, which ends what takes too long.

use crate::tls::Tls;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// The socket of one connection.
pub(super) enum Socket {
    /// As it is.
    Plain(TcpStream),
    /// Its handshake is under way.
    Accepting(Box<Accept<TcpStream>>),
    /// Sealed.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// What was accepted, with the certificate as it is now where there is TLS.
    pub(super) fn new(socket: TcpStream, tls: Option<&Tls>) -> Socket {
        // Frames and answers are written whole; where it fails the connection is gone, which the next read tells.
        let _ = socket.set_nodelay(true);
        match tls {
            None => Socket::Plain(socket),
            Some(tls) => {
                let acceptor = TlsAcceptor::from(tls.identity().web.clone());
                Socket::Accepting(Box::new(acceptor.accept(socket)))
            }
        }
    }

    /// Goes on with the handshake until it is done.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Open<'_>>> {
        if let Socket::Accepting(accept) = self {
            let stream = ready!(Pin::new(accept.as_mut()).poll(cx))?;
            *self = Socket::Tls(Box::new(stream));
        }
        Poll::Ready(match self {
            Socket::Plain(socket) => Ok(Open::Plain(Pin::new(socket))),
            Socket::Tls(stream) => Ok(Open::Tls(Pin::new(stream.as_mut()))),
            Socket::Accepting(_) => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

/// What bytes can pass.
enum Open<'s> {
    Plain(Pin<&'s mut TcpStream>),
    Tls(Pin<&'s mut TlsStream<TcpStream>>),
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match ready!(self.poll_ready(cx))? {
            Open::Plain(socket) => socket.poll_read(cx, buf),
            Open::Tls(stream) => stream.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match ready!(self.poll_ready(cx))? {
            Open::Plain(socket) => socket.poll_write(cx, buf),
            Open::Tls(stream) => stream.poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.poll_ready(cx))? {
            Open::Plain(socket) => socket.poll_flush(cx),
            Open::Tls(stream) => stream.poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.poll_ready(cx))? {
            Open::Plain(socket) => socket.poll_shutdown(cx),
            Open::Tls(stream) => stream.poll_shutdown(cx),
        }
    }
}
