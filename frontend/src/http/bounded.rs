//! A listener that takes on a bounded number of connections, each for a bounded time without an answer: others wait in the
//! kernel's queue.
//!
//! A client that sends half a request, or a byte now and then, would else keep its place for ever. A handler whose answer
//! takes longer by intent says so ([`Patience`]).
//! Knows no request. Next: `mod.rs`, which serves what it accepts.

use super::socket::Socket;
use crate::tls::Tls;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Accepts while there are permits.
pub(super) struct Bounded {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    permits: Arc<Semaphore>,
    patience: Duration,
}

/// A connection that counts while it lives.
pub(super) struct Counted {
    socket: Socket,
    patience: Arc<Patience>,
    /// When something was last written to it.
    written: Instant,
    /// When it is looked at whether it takes too long.
    ends: Pin<Box<Sleep>>,
}

/// How long a connection may go without an answer, and its place among those that the listener takes on.
pub(crate) struct Patience {
    milliseconds: AtomicU64,
    /// Held for the moment in which the place is given back or taken.
    place: Mutex<Option<OwnedSemaphorePermit>>,
    permits: Arc<Semaphore>,
}

/// Who is connected.
#[derive(Clone)]
pub(crate) struct Peer {
    /// Where from; behind a proxy, the proxy's.
    pub(crate) address: SocketAddr,
    /// Whether the connection has TLS.
    pub(crate) secure: bool,
    /// How long an answer may take.
    pub(crate) patience: Arc<Patience>,
}

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        let counted = stream.io();
        Peer {
            address: *stream.remote_addr(),
            secure: !matches!(counted.socket, Socket::Plain(_)),
            patience: counted.patience.clone(),
        }
    }
}

impl Patience {
    fn new(patience: Duration, place: Option<OwnedSemaphorePermit>, permits: Arc<Semaphore>) -> Arc<Patience> {
        Arc::new(Patience {
            milliseconds: AtomicU64::new(milliseconds(patience)),
            place: Mutex::new(place),
            permits,
        })
    }

    #[cfg(test)]
    pub(super) fn for_tests() -> Arc<Patience> {
        Patience::new(Duration::from_secs(1), None, Arc::new(Semaphore::new(0)))
    }

    /// From now on an answer may take so long, counted from the last bytes written. Before the time that held until now is up.
    pub(super) fn set(&self, patience: Duration) {
        self.milliseconds.store(milliseconds(patience), Ordering::Relaxed);
    }

    /// Gives the place among the listener's connections to somebody else: what lives on is counted elsewhere.
    pub(super) fn give_place(&self) {
        drop(self.place().take());
    }

    /// Takes a place again; where there is none, the connection ends once its answer is written.
    pub(super) fn take_place(&self, patience: Duration) -> bool {
        let mut place = self.place();
        if place.is_none() {
            *place = self.permits.clone().try_acquire_owned().ok();
        }
        self.set(patience);
        place.is_some()
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self) -> Duration {
        Duration::from_millis(self.milliseconds.load(Ordering::Relaxed))
    }
}

fn milliseconds(patience: Duration) -> u64 {
    u64::try_from(patience.as_millis()).unwrap_or(u64::MAX)
}

impl Bounded {
    /// At most so many connections of this listener at a time, and none that is not answered for longer than `patience`.
    pub(super) fn new(listener: TcpListener, tls: Option<Arc<Tls>>, most: usize, patience: Duration) -> Bounded {
        Bounded {
            listener,
            tls,
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
                socket: Socket::new(socket, self.tls.as_deref()),
                patience: Patience::new(self.patience, permit, self.permits.clone()),
                written: Instant::now(),
                ends: Box::pin(sleep(self.patience)),
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
        while self.ends.as_mut().poll(cx).is_ready() {
            let ends = self.written + self.patience.get();
            if ends <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.ends.as_mut().reset(ends);
        }
        Poll::Pending
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
                self.written = Instant::now();
                let ends = self.written + self.patience.get();
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
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    /// What the only one who may be connected gets for the parts of a request that he sends.
    async fn answer(patience: Duration, parts: &[&str]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new().route("/", get(|| async { "here" }));
        let serving = tokio::spawn(serve(Bounded::new(listener, None, 1, patience), router).into_future());
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
