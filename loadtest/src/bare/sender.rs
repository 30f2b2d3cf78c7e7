//! The bare sender: N accepted sockets and a loop of `send`, as plain as a server could be.
//!
//! Sockets are a server's: non-blocking, `TCP_NODELAY`, a send buffer of 64 KiB. What a socket does not take at once waits
//! for it; nothing is dropped. The drain says on a connection of its own when a post has reached all. Where a load says
//! so, a ring sends instead of the loop, to the same sockets.

use crate::bare::Load;
use crate::bare::ring::Ring;
use crate::bare::setup::Setup;
use crate::bare::socket::{Socket, write};
use crate::clock::Clock;
use crate::wire::mark::Mark;
use anyhow::{Result, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

/// The hidden subcommand's flags.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Sender {
    /// Sockets.
    #[arg(long)]
    sockets: usize,
    /// Bytes of a message.
    #[arg(long)]
    bytes: usize,
    /// The run's mark.
    #[arg(long)]
    mark: String,
    /// The run's clock's origin.
    #[arg(long)]
    origin: u64,
}

/// Bytes that the kernel may hold unsent for a socket: what Reef gives it.
const SEND_BUFFER: usize = 64 << 10;
const CONTROL: Token = Token(usize::MAX);

struct Loop {
    poll: Poll,
    events: Events,
    control: TcpStream,
    sockets: Vec<Socket>,
    ring: Option<Ring>,
    mark: Mark,
    clock: Clock,
    bytes: usize,
    /// Posts ever sent, and ever arrived everywhere.
    sent: u64,
    arrived: u64,
}

impl Sender {
    /// Serves the drain until standard input ends.
    pub(crate) fn run(&self) -> Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        say(&listener.local_addr()?.port().to_string())?;
        let mut work = self.accept(&listener)?;
        say("ready")?;
        for line in std::io::stdin().lock().lines() {
            let line = line?;
            if let Some(setup) = line.strip_prefix("ring ") {
                let ring = setup.parse().and_then(|setup| work.ring(setup, 1));
                say(&ring.map_or_else(|error| format!("{error:#}"), |_| "ready".to_owned()))?;
                continue;
            }
            let load: Load = serde_json::from_str(&line)?;
            let (begun, sent) = (work.clock.micros(), work.sent);
            work.run(&load)?;
            let outcome = serde_json::json!({
                "posts": work.sent - sent,
                "begun_s": begun as f64 / 1e6,
                "seconds": (work.clock.micros() - begun) as f64 / 1e6,
            });
            say(&outcome.to_string())?;
        }
        Ok(())
    }

    fn accept(&self, listener: &TcpListener) -> Result<Loop> {
        let poll = Poll::new()?;
        let next = || -> Result<TcpStream> {
            let (socket, _) = listener.accept()?;
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            socket2::SockRef::from(&socket).set_send_buffer_size(SEND_BUFFER)?;
            Ok(TcpStream::from_std(socket))
        };
        let mut control = next()?;
        poll.registry().register(&mut control, CONTROL, Interest::READABLE)?;
        let mut sockets = Vec::with_capacity(self.sockets);
        for _ in 0..self.sockets {
            sockets.push(Socket {
                stream: next()?,
                registered: false,
                waiting: VecDeque::new(),
            });
        }
        Ok(Loop {
            poll,
            events: Events::with_capacity(1024),
            control,
            sockets,
            ring: None,
            mark: Mark::new(&self.mark),
            clock: Clock::with_origin(self.origin),
            bytes: self.bytes,
            sent: 0,
            arrived: 0,
        })
    }
}

impl Loop {
    fn ring(&self, setup: Setup, merge: u32) -> Result<Ring> {
        let sockets: Vec<_> = self.sockets.iter().map(|socket| socket.stream.as_raw_fd()).collect();
        Ring::new(setup, &sockets, self.bytes * merge.max(1) as usize)
    }

