//! The edges of 4,096 nodes as bytes: each node with followers, how many, and their ids as differences.
//!
//! Numbers are LEB128. A follower takes one to three bytes. Knows no file; what does not read back is damaged, never a panic.

/// Nodes in a segment.
pub(super) const NODES: u32 = 4096;

/// The bytes are not what was written.
#[derive(Debug, thiserror::Error)]
#[error("the packed edges are damaged")]
pub(super) struct Damaged;

/// Writes a segment, node by node in ascending order.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    bytes: Vec<u8>,
    node: u32,
    edges: u64,
}

impl Encoder {
    /// Adds a node with its followers, in ascending order; one that has none is left out.
    pub(super) fn node(&mut self, node: u32, ids: &[u32]) {
        if ids.is_empty() {
            return;
        }
        self.put(node - self.node);
        self.put(ids.len() as u32);
        let mut before = 0;
        for id in ids {
            self.put(id - before);
            before = *id;
        }
        self.node = node;
        self.edges += ids.len() as u64;
    }

    fn put(&mut self, mut number: u32) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// The bytes, and how many edges they hold.
    pub(super) fn finish(self) -> (Vec<u8>, u64) {
        (self.bytes, self.edges)
    }
}

/// Reads a segment: `each` gets every node with its followers, both in ascending order.
pub(super) fn decode(bytes: &[u8], mut each: impl FnMut(u32, &[u32])) -> Result<(), Damaged> {
    let (mut rest, mut node, mut ids) = (bytes, 0_u32, Vec::new());
    while !rest.is_empty() {
        node = node.checked_add(number(&mut rest)?).ok_or(Damaged)?;
        let count = number(&mut rest)? as usize;
        // A follower takes a byte at least: a wrong count asks for no memory.
        if count > rest.len() {
            return Err(Damaged);
        }
        ids.clear();
        ids.reserve(count);
        let mut id = 0_u32;
        for _ in 0..count {
            id = id.checked_add(number(&mut rest)?).ok_or(Damaged)?;
            ids.push(id);
        }
        each(node, &ids);
    }
    Ok(())
}

fn number(rest: &mut &[u8]) -> Result<u32, Damaged> {
    let mut number = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        let (byte, after) = rest.split_first().ok_or(Damaged)?;
        *rest = after;
        number |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_reads_back_and_a_cut_one_is_damaged() {
        let many: Vec<u32> = (1..5_000).map(|n| n * 7).collect();
        let nodes: [(u32, &[u32]); 3] = [(4096, &[1, 2, u32::MAX]), (4100, &many), (8191, &[5])];
        let mut encoder = Encoder::default();
        encoder.node(4097, &[]);
        for (node, ids) in nodes {
            encoder.node(node, ids);
        }
        let (bytes, edges) = encoder.finish();
        assert_eq!(edges, 5_003);
        let mut read = Vec::new();
        decode(&bytes, |node, ids| read.push((node, ids.to_vec()))).unwrap();
        assert!(read.iter().map(|(n, ids)| (*n, ids.as_slice())).eq(nodes));
        for cut in [1, 3, 40, bytes.len() - 1] {
            assert!(decode(&bytes[..cut], |_, _| {}).is_err(), "{cut}");
        }
        assert!(decode(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1], |_, _| {}).is_err());
    }
}
