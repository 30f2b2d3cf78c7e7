//! Clients in the server's own process: sessions as real as any, over memory instead of sockets.
//!
//! A machine has sockets for some ten thousand clients; whether the server's part holds for a million is shown this way.
//! Begins where a login has succeeded. Nothing of the server itself uses it.

use crate::config::TlsConfig;
use crate::server::Running;
pub use crate::session::{Alone, FarEnd, splice};
use crate::tables::Op;
use crate::tls::{Channel, Tls};
use jid::BareJid;
use reef_engine::Engine;
use reef_engine::log::record::Change;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::io;
use std::path::Path;
use std::sync::Arc;

impl Running {
    /// The engine that it serves from.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.server.engine
    }

    /// Stanzas put on streams to other servers since the start.
    pub fn stanzas_to_peers(&self) -> u64 {
        self.server.s2s.counters().stanzas_out()
    }

    /// Which shard's thread serves a user, of how many.
    pub fn shard_of(&self, user: &BareJid) -> (usize, usize) {
        (self.server.router.shard_of(user.as_str()), self.server.router.shards())
    }

    /// Connects somebody who counts as logged in; `first` is what he says at once, beginning with a stream header. Waits
    /// while the shard's box is full.
    pub fn connect_in_memory(&self, user: BareJid, first: Vec<u8>, far: Box<dyn FarEnd>) {
        let shard = self.server.router.shard_of(user.as_str());
        let job = Box::new(move |hub: &mut crate::session::Hub| hub.adopt_far_end(user, first, far));
        self.server.router.answer(shard, job);
    }
}

/// The server's side of a TLS connection after its handshake, whose records nobody opens.
pub struct Secured(Channel);

impl Secured {
    /// Shakes hands with a client in this process; the certificate is made in `dir`. Blocks on files.
    ///
    /// # Errors
    /// No certificate can be made, or one of the two does not like the other.
    pub fn new(dir: &Path) -> io::Result<Secured> {
        const DOMAIN: &str = "bench.example";
        let tls = Tls::load(&TlsConfig::default(), dir, DOMAIN).map_err(io::Error::other)?;
        let certificate = CertificateDer::from_pem_file(dir.join("tls/cert.pem")).map_err(io::Error::other)?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate).map_err(io::Error::other)?;
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(DOMAIN).map_err(io::Error::other)?;
        let mut client = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let mut channel = Channel::new(&tls.identity().starttls).map_err(io::Error::other)?;
        let (mut plain, mut wire) = (Vec::new(), Vec::new());
        while client.is_handshaking() || channel.is_handshaking() {
            wire.clear();
            while client.wants_write() {
                client.write_tls(&mut wire)?;
            }
            let mut reply = Vec::new();
            let received = channel.receive(&mut wire, &mut plain, &mut reply);
            received.map_err(io::Error::other)?;
            let mut rest = reply.as_slice();
            while !rest.is_empty() {
                client.read_tls(&mut rest)?;
                client.process_new_packets().map_err(io::Error::other)?;
            }
        }
        Ok(Secured(channel))
    }

    /// Seals plaintext into as few records as it takes, appended to `out`.
    ///
    /// # Errors
    /// The connection's keys are used up.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.0.send(plain, out).map_err(io::Error::other)
    }
}

/// Makes an account that nobody can log in to but [`Running::connect_in_memory`].
pub fn account(user: &BareJid) -> Change {
    let name: Arc<str> = user.as_str().into();
    let op = Op::CreateAccount {
        user: name.clone(),
        credentials: Vec::new(),
    };
    Change::Table {
        owner: name,
        op: op.encode(),
    }
}
