//! The far end of a session over memory: counts, checks the order, and acknowledges (XEP-0198).
//!
//! It looks for marks in the bytes as they come, and parses nothing. Runs on the thread of the session's shard.

use memchr::memmem::Finder;
use reef_frontend::memory::FarEnd;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the far ends of one shard count together: one thread writes it.
#[derive(Debug)]
pub struct Lane {
    /// Deliveries of the big author.
    pub big: AtomicU64,
    /// Deliveries of the small one.
    pub small: AtomicU64,
    /// Deliveries out of order.
    pub faults: AtomicU64,
    /// Sessions that are available.
    pub ready: AtomicU64,
    /// Stanzas acknowledged.
    pub acked: AtomicU64,
    mark: Finder<'static>,
    message: Finder<'static>,
    presence: Finder<'static>,
    ask: Finder<'static>,
}

impl Default for Lane {
    fn default() -> Lane {
        Lane {
            big: AtomicU64::new(0),
            small: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            ready: AtomicU64::new(0),
            acked: AtomicU64::new(0),
            mark: Finder::new("zq"),
            message: Finder::new("<message "),
            presence: Finder::new("<presence "),
            ask: Finder::new("<r xmlns"),
        }
    }
}

/// One session's far end.
pub struct Far {
    lane: Arc<Lane>,
    /// The next number of the big author, and of the small one.
    next: [u32; 2],
    /// Stanzas since stream management began.
    stanzas: u32,
    acked: u32,
    ready: bool,
    /// `<r/>` came and is not answered yet.
    asked: bool,
}

impl Far {
    /// Counts in this lane.
    pub fn new(lane: Arc<Lane>) -> Far {
        Far {
            lane,
            next: [0; 2],
            stanzas: 0,
            acked: 0,
            ready: false,
            asked: false,
        }
    }

    fn post(&mut self, kind: u8, digits: &[u8]) {
        let number = digits.iter().fold(0, |n, digit| n * 10 + u32::from(digit - b'0'));
        let (count, next) = match (kind, &mut self.next) {
            (b'B', [big, _]) => (&self.lane.big, big),
            (_, [_, small]) => (&self.lane.small, small),
        };
        if number != *next {
            add(&self.lane.faults, 1);
        }
        *next = number + 1;
        add(count, 1);
    }
}

/// One thread writes a lane: no locked instruction is needed.
fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}

impl FarEnd for Far {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !std::mem::take(&mut self.asked) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        add(&self.lane.acked, u64::from(self.stanzas.wrapping_sub(self.acked)));
        self.acked = self.stanzas;
        let mut rest: &mut [u8] = buffer;
        io::Write::write_fmt(
            &mut rest,
            format_args!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", self.stanzas),
        )?;
        let left = rest.len();
        Ok(buffer.len() - left)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let lane = self.lane.clone();
        let mut at = 0;
        while let Some(found) = lane.mark.find(bytes.get(at..).unwrap_or_default()) {
            at += found;
            if let Some([_, _, kind, digits @ ..]) = bytes.get(at..at + 11) {
                self.post(*kind, digits);
            }
            at += 11;
        }
        self.stanzas += lane.message.find_iter(bytes).count() as u32;
        if !self.ready {
            // Its own presence comes back to it: it is available.
            let presences = lane.presence.find_iter(bytes).count() as u32;
            self.stanzas += presences;
            if presences > 0 {
                self.ready = true;
                add(&lane.ready, 1);
            }
        }
        self.asked |= lane
            .ask
            .find(bytes.get(bytes.len().saturating_sub(64)..).unwrap_or_default())
            .is_some();
        Ok(bytes.len())
    }

    fn readable(&self) -> bool {
        self.asked
    }
}
