//! Messages: `submit_sm`, `deliver_sm` and `data_sm`, which differ in a few fields, as one type.
//!
//! rusmpp reads the mandatory part; the optional parameters behind it are `tlv`'s, so that a strange one does not cost the message.
//! Written is it here: rusmpp takes 15 allocations for that, and each checks the other in tests. Knows no text; `text` makes and
//! reads the octets.

use super::address::Address;
use super::bind::put_text;
use super::command::{DATA_SM, DELIVER_SM, HEADER_BIT, SUBMIT_SM};
use super::tlv::{self, Tlvs};
use crate::text::{Join, header};
use bytes::{BufMut, Bytes, BytesMut};
use rusmpp::decode::DecodeWithLength;
use rusmpp::pdus::{DataSm, DeliverSm, SubmitSm};
use rusmpp::types::COctetString;

/// Octets of an address, of a time, and of a body without text, more or less.
const NUMBER_MAX: usize = 20;
const TIME: usize = 16;
const BODY: usize = 96;
/// Octets that go as `short_message`; more go as `message_payload`.
const SHORT_MAX: usize = 254;

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `submit_sm`.
    Submit,
    /// `deliver_sm`.
    Deliver,
    /// `data_sm`, either way.
    Data,
}

/// A message. `Debug` shows neither its text nor its numbers.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// From whom.
    pub source: Address,
    /// To whom.
    pub destination: Address,
    /// Mode, type, and whether a header is in front of the text.
    pub esm_class: u8,
    /// `registered_delivery`: 1 asks for a receipt.
    pub registered: u8,
    /// How the octets are coded.
    pub data_coding: u8,
    /// Empty, or 16 characters.
    pub validity: String,
    /// `short_message`, or `message_payload` where that is there.
    pub octets: Bytes,
    /// The other optional parameters.
    pub tlvs: Tlvs,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (from, to, octets) = (&self.source, &self.destination, self.octets.len());
        write!(
            f,
            "Message({from:?} to {to:?}, esm_class {:#04x}, {octets} octets)",
            self.esm_class
        )
    }
}

impl Kind {
    pub(super) fn command(self) -> u32 {
        match self {
            Kind::Submit => SUBMIT_SM,
            Kind::Deliver => DELIVER_SM,
            Kind::Data => DATA_SM,
        }
    }

    pub(super) fn of(command: u32) -> Option<Kind> {
        let all = [Kind::Submit, Kind::Deliver, Kind::Data];
        all.into_iter().find(|kind| kind.command() == command)
    }

    /// Octets of the mandatory part, by its fields: texts that end, and plain octets.
    fn mandatory(self, body: &[u8]) -> Option<usize> {
        let mut at = 0;
        let text = |at: &mut usize| {
            let length = body.get(*at..)?.iter().position(|octet| *octet == 0)?;
            *at += length + 1;
            Some(())
        };
        // service_type; type, plan and number of source and destination.
        text(&mut at)?;
        for _ in 0..2 {
            at += 2;
            text(&mut at)?;
        }
        at += 3;
        if self != Kind::Data {
            text(&mut at)?;
            text(&mut at)?;
            at += 5;
            at += usize::from(*body.get(at - 1)?);
        }
        (at <= body.len()).then_some(at)
    }
}

/// `submit_sm` and `deliver_sm` have the same fields in rusmpp, in two types.
macro_rules! fields_of {
    ($type:ident, $fields:expr, $end:expr) => {{
        let sm = $type::decode($fields, $end).ok()?.0;
        Message {
            source: address(sm.source_addr_ton.into(), sm.source_addr_npi.into(), &sm.source_addr),
            destination: address(sm.dest_addr_ton.into(), sm.dest_addr_npi.into(), &sm.destination_addr),
            esm_class: sm.esm_class.into(),
            registered: sm.registered_delivery.into(),
            data_coding: sm.data_coding.into(),
            validity: sm.validity_period.as_str().to_owned(),
            octets: sm.short_message().clone().into_bytes(),
            tlvs: Tlvs::default(),
        }
    }};
}

