//! Cuts a stream into its header, its stanzas and its end, without looking into them.
//!
//! Only sessions that ask something are framed; followers that wait for posts are scanned by `mark` instead, which costs
//! less. Knows namespaces and names as little as entities.

use memchr::memchr;

/// A piece of a stream, as bounds in the buffer that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// `<stream:stream …>`.
    Header,
    /// A whole stanza or nonza, in `start..end`.
    Stanza {
        /// Its first byte.
        start: usize,
        /// One behind its last.
        end: usize,
    },
    /// `</stream:stream>`.
    End,
}

/// Where a stream stands.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    buffer: Vec<u8>,
    /// Bytes of the buffer that have been looked at.
    at: usize,
    depth: u32,
    /// Where the stanza that is open begins.
    start: usize,
}

impl Framer {
    /// Takes bytes in.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Forgets the stream, so that a new header may come; what was not looked at stays.
    pub(crate) fn restart(&mut self) {
        self.compact();
        self.depth = 0;
    }

    /// What has come and has not been given out.
    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        self.compact();
        std::mem::take(&mut self.buffer)
    }

    /// The bytes of a frame that `next` has just given out.
    pub(crate) fn bytes(&self, start: usize, end: usize) -> &[u8] {
        self.buffer.get(start..end).unwrap_or_default()
    }

    /// Lets go of what was given out; call it when `next` has nothing more.
    pub(crate) fn compact(&mut self) {
        let done = if self.depth > 1 { self.start } else { self.at };
        self.buffer.drain(..done.min(self.buffer.len()));
        self.at -= done;
        self.start = 0;
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
    }

    /// The next frame that is whole.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        loop {
            let open = self.at + memchr(b'<', self.buffer.get(self.at..)?)?;
            let end = tag_end(&self.buffer, open)?;
            let tag = self.buffer.get(open..end)?;
            let (closes, empty) = (tag.starts_with(b"</"), tag.ends_with(b"/>"));
            self.at = end;
            if tag.starts_with(b"<?") || tag.starts_with(b"<!") {
                continue;
            }
            if closes {
                self.depth = self.depth.saturating_sub(1);
                match self.depth {
                    0 => return Some(Frame::End),
                    1 => return Some(self.stanza(end)),
                    _ => continue,
                }
            }
            if self.depth == 1 {
                self.start = open;
            }
            match (self.depth, empty) {
                (0, _) => {
                    self.depth = 1;
                    return Some(Frame::Header);
                }
                (1, true) => return Some(self.stanza(end)),
                (_, true) => {}
                (_, false) => self.depth += 1,
            }
        }
    }

    fn stanza(&self, end: usize) -> Frame {
        Frame::Stanza { start: self.start, end }
    }
}

/// One behind the `>` of the tag that opens at `open`; a `>` in quotes is none.
fn tag_end(buffer: &[u8], open: usize) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in buffer.iter().enumerate().skip(open) {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'\'' | b'"') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_are_cut_wherever_the_reads_end() {
        let text = "<?xml version='1.0'?><stream:stream a='b>c'><stream:features><x/><y>t</y></stream:features><r/>\n\
                    <iq id='1'/></stream:stream>";
        for size in 1..=text.len() {
            let (mut framer, mut got) = (Framer::default(), Vec::new());
            for chunk in text.as_bytes().chunks(size) {
                framer.push(chunk);
                while let Some(frame) = framer.next() {
                    got.push(match frame {
                        Frame::Header => "header".to_owned(),
                        Frame::End => "end".to_owned(),
                        Frame::Stanza { start, end } => String::from_utf8_lossy(framer.bytes(start, end)).into_owned(),
                    });
                }
                framer.compact();
            }
            let features = "<stream:features><x/><y>t</y></stream:features>";
            assert_eq!(
                got,
                ["header", features, "<r/>", "<iq id='1'/>", "end"],
                "chunks of {size}"
            );
        }
    }
}