    /// Sends as the load says, and waits until all has arrived.
    fn run(&mut self, load: &Load) -> Result<()> {
        self.ring = load.ring.map(|setup| self.ring(setup, load.merge)).transpose()?;
        let begun = self.clock.micros();
        let (sent, arrived) = (self.sent, self.arrived);
        loop {
            let now = self.clock.micros() - begun;
            let over = load.is_over(now, self.sent - sent);
            if over && self.sent == self.arrived {
                return Ok(());
            }
            let begin = if over {
                0
            } else {
                load.may_begin(self.sent - sent, self.arrived - arrived, now)
            };
            let mut left = begin;
            while left > 0 {
                let together = u64::from(load.merge.max(1)).min(left);
                let due = load.due_us(self.sent - sent).map(|due| begun + due);
                self.send_to_all(together, due)?;
                left -= together;
            }
            if begin == 0 {
                let due = load.due_us(self.sent - sent + u64::from(load.merge.max(1)) - 1);
                let pause = due.filter(|_| !over).map(|due| due.saturating_sub(now));
                self.wait(pause.map(Duration::from_micros))?;
            }
        }
    }

    /// Puts posts together and gives them to each socket in one `send`.
    fn send_to_all(&mut self, posts: u64, due_us: Option<u64>) -> Result<()> {
        let mut block = Vec::with_capacity(self.bytes * posts as usize);
        for _ in 0..posts {
            let at = due_us.unwrap_or_else(|| self.clock.micros());
            let id = self.mark.id(0, u32::try_from(self.sent)?, at);
            message(&id, self.bytes, &mut block);
            self.sent += 1;
        }
        // Where something waits, this waits behind it.
        let (free, busy): (Vec<usize>, Vec<usize>) = (0..)
            .take(self.sockets.len())
            .partition(|at| self.sockets[*at].waiting.is_empty());
        let mut left: Vec<(usize, usize)> = busy.into_iter().map(|at| (at, 0)).collect();
        match &mut self.ring {
            Some(ring) => ring.send(&free, &block, &mut |at, wrote| left.push((at, wrote)))?,
            None => {
                for at in free {
                    let wrote = write(&mut self.sockets[at].stream, &block)?;
                    if wrote < block.len() {
                        left.push((at, wrote));
                    }
                }
            }
        }
        self.keep(&block, &left)
    }

    /// Keeps what these sockets did not take, from these bytes on.
    fn keep(&mut self, block: &[u8], left: &[(usize, usize)]) -> Result<()> {
        if left.is_empty() {
            return Ok(());
        }
        let block: Arc<[u8]> = block.into();
        for (at, wrote) in left {
            let socket = &mut self.sockets[*at];
            socket.waiting.push_back((block.clone(), *wrote));
            if !socket.registered {
                socket.registered = true;
                self.poll
                    .registry()
                    .register(&mut socket.stream, Token(*at), Interest::WRITABLE)?;
            }
        }
        Ok(())
    }

    fn wait(&mut self, pause: Option<Duration>) -> Result<()> {
        match self.poll.poll(&mut self.events, pause) {
            // A ring that closes interrupts its thread.
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            outcome => outcome?,
        }
        for event in &self.events {
            if event.token() == CONTROL {
                self.arrived += acknowledged(&mut self.control)?;
            } else if let Some(socket) = self.sockets.get_mut(event.token().0)
                && !socket.waiting.is_empty()
            {
                socket.flush()?;
            }
        }
        Ok(())
    }
}

/// Posts that the drain says have reached all: a byte each.
fn acknowledged(control: &mut TcpStream) -> Result<u64> {
    let (mut sum, mut bytes) = (0, [0; 4096]);
    loop {
        match control.read(&mut bytes) {
            Ok(0) => bail!("the drain is gone"),
            Ok(n) => sum += n as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(sum),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A message of exactly so many bytes, if they suffice for its tags, with the id where followers look for it.
fn message(id: &str, bytes: usize, to: &mut Vec<u8>) {
    let begin = to.len();
    let head = "<message type='headline'><event><items><item id='";
    let tail = "</item></items></event></message>";
    to.extend_from_slice(head.as_bytes());
    to.extend_from_slice(id.as_bytes());
    to.extend_from_slice(b"'>");
    let filled = to.len() - begin + tail.len();
    to.resize(to.len() + bytes.saturating_sub(filled), b'x');
    to.extend_from_slice(tail.as_bytes());
}

/// Says a line to the parent.
pub(super) fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_their_size_and_are_found() {
        let mark = Mark::new("ltbare0000-");
        let (mut bytes, mut seen) = (Vec::new(), Vec::new());
        message(&mark.id(0, 7, 9), 400, &mut bytes);
        assert_eq!(bytes.len(), 400);
        mark.scan(&bytes, &mut |sighting| seen.push(sighting.number));
        assert_eq!(seen, [7]);
    }
}
