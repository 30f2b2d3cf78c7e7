//! What one stanza may cost before the stream is closed. Plain numbers, so that configuration can change them.
//! Knows nothing of XML; next: `reader.rs`, which holds a stream to them.

/// The most that one stanza (or the stream header) may cost. Going over any of them is a `policy-violation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Raw bytes from the `<` of a stanza to the `>` that ends it; the header is counted from the stream's first byte.
    pub stanza_bytes: usize,
    /// Elements open at the same time; the stanza itself is the first.
    pub depth: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Elements in one stanza. An attribute in a namespace of its own counts as one more, for it takes as much memory.
    pub elements: usize,
}

impl Budget {
    /// For a peer of which nothing is known yet.
    pub const BEFORE_AUTH: Budget = Budget {
        stanza_bytes: 16_384,
        depth: 16,
        attributes: 32,
        elements: 256,
    };
    /// For an authenticated peer.
    pub const AFTER_AUTH: Budget = Budget {
        stanza_bytes: 262_144,
        depth: 64,
        attributes: 64,
        elements: 8_192,
    };

    /// The longest element name, attribute name or attribute value: a quarter of a stanza, at most 64 KiB, because the
    /// lexer reserves that much while a stanza is being read (16,384 → 4,096; 262,144 → 65,536).
    pub(crate) fn token_bytes(&self) -> usize {
        (self.stanza_bytes / 4).clamp(TOKEN_BYTES_MIN, TOKEN_BYTES_MAX)
    }
}

const TOKEN_BYTES_MIN: usize = 1_024;
const TOKEN_BYTES_MAX: usize = 65_536;
