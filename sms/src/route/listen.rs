//! What an SMSC delivers: receipts to their deliveries, parts to their texts, texts to whoever understands them. The SMSC
//! hears that it may forget something once that is in the store.
//!
//! Knows no number's owner and no meaning. Next: `../inbound/hear.rs`.

use crate::inbound::{Hall, Incoming, Lanes};
use crate::number::Phone;
use crate::schedule::render;
use crate::tables::rows::{Final, RouteId};
use crate::tables::{Op, Receipt};
use reef_smpp::esme::{Deliver, Respond};
use reef_smpp::pdu::State;
use reef_smpp::text::{Added, Convention, Join, Piece, Reassembly, Whole, decode};
use std::sync::Arc;

/// `ESME_ROK`.
const OK: u32 = 0;
/// `ESME_RX_T_APPN`: not now, bring it again.
const AGAIN: u32 = 0x64;
/// `ESME_RX_P_APPN`: never.
const NEVER: u32 = 0x65;
/// Bits of `esm_class` that say what a message is.
const TYPE: u8 = 0x3c;

/// What is heard by one route.
pub struct Listener {
    hall: Arc<Hall>,
    lanes: Arc<Lanes>,
    route: RouteId,
    convention: Convention,
    parts: Reassembly,
}

impl Listener {
    /// With the parts that wait since the last run.
    pub async fn new(hall: Arc<Hall>, lanes: Arc<Lanes>, route: RouteId) -> Listener {
        let convention = hall
            .route(route)
            .map(|route| render::form(route).convention)
            .unwrap_or_default();
        let mut parts = Reassembly::default();
        let kept = hall
            .read(|hall, _| hall.parts.rows().parts(10_000))
            .await
            .unwrap_or_default();
        for sealed in kept {
            let piece = hall
                .parts
                .keys
                .open(&sealed)
                .and_then(|bytes| postcard::from_bytes::<Kept>(&bytes).ok());
            if let Some(piece) = piece.filter(|piece| piece.route == route.0).and_then(Kept::piece) {
                let _ = parts.add(hall.now().0, piece);
            }
        }
        Listener {
            hall,
            lanes,
            route,
            convention,
            parts,
        }
    }

    /// A message came.
    pub async fn deliver(&mut self, deliver: Deliver, respond: Respond) {
        let status = match deliver.receipt() {
            Some(receipt) => self.receipt(&deliver, receipt).await,
            // Acknowledgements of phones and people.
            None if deliver.message.esm_class & TYPE != 0 => OK,
            None => self.text(&deliver).await,
        };
        respond.with(status);
    }

    async fn receipt(&self, deliver: &Deliver, receipt: reef_smpp::pdu::Receipt) -> u32 {
        let said = match receipt.state {
            State::Delivered => Final::Delivered,
            State::Expired => Final::Expired,
            State::Deleted => Final::Deleted,
            State::Undeliverable | State::Skipped => Final::Undeliverable,
            State::Rejected => Final::Rejected,
            State::Unknown => Final::Unknown,
            State::Scheduled | State::Enroute | State::Accepted => return OK,
        };
        let Some(phone) = Phone::of(&deliver.message.source.dialled()) else {
            return OK;
        };
        let op = Op::Receipts(vec![Receipt {
            route: self.route,
            hash: self.hall.parts.keys.hash(&phone),
            ids: receipt.ids.iter().map(|id| id.as_str().into()).collect(),
            said,
        }]);
        match self.hall.commit(op).await {
            Ok(_) => OK,
            Err(reef_engine::error::Error::Rejected(_)) => OK,
            Err(_) => AGAIN,
        }
    }

    async fn text(&mut self, deliver: &Deliver) -> u32 {
        let message = &deliver.message;
        let Ok((join, octets)) = message.unwrapped() else {
            tracing::warn!(from = ?message.source, "a text with a broken header was refused");
            return NEVER;
        };
        let alone = decode(message.data_coding, octets, self.convention);
        let incoming = |text: String| Incoming {
            route: self.route,
            from: message.source.dialled(),
            to: message.destination.dialled(),
            text,
            id: None,
        };
        let Some(join) = join else {
            return match alone {
                Ok(text) => self.heard(incoming(text)).await,
                Err(error) => {
                    tracing::warn!(from = ?message.source, ?error, "a text that cannot be read was refused");
                    NEVER
                }
            };
        };
        if let Ok(text) = &alone {
            let part = incoming(text.clone());
            if self.hall.is_stop(&part).await {
                return self.heard(part).await;
            }
        }
        self.part(deliver, join, octets).await
    }

    /// A part that does not say STOP: kept, and with the last one the whole is heard.
    async fn part(&mut self, deliver: &Deliver, join: Join, octets: &[u8]) -> u32 {
        let message = &deliver.message;
        let piece = Piece {
            from: message.source.dialled(),
            to: message.destination.dialled(),
            join,
            data_coding: message.data_coding,
            octets: octets.to_vec(),
        };
        let (from, to) = (piece.from.clone(), piece.to.clone());
        let kept = Kept::of(self.route, &piece);
        let whole = match self.parts.add(self.hall.now().0, piece) {
            Added::Whole(whole) => whole,
            Added::Waiting => return self.keep(&kept).await,
            Added::Repeated => return OK,
            Added::TooLong => {
                tracing::warn!(?from, "a text of too many parts was refused");
                return NEVER;
            }
        };
        match whole.text(self.convention) {
            Ok(text) => {
                let incoming = Incoming {
                    route: self.route,
                    from,
                    to,
                    text,
                    id: None,
                };
                self.heard(incoming).await
            }
            Err(error) => {
                tracing::warn!(?error, "a text of several parts cannot be read");
                NEVER
            }
        }
    }

    async fn keep(&self, kept: &Kept) -> u32 {
        let keys = &self.hall.parts.keys;
        let bytes = postcard::to_stdvec(kept).unwrap_or_default();
        let key = keys.tag(&bytes);
        let Ok(sealed) = keys.seal(&bytes) else { return AGAIN };
        match self.hall.commit(Op::Part { key, sealed }).await {
            Ok(_) => OK,
            Err(_) => AGAIN,
        }
    }

    async fn heard(&self, incoming: Incoming) -> u32 {
        match self.hall.hear(incoming, &self.lanes).await {
            true => OK,
            false => AGAIN,
        }
    }

    /// Texts some of whose parts never came: what there is of them is heard.
    pub async fn expire(&mut self) {
        for (from, whole) in self.parts.expire(self.hall.now().0) {
            let Ok(text) = Whole::text(&whole, self.convention) else {
                continue;
            };
            let incoming = Incoming {
                route: self.route,
                from,
                to: String::new(),
                text,
                id: None,
            };
            let _ = self.heard(incoming).await;
        }
    }
}

/// A part as it is kept.
#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    route: u16,
    from: String,
    to: String,
    join: (u16, bool, u8, u8),
    data_coding: u8,
    octets: Vec<u8>,
}

impl Kept {
    fn of(route: RouteId, piece: &Piece) -> Kept {
        let join = piece.join;
        Kept {
            route: route.0,
            from: piece.from.clone(),
            to: piece.to.clone(),
            join: (join.reference, join.wide, join.total, join.number),
            data_coding: piece.data_coding,
            octets: piece.octets.clone(),
        }
    }

    fn piece(self) -> Option<Piece> {
        let (reference, wide, total, number) = self.join;
        Some(Piece {
            from: self.from,
            to: self.to,
            join: Join::new(reference, wide, total, number)?,
            data_coding: self.data_coding,
            octets: self.octets,
        })
    }
}
