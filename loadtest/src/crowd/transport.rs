//! A non-blocking socket with or without TLS, and what could not be written yet.
//!
//! Buffers for reading belong to the thread, not to the connection: ten thousand idle followers hold none. Knows no XMPP.

use mio::net::TcpStream;
use rustls::{ClientConfig, ClientConnection};
use rustls_pki_types::ServerName;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

/// A connection's bytes.
pub(crate) struct Transport {
    /// Registered with the thread's poll.
    pub(crate) socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
    unsent: Vec<u8>,
}

/// What a read brought.
pub(crate) enum Filled {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// The other side has closed.
    Closed,
}

impl Transport {
    /// Begins to connect.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Transport> {
        let socket = TcpStream::connect(address)?;
        Ok(Transport {
            socket,
            tls: None,
            unsent: Vec::new(),
        })
    }

    /// Whether the connection stands; an error where it cannot.
    pub(crate) fn established(&self) -> io::Result<bool> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => self.socket.set_nodelay(true).map(|()| true),
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// All further bytes go through TLS.
    pub(crate) fn start_tls(&mut self, config: &Arc<ClientConfig>, name: &str) -> anyhow::Result<()> {
        let name = ServerName::try_from(name.to_owned())?;
        let mut tls = ClientConnection::new(config.clone(), name)?;
        tls.set_buffer_limit(None);
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Writes bytes, now or when the socket takes them.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.writer().write_all(bytes)?;
            return self.flush();
        }
        let mut rest = bytes;
        while self.unsent.is_empty() && !rest.is_empty() {
            match self.socket.write(rest) {
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unsent.extend_from_slice(rest);
        Ok(())
    }

    /// Writes what waits, as far as the socket takes it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        loop {
            let wrote = match &mut self.tls {
                Some(tls) if tls.wants_write() => tls.write_tls(&mut self.socket),
                None if !self.unsent.is_empty() => self.socket.write(&self.unsent).inspect(|n| {
                    self.unsent.drain(..*n);
                }),
                _ => return Ok(()),
            };
            match wrote {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads from the socket.
    pub(crate) fn fill(&mut self, raw: &mut [u8]) -> io::Result<Filled> {
        loop {
            return match self.socket.read(raw) {
                Ok(0) => Ok(Filled::Closed),
                Ok(n) => Ok(Filled::Bytes(n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Filled::Nothing),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
        }
    }

    /// Hands on what was read, through TLS if there is any.
    pub(crate) fn open<E: From<io::Error>>(
        &mut self,
        mut read: &[u8],
        plain: &mut [u8],
        mut to: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(tls) = &mut self.tls else { return to(read) };
        while !read.is_empty() {
            tls.read_tls(&mut read)?;
            tls.process_new_packets().map_err(io::Error::other)?;
            loop {
                match tls.reader().read(plain) {
                    Ok(0) => break,
                    Ok(n) => to(plain.get(..n).unwrap_or_default())?,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        self.flush()?;
        Ok(())
    }
}
