//! A listener that takes on a bounded number of connections, each for a bounded time without an answer: others wait in the
//! kernel's queue.
//!
//! A client that sends half a request, or a byte now and then, would else keep its place for ever. What is to live without
//! being answered, as a WebSocket, needs a listener of its own.
//! Knows no request. Next: `mod.rs`, which serves what it accepts.

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Accepts while there are permits.
pub(super) struct Bounded {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    patience: Duration,
}

/// A connection that counts while it lives.
pub(super) struct Counted {
    socket: TcpStream,
    patience: Duration,
    /// When it ends, if nothing was written to it until then.
    ends: Pin<Box<Sleep>>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// Who is connected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Peer(*stream.remote_addr())
    }
}

impl Bounded {
    /// At most so many connections of this listener at a time, and none that is not answered for longer than `patience`.
    pub(super) fn new(listener: TcpListener, most: usize, patience: Duration) -> Bounded {
        Bounded {
            listener,
            permits: Arc::new(Semaphore::new(most)),
            patience,
        }
    }
}

impl Listener for Bounded {
    type Io = Counted;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Counted, SocketAddr) {
        // The semaphore is never closed.
        let permit = self.permits.clone().acquire_owned().await.ok();
        let (socket, peer) = Listener::accept(&mut self.listener).await;
        (
            Counted {
                socket,
                patience: self.patience,
                ends: Box::pin(sleep(self.patience)),
                _permit: permit,
            },
            peer,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Counted {
    /// An error once it has waited too long.
    fn poll_ends<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.ends
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.socket).poll_read(cx, buf) {
            Poll::Pending => self.poll_ends(cx),
            read => read,
        }
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.socket).poll_write(cx, buf) {
            Poll::Pending => self.poll_ends(cx),
            written => {
                let ends = Instant::now() + self.patience;
                self.ends.as_mut().reset(ends);
                written
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, routing::get, serve};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    /// What the only one who may be connected gets for the parts of a request that he sends.
    async fn answer(patience: Duration, parts: &[&str]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new().route("/", get(|| async { "here" }));
        let serving = tokio::spawn(serve(Bounded::new(listener, 1, patience), router).into_future());
        let mut answer = String::new();
        for part in parts {
            // Until one is closed nobody else is let in.
            let mut client = TcpStream::connect(address).await.expect("it listens");
            client.write_all(part.as_bytes()).await.expect("the kernel takes it");
            let closed = timeout(Duration::from_secs(20), client.read_to_string(&mut answer)).await;
            closed.expect("it ends in time").expect("it is closed");
        }
        serving.abort();
        answer
    }

    #[tokio::test]
    async fn half_a_request_ends_and_makes_room_for_the_next() {
        let whole = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let answer = answer(Duration::from_secs(1), &["GET / HTTP/1.1\r\nhost:", "", whole]).await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"),
            "{answer}"
        );
    }
}
