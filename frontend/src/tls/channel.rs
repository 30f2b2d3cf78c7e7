//! One connection's TLS, without I/O: bytes of the wire in, plaintext and bytes for the wire out.
//!
//! rustls' unbuffered interface, which takes 3.1 KB a connection where the buffered one takes 7.6, and seals a record in
//! two thirds of the time. It has no exporter, so the secret for that is kept from the handshake (`exporter.rs`). Must not
//! know sockets or streams. Used by `stream::connection` until the login, and by the shard after it.

use super::exporter::Kept;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus};
use rustls::{Error, ProtocolVersion, ServerConfig, SupportedCipherSuite};
use std::sync::Arc;

/// Bytes that a record adds to what it carries: more than any suite of ours takes.
const RECORD_OVERHEAD: usize = 64;
/// Plaintext of one record (RFC 8446 §5.1).
const RECORD_MAX: usize = 16_384;
/// Bytes of what is no whole record yet; one record, or one message of a handshake.
const INCOMING_MAX: usize = 128 << 10;

/// A TLS connection of ours.
pub(crate) struct Channel {
    connection: UnbufferedServerConnection,
    /// Came and is no whole record yet; holds no memory where there is none.
    incoming: Vec<u8>,
    /// The client has said that it sends nothing more.
    peer_closed: bool,
    kept: Option<Arc<Kept>>,
}

impl Channel {
    /// A channel whose handshake is to come.
    pub(crate) fn new(config: &ServerConfig) -> Result<Channel, Error> {
        let kept = Arc::new(Kept::default());
        let mut config = config.clone();
        config.key_log = kept.clone();
        Ok(Channel {
            connection: UnbufferedServerConnection::new(Arc::new(config))?,
            incoming: Vec::new(),
            peer_closed: false,
            kept: Some(kept),
        })
    }

    /// Whether nothing may be sent yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Whether the client has closed its side in good order.
    pub(crate) fn peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// 32 bytes that both ends of this connection alone know (RFC 9266); once, after the handshake. `None` before TLS
    /// 1.3: there it is only safe with an extended master secret (§4.2), and rustls does not tell whether one was agreed.
    pub(crate) fn take_exporter(&mut self) -> Option<[u8; 32]> {
        let kept = self.kept.take()?;
        let suite = self
            .connection
            .negotiated_cipher_suite()
            .map(|s: SupportedCipherSuite| s.suite());
        let tls13 = self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        kept.channel_binding(suite.filter(|_| tls13)?)
    }

    /// Takes bytes from the wire. Appends what they say to `plain`, and to `out` what has to be sent for it.
    ///
    /// # Errors
    /// The client broke the protocol: `out` has the alert that says so, and nothing more can be done.
    pub(crate) fn receive(&mut self, bytes: &mut [u8], plain: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.incoming.is_empty() {
            let used = self.process(bytes, plain, out)?;
            self.incoming.extend_from_slice(bytes.get(used..).unwrap_or_default());
        } else {
            let mut all = std::mem::take(&mut self.incoming);
            all.extend_from_slice(bytes);
            let used = self.process(&mut all, plain, out)?;
            if used < all.len() {
                all.drain(..used);
                self.incoming = all;
            }
        }
        if self.incoming.len() > INCOMING_MAX {
            return Err(Error::General("a record that does not end".into()));
        }
        Ok(())
    }

    /// Seals plaintext into as few records as it takes, appended to `out`.
    ///
    /// # Errors
    /// The connection is not ready, is closed, or its keys are used up.
    pub(crate) fn send(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        loop {
            let UnbufferedStatus { state, .. } = self.connection.process_tls_records(&mut []);
            match state? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    let size = plain.len() + (plain.len() / RECORD_MAX + 1) * RECORD_OVERHEAD;
                    return encoded(out, size, |room| traffic.encrypt(plain, room).map_err(Refused::from));
                }
                state => {
                    if !sent(state, out)? {
                        return Err(Error::General("nothing can be sent now".into()));
                    }
                }
            }
        }
    }

    /// Says that we send nothing more (`close_notify`), as far as that can be said.
    pub(crate) fn close(&mut self, out: &mut Vec<u8>) {
        loop {
            let UnbufferedStatus { state, .. } = self.connection.process_tls_records(&mut []);
            match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    // Where it cannot be said, closing the socket says it.
                    let _ = encoded(out, RECORD_OVERHEAD, |room| {
                        traffic.queue_close_notify(room).map_err(Refused::from)
                    });
                    return;
                }
                Ok(state) => {
                    if !matches!(sent(state, out), Ok(true)) {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// Goes through all whole records; how many bytes of them there were.
    fn process(&mut self, bytes: &mut [u8], plain: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<usize, Error> {
        let mut used = 0;
        loop {
            let rest = bytes.get_mut(used..).unwrap_or_default();
            let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(rest);
            let mut more = true;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        plain.extend_from_slice(record.payload);
                    }
                }
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.peer_closed = true;
                    more = false;
                }
                Ok(ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_)) => more = false,
                Ok(state) => more = sent(state, out)?,
                Err(error) => {
                    self.alert(out);
                    return Err(error);
                }
            }
            used += discard;
            if !more {
                return Ok(used);
            }
        }
    }

    /// After an error: the alert that tells the client.
    fn alert(&mut self, out: &mut Vec<u8>) {
        let UnbufferedStatus { state, .. } = self.connection.process_tls_records(&mut []);
        if let Ok(state) = state {
            // Where there is none to send, the closed socket says it.
            let _ = sent(state, out);
        }
    }
}

/// Encodes what rustls wants sent; false where it wants nothing sent.
fn sent<Data>(state: ConnectionState<'_, '_, Data>, out: &mut Vec<u8>) -> Result<bool, Error> {
    match state {
        ConnectionState::EncodeTlsData(mut data) => {
            encoded(out, 1_024, |room| data.encode(room).map_err(Refused::from))?;
            Ok(true)
        }
        // It is in `out`, whose owner sends it before anything that comes later.
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Ok(true)
        }
        _ => Ok(false),
    }
}

enum Refused {
    TooSmall(usize),
    Never,
}

impl From<EncodeError> for Refused {
    fn from(error: EncodeError) -> Refused {
        match error {
            EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => Refused::TooSmall(required_size),
            EncodeError::AlreadyEncoded => Refused::Never,
        }
    }
}

impl From<EncryptError> for Refused {
    fn from(error: EncryptError) -> Refused {
        match error {
            EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => Refused::TooSmall(required_size),
            EncryptError::EncryptExhausted => Refused::Never,
        }
    }
}

/// Has something written behind what `out` holds, in as much room as it says that it needs.
fn encoded(
    out: &mut Vec<u8>,
    mut size: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Refused>,
) -> Result<(), Error> {
    let begun = out.len();
    loop {
        out.resize(begun + size, 0);
        match write(out.get_mut(begun..).unwrap_or_default()) {
            Ok(written) => {
                out.truncate(begun + written);
                return Ok(());
            }
            Err(Refused::TooSmall(needed)) if needed > size => size = needed,
            Err(_) => {
                out.truncate(begun);
                return Err(Error::EncryptError);
            }
        }
    }
}
