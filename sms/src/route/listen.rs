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
use std::collections::HashSet;
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
        let opened = |sealed: &Vec<u8>| {
            let bytes = hall.parts.keys.open(sealed)?;
            postcard::from_bytes::<Kept>(&bytes).ok()
        };
        let kept: Vec<Kept> = kept
            .iter()
            .filter_map(opened)
            .filter(|kept| kept.route == route.0)
            .collect();
        for kept in unheard(kept) {
            if let Some(piece) = kept.piece() {
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
                tracing::warn!(from = ?message.source, "a text of too many parts was refused");
                return NEVER;
            }
        };
        let status = match whole.text(self.convention) {
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
        };
        if status != AGAIN {
            // Its parts are not taken up again at the next start; should this fail, its whole is known as heard.
            self.keep(&kept.end()).await;
        }
        status
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

/// A part as it is kept; the end of a text that was heard has the number 0.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
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

    /// Says that the text of this part was heard.
    fn end(&self) -> Kept {
        let (reference, wide, total, _) = self.join;
        Kept {
            join: (reference, wide, total, 0),
            octets: Vec::new(),
            ..self.clone()
        }
    }

    fn is_end(&self) -> bool {
        self.join.3 == 0
    }

    /// Of which text it is.
    fn set(&self) -> (&str, &str, u16, bool, u8) {
        let (reference, wide, total, _) = self.join;
        (&self.from, &self.to, reference, wide, total)
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

/// Parts of texts that were not heard yet.
fn unheard(kept: Vec<Kept>) -> Vec<Kept> {
    let ends: Vec<Kept> = kept.iter().filter(|kept| kept.is_end()).cloned().collect();
    let heard: HashSet<_> = ends.iter().map(Kept::set).collect();
    kept.into_iter().filter(|kept| !heard.contains(&kept.set())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_text_that_was_heard_are_not_taken_up_at_the_next_start() {
        let part = |reference, number| Kept {
            route: 1,
            from: "+12025550101".into(),
            to: "40404".into(),
            join: (reference, false, 3, number),
            data_coding: 0,
            octets: vec![b'a'],
        };
        // They would be taken for a text whose last part never came, and published as they are.
        let kept = vec![part(7, 1), part(8, 1), part(7, 2), part(7, 3).end()];
        let left: Vec<_> = unheard(kept).iter().map(|kept| kept.join).collect();
        assert_eq!(left, [(8, false, 3, 1)]);
    }
}
