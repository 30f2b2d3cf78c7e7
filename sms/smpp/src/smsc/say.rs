//! What the SMSC says of its own accord.

use crate::pdu::command::HEADER_BIT;
use crate::pdu::{Address, Message, Tlvs, tlv};
use crate::text::Part;
use bytes::Bytes;

/// What a connection is to say.
#[derive(Clone, Debug)]
pub(super) enum Say {
    /// A message or a receipt; comes again until it is taken.
    Message(Box<Message>),
    /// A message that cannot be read.
    Malformed,
    /// Unbind.
    Unbind,
    /// Nothing: the connection is cut.
    Cut,
}

impl Say {
    /// A message from a phone.
    pub(super) fn from_phone(source: Address, destination: Address, part: Part) -> Say {
        let mut tlvs = Tlvs::default();
        if let Some((reference, total, number)) = part.sar {
            tlvs.push(tlv::SAR_REFERENCE, reference.to_be_bytes().to_vec());
            tlvs.push(tlv::SAR_TOTAL, vec![total]);
            tlvs.push(tlv::SAR_NUMBER, vec![number]);
        }
        Say::Message(Box::new(Message {
            source,
            destination,
            esm_class: if part.header { HEADER_BIT } else { 0 },
            registered: 0,
            data_coding: part.data_coding,
            validity: String::new(),
            octets: Bytes::from(part.octets),
            tlvs,
        }))
    }
}
