//! What is done for each delivery on a session's way out: splicing, the write to a sink, and sealing a TLS record.
//!
//! Knows the front end's `memory` face. The sink takes everything and looks at nothing.

use crate::{expand, post, shard};
use reef_engine::model::Post;
use reef_engine::shard::Shard;
use reef_frontend::memory::{Alone, FarEnd, Secured, splice};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Bytes of a usual notification on the wire.
const STANZA: usize = 700;

struct Sink;

impl FarEnd for Sink {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn readable(&self) -> bool {
        false
    }
}

/// Live sessions of one shard that all follow one node, and write to nowhere.
pub struct Sessions {
    shard: Shard,
    /// By the index of their keys.
    sessions: Vec<Alone>,
    seq: u64,
}

impl Sessions {
    /// So many, with stream management or without.
    ///
    /// # Panics
    /// A name is no JID, which these are.
    pub fn new(count: u32, managed: bool) -> Sessions {
        let (shard, keys) = shard(count);
        let session = |key: &reef_engine::shard::Key| {
            let jid = format!("follower{}@bench.example/phone", key.index);
            Alone::new(&jid.parse().expect("it is a JID"), *key, managed, Box::new(Sink))
        };
        Sessions {
            sessions: keys.iter().map(session).collect(),
            shard,
            seq: 1,
        }
    }

    /// A post comes and is put on everyone's queue.
    pub fn post(&mut self) {
        self.seq += 1;
        expand(&mut self.shard, self.seq);
    }

    /// Writes to all who have something; how many they were.
    ///
    /// # Panics
    /// The sink fails, which it does not.
    pub fn write(&mut self) -> usize {
        let mut written = 0;
        while let Some(key) = self.shard.next_dirty() {
            if let Some(session) = self.sessions.get_mut(key.index as usize) {
                session.flush(&mut self.shard).expect("a sink takes all");
                written += 1;
            }
        }
        written
    }
}

/// A post, the address of somebody who gets it, and the buffer that is written.
pub struct Splicing {
    post: Arc<Post>,
    out: Vec<u8>,
}

impl Default for Splicing {
    fn default() -> Splicing {
        let mut splicing = Splicing {
            post: post(2),
            out: Vec::with_capacity(65_536),
        };
        // It is encoded once, by the first.
        splicing.splice(1);
        splicing
    }
}

impl Splicing {
    /// Splices so many deliveries of it; how many bytes the last was.
    pub fn splice(&mut self, deliveries: u64) -> usize {
        for _ in 0..deliveries {
            self.out.clear();
            splice(&self.post, b"follower1234@bench.example", &mut self.out);
        }
        self.out.len()
    }
}

/// A TLS connection after its handshake.
pub struct Sealing {
    secured: Secured,
    stanza: Vec<u8>,
    out: Vec<u8>,
}

impl Sealing {
    /// With a certificate that is made in `dir`.
    ///
    /// # Errors
    /// There is none.
    pub fn new(dir: &Path) -> io::Result<Sealing> {
        Ok(Sealing {
            secured: Secured::new(dir)?,
            stanza: vec![b'x'; STANZA],
            out: Vec::with_capacity(STANZA * 2),
        })
    }

    /// Seals so many stanzas, a record each; how many bytes the last record has.
    ///
    /// # Panics
    /// The keys are used up: after 2^24 records.
    pub fn seal(&mut self, records: u64) -> usize {
        for _ in 0..records {
            self.out.clear();
            self.secured
                .seal(&self.stanza, &mut self.out)
                .expect("its keys are fresh");
        }
        self.out.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_is_written_to_managed_or_not() {
        for managed in [false, true] {
            let mut sessions = Sessions::new(50, managed);
            for _ in 0..30 {
                sessions.post();
                assert_eq!((sessions.write(), sessions.write()), (50, 0));
            }
        }
    }

    #[test]
    fn a_delivery_holds_the_payload_and_a_record_holds_the_stanza() {
        assert!(Splicing::default().splice(3) > 350);
        let dir = tempfile::TempDir::new().unwrap();
        assert!(Sealing::new(dir.path()).unwrap().seal(3) > STANZA);
    }
}
