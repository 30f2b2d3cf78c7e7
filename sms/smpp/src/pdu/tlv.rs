//! Optional parameters: a tag, a length, a value. Unknown ones are kept and mean nothing.
//!
//! Read leniently, by length alone: a parameter whose value has a wrong size is as good as absent, and never costs the message.

use bytes::{BufMut, Bytes, BytesMut};

/// `user_message_reference`.
pub const USER_MESSAGE_REFERENCE: u16 = 0x0204;
/// `sar_msg_ref_num`.
pub const SAR_REFERENCE: u16 = 0x020c;
/// `sar_total_segments`.
pub const SAR_TOTAL: u16 = 0x020e;
/// `sar_segment_seqnum`.
pub const SAR_NUMBER: u16 = 0x020f;
/// `receipted_message_id`.
pub const RECEIPTED_MESSAGE_ID: u16 = 0x001e;
/// `network_error_code`.
pub const NETWORK_ERROR_CODE: u16 = 0x0423;
/// `message_payload`.
pub const MESSAGE_PAYLOAD: u16 = 0x0424;
/// `message_state`.
pub const MESSAGE_STATE: u16 = 0x0427;
/// `congestion_state` (5.0): how full the SMSC is, of a hundred.
pub const CONGESTION_STATE: u16 = 0x0428;
/// Parameters of one command.
pub const COUNT_MAX: usize = 64;

/// The optional parameters of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tlvs(pub Vec<(u16, Bytes)>);

impl Tlvs {
    /// Reads what is at the end of a body; what does not fit is let go.
    pub fn read(mut rest: &[u8]) -> Tlvs {
        let mut found = Vec::new();
        while let [tag_high, tag_low, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let Some((value, after)) = after.split_at_checked(length) else {
                break;
            };
            if found.len() < COUNT_MAX {
                found.push((u16::from_be_bytes([*tag_high, *tag_low]), Bytes::copy_from_slice(value)));
            }
            rest = after;
        }
        Tlvs(found)
    }

    /// Appends them to a body.
    pub fn write(&self, out: &mut BytesMut) {
        for (tag, value) in &self.0 {
            out.put_u16(*tag);
            out.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
            out.put_slice(value.get(..usize::from(u16::MAX).min(value.len())).unwrap_or_default());
        }
    }

    /// The value of a parameter; the first of several.
    pub fn get(&self, tag: u16) -> Option<&Bytes> {
        self.0.iter().find(|(found, _)| *found == tag).map(|(_, value)| value)
    }

    /// A value of one octet.
    pub fn octet(&self, tag: u16) -> Option<u8> {
        let [octet] = self.get(tag)?.as_ref() else { return None };
        Some(*octet)
    }

    /// A value of two octets.
    pub fn number(&self, tag: u16) -> Option<u16> {
        self.get(tag)?.as_ref().try_into().ok().map(u16::from_be_bytes)
    }

    /// A text, with or without the octet that ends it.
    pub fn text(&self, tag: u16) -> Option<String> {
        let value = self.get(tag)?;
        let text = value.split(|octet| *octet == 0).next()?;
        String::from_utf8(text.to_vec()).ok().filter(|text| !text.is_empty())
    }

    /// Adds one.
    pub fn push(&mut self, tag: u16, value: impl Into<Bytes>) {
        self.0.push((tag, value.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_wrong_sizes_are_as_good_as_absent() {
        let tlvs = Tlvs::read(&[
            0x04, 0x27, 0, 2, 1, 2, 0x14, 0x03, 0, 1, 9, 0x02, 0x04, 0, 2, 1, 2, 0, 0x1e, 0, 200, 1,
        ]);
        assert_eq!(tlvs.octet(MESSAGE_STATE), None);
        assert_eq!(tlvs.number(USER_MESSAGE_REFERENCE), Some(0x102));
        assert_eq!(tlvs.get(RECEIPTED_MESSAGE_ID), None, "longer than the body");
        assert_eq!(tlvs.0.len(), 3, "an unknown one is kept");
    }

    #[test]
    fn what_is_written_is_read() {
        let mut tlvs = Tlvs::default();
        tlvs.push(RECEIPTED_MESSAGE_ID, &b"abc\0"[..]);
        tlvs.push(SAR_TOTAL, vec![3]);
        let mut out = BytesMut::new();
        tlvs.write(&mut out);
        assert_eq!(Tlvs::read(&out), tlvs);
        assert_eq!(tlvs.text(RECEIPTED_MESSAGE_ID).as_deref(), Some("abc"));
    }
}
