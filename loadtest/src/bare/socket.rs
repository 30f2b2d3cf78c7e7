//! A socket of the bare sender: what it does not take at once waits for it, in order.
//!
//! Knows neither loads nor rings; `sender` says what is to go.

use anyhow::{Context, Result};
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::sync::Arc;

/// A socket of the sender's, and what waits for it.
pub(super) struct Socket {
    pub(super) stream: TcpStream,
    /// With the poll, since something has waited for it.
    pub(super) registered: bool,
    /// Messages, and from which byte on each is still to go.
    pub(super) waiting: VecDeque<(Arc<[u8]>, usize)>,
}

impl Socket {
    /// Writes what waits, as far as the socket takes it.
    pub(super) fn flush(&mut self) -> Result<()> {
        while let Some((block, from)) = self.waiting.front_mut() {
            let rest = block.get(*from..).unwrap_or_default();
            let wrote = write(&mut self.stream, rest)?;
            if wrote < rest.len() {
                *from += wrote;
                return Ok(());
            }
            self.waiting.pop_front();
        }
        Ok(())
    }
}

/// What the socket takes of these bytes now.
pub(super) fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<usize> {
    match stream.write(bytes) {
        Ok(n) => Ok(n),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(error).context("the drain is gone"),
    }
}