impl Message {
    /// What joins it to others: its header's element, or its parameters; and its text without header.
    ///
    /// # Errors
    /// It says that it has a header, and that does not fit.
    pub fn unwrapped(&self) -> Result<(Option<Join>, &[u8]), header::BadHeader> {
        let (join, octets) = if self.esm_class & HEADER_BIT == 0 {
            (None, self.octets.as_ref())
        } else {
            header::split(&self.octets)?
        };
        Ok((join.or_else(|| self.sar()), octets))
    }

    fn sar(&self) -> Option<Join> {
        let total = self.tlvs.octet(tlv::SAR_TOTAL).filter(|total| *total > 1)?;
        Join::new(
            self.tlvs.number(tlv::SAR_REFERENCE)?,
            true,
            total,
            self.tlvs.octet(tlv::SAR_NUMBER)?,
        )
    }

    /// Reads a body. `None` where its mandatory part is none.
    pub(super) fn read(kind: Kind, body: &Bytes) -> Option<Message> {
        let end = kind.mandatory(body)?;
        let mut fields = BytesMut::from(body.get(..end)?);
        let mut message = match kind {
            Kind::Submit => fields_of!(SubmitSm, &mut fields, end),
            Kind::Deliver => fields_of!(DeliverSm, &mut fields, end),
            Kind::Data => data(DataSm::decode(&mut fields, end).ok()?.0),
        };
        message.tlvs = Tlvs::read(body.get(end..)?);
        if let Some(payload) = message.tlvs.get(tlv::MESSAGE_PAYLOAD) {
            message.octets = payload.clone();
            message.tlvs.0.retain(|(tag, _)| *tag != tlv::MESSAGE_PAYLOAD);
        }
        Some(message)
    }

    /// Appends the body. What no command can hold is cut: `Address` and `text::parts` make nothing such.
    pub(super) fn write(&self, kind: Kind, out: &mut BytesMut) {
        let short = kind != Kind::Data && self.octets.len() <= SHORT_MAX;
        out.reserve(BODY + self.octets.len());
        put_text("", out);
        for address in [&self.source, &self.destination] {
            out.put_slice(&[address.ton, address.npi]);
            put_text(cut(&address.number, NUMBER_MAX), out);
        }
        if kind == Kind::Data {
            out.put_slice(&[self.esm_class, self.registered, self.data_coding]);
        } else {
            // Protocol and priority; when to begin.
            out.put_slice(&[self.esm_class, 0, 0, 0]);
            put_text(
                if self.validity.len() == TIME {
                    &self.validity
                } else {
                    ""
                },
                out,
            );
            let octets = if short { self.octets.as_ref() } else { &[] };
            let length = u8::try_from(octets.len()).unwrap_or(0);
            out.put_slice(&[self.registered, 0, self.data_coding, 0, length]);
            out.put_slice(octets);
        }
        self.tlvs.write(out);
        if !short {
            Tlvs(vec![(tlv::MESSAGE_PAYLOAD, self.octets.clone())]).write(out);
        }
    }
}

fn cut(text: &str, max: usize) -> &str {
    text.get(..text.len().min(max)).unwrap_or_default()
}

fn address(ton: u8, npi: u8, number: &COctetString<1, 21>) -> Address {
    let number = number.as_str().to_owned();
    Address { ton, npi, number }
}

fn data(sm: DataSm) -> Message {
    Message {
        source: address(sm.source_addr_ton.into(), sm.source_addr_npi.into(), &sm.source_addr),
        destination: address(sm.dest_addr_ton.into(), sm.dest_addr_npi.into(), &sm.destination_addr),
        esm_class: sm.esm_class.into(),
        registered: sm.registered_delivery.into(),
        data_coding: sm.data_coding.into(),
        validity: String::new(),
        octets: Bytes::new(),
        tlvs: Tlvs::default(),
    }
}
