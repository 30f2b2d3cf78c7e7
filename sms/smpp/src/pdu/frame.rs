//! The stream cut into frames: a header of 16 octets, and a body that nobody has looked at yet.
//!
//! One frame at a time, bounded; a length that cannot be ends the stream, because nobody knows where the next one begins.

use bytes::{Buf, Bytes, BytesMut};

/// Octets of a header: the least length of a command.
pub const HEADER: usize = 16;
/// The greatest length of a command that is read.
pub const FRAME_MAX: usize = 65_536;

/// What each command begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `command_id`.
    pub command: u32,
    /// `command_status`.
    pub status: u32,
    /// `sequence_number`.
    pub sequence: u32,
}

/// A command whose body is still octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its header.
    pub header: Header,
    /// What follows.
    pub body: Bytes,
}

/// A length that no command has: to be answered with a nack, and the end of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a command of {length} octets")]
pub struct BadLength {
    /// So many.
    pub length: u32,
    /// The sequence number, where it came.
    pub sequence: u32,
}

/// Takes the next frame off what was read; `None` while it is not all there.
///
/// # Errors
/// Its length cannot be.
pub fn next_frame(read: &mut BytesMut) -> Result<Option<Frame>, BadLength> {
    let Some(length) = number(read, 0) else { return Ok(None) };
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    if !(HEADER..=FRAME_MAX).contains(&size) {
        let sequence = number(read, 12).unwrap_or(0);
        return Err(BadLength { length, sequence });
    }
    if read.len() < size {
        return Ok(None);
    }
    let mut frame = read.split_to(size).freeze();
    frame.advance(4);
    let (command, status, sequence) = (frame.get_u32(), frame.get_u32(), frame.get_u32());
    Ok(Some(Frame {
        header: Header {
            command,
            status,
            sequence,
        },
        body: frame,
    }))
}

fn number(read: &[u8], at: usize) -> Option<u32> {
    let octets = read.get(at..at + 4)?;
    octets.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_whole_however_the_stream_was_cut() {
        let stream = [
            &[0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, 7],
            &[0, 0, 0, 18, 0x80, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, b'x', 0][..],
        ]
        .concat();
        let mut read = BytesMut::new();
        let mut found = Vec::new();
        for octet in stream {
            read.extend_from_slice(&[octet]);
            found.extend(next_frame(&mut read).unwrap());
        }
        let headers: Vec<_> = found
            .iter()
            .map(|frame| (frame.header.command, frame.header.sequence))
            .collect();
        assert_eq!(headers, [(0x15, 7), (0x8000_0004, 8)]);
        assert_eq!(&found[1].body[..], b"x\0");
    }

    #[test]
    fn impossible_lengths_are_told_with_the_sequence_if_it_came() {
        for length in [0_u32, 15, 65_537, u32::MAX] {
            let mut read = BytesMut::from(&length.to_be_bytes()[..]);
            assert_eq!(next_frame(&mut read), Err(BadLength { length, sequence: 0 }));
            read.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 9]);
            assert_eq!(next_frame(&mut read), Err(BadLength { length, sequence: 9 }));
        }
        assert_eq!(next_frame(&mut BytesMut::from(&65_536_u32.to_be_bytes()[..])), Ok(None));
    }
}
