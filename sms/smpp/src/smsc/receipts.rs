//! The receipt of a submit, as the configuration wants it written.

use super::config::{ReceiptForm, Receipts};
use crate::pdu::command::TYPE_RECEIPT;
use crate::pdu::{Message, State, Tlvs, tlv};
use bytes::Bytes;
use jiff::Timestamp;

/// The receipt of a message with this id.
pub(super) fn receipt(submitted: &Message, id: &str, state: State, how: &Receipts) -> Message {
    let mut tlvs = Tlvs::default();
    if how.form != ReceiptForm::Text {
        tlvs.push(tlv::RECEIPTED_MESSAGE_ID, [id.as_bytes(), &[0]].concat());
        tlvs.push(tlv::MESSAGE_STATE, vec![state.value()]);
    }
    if let Some(reference) = submitted.tlvs.get(tlv::USER_MESSAGE_REFERENCE) {
        tlvs.push(tlv::USER_MESSAGE_REFERENCE, reference.clone());
    }
    let text = if how.form == ReceiptForm::Tlv {
        String::new()
    } else {
        text(id, state)
    };
    let octets = if how.utf16 {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    } else {
        text.into_bytes()
    };
    Message {
        source: submitted.destination.clone(),
        destination: submitted.source.clone(),
        esm_class: TYPE_RECEIPT,
        registered: 0,
        data_coding: if how.utf16 { 8 } else { 0 },
        validity: String::new(),
        octets: Bytes::from(octets),
        tlvs,
    }
}

/// SMPP 3.4, appendix B. Of the text that was submitted nothing is said.
fn text(id: &str, state: State) -> String {
    let date = Timestamp::now().strftime("%y%m%d%H%M").to_string();
    let (delivered, error) = if state == State::Delivered { (1, 0) } else { (0, 1) };
    let name = state.name();
    format!("id:{id} sub:001 dlvrd:{delivered:03} submit date:{date} done date:{date} stat:{name} err:{error:03} text:")
}
