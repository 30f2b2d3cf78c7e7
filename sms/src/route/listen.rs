//! What an SMSC delivers: receipts to their deliveries, parts to their texts, texts to whoever understands them. The SMSC
//! hears that it may forget something once that is in the store.
//!
//! What comes from one phone is heard in its order, that of others beside it. Knows no number's owner and no meaning. Next:
//! `../inbound/hear.rs`.

mod kept;

use crate::inbound::{Hall, Incoming, Lanes};
use crate::limits::{BUSY_MS, PARTS_READ};
use crate::number::Phone;
use crate::schedule::render;
use crate::tables::Op;
use crate::tables::rows::{Final, RouteId};
use kept::Kept;
use reef_smpp::esme::{Deliver, Respond};
use reef_smpp::pdu::State;
use reef_smpp::text::{Added, Convention, Join, Partial, Piece, Reassembly, Whole, decode};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// `ESME_ROK`.
const OK: u32 = 0;
/// `ESME_RX_T_APPN`: not now, bring it again.
const AGAIN: u32 = 0x64;
/// `ESME_RX_P_APPN`: never.
const NEVER: u32 = 0x65;
/// Bits of `esm_class` that say what a message is.
const TYPE: u8 = 0x3c;

/// What is heard by one route.
pub struct Listener(Arc<Ear>);

struct Ear {
    hall: Arc<Hall>,
    lanes: Arc<Lanes>,
    route: RouteId,
    convention: Convention,
    /// Held for one part, and while those that wait too long are looked for.
    parts: Mutex<Reassembly>,
}

impl Listener {
    /// With the parts that wait since the last run.
    pub async fn new(hall: Arc<Hall>, lanes: Arc<Lanes>, route: RouteId) -> Listener {
        let convention = hall
            .route(route)
            .map(|route| render::form(route).convention)
            .unwrap_or_default();
        let ear = Arc::new(Ear {
            hall,
            lanes,
            route,
            convention,
            parts: Mutex::default(),
        });
        ear.take_up().await;
        Listener(ear)
    }

    /// A message came. It is heard behind what came before from the same phone; where too much waits, it is to come again.
    pub async fn deliver(&mut self, deliver: Deliver, respond: Respond) {
        let (ear, from) = (self.0.clone(), deliver.message.source.dialled());
        let heard = async move {
            let status = ear.deliver(&deliver).await;
            respond.with(status);
        };
        self.0.lanes.hear(&from, heard);
    }

    /// Texts some of whose parts never came: what there is of them is heard.
    pub async fn expire(&mut self) {
        let old = self.0.parts().expire(self.0.hall.now().0);
        for partial in old {
            let (ear, from) = (self.0.clone(), partial.from.clone());
            let heard = async move { ear.partial(partial).await };
            self.0.lanes.hear_in_time(&from, heard).await;
        }
    }
}

impl Ear {
    fn parts(&self) -> MutexGuard<'_, Reassembly> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Parts that wait since the last run.
    async fn take_up(self: &Arc<Ear>) {
        let (mut after, route) = (None, self.route.0);
        loop {
            let page = self
                .hall
                .read(move |hall, _| hall.parts.rows().parts(after.as_deref(), PARTS_READ));
            let Ok(page) = page.await else {
                tracing::error!("parts of texts are not taken up: the store cannot be read");
                return;
            };
            for (_, sealed) in &page {
                let opened = self.hall.parts.keys.open(sealed);
                let kept = opened.and_then(|bytes| postcard::from_bytes::<Kept>(&bytes).ok());
                let Some(kept) = kept.filter(|kept| kept.route == route) else {
                    continue;
                };
                let whole = kept.again(&mut self.parts(), self.hall.now().0);
                if let Some((piece, whole)) = whole {
                    self.whole(&piece, &whole).await;
                }
            }
            match page.into_iter().next_back() {
                Some((key, _)) => after = Some(key),
                None => return,
            }
        }
    }

    async fn deliver(&self, deliver: &Deliver) -> u32 {
        match deliver.receipt() {
            Some(receipt) => self.receipt(deliver, receipt).await,
            // Acknowledgements of phones and people.
            None if deliver.message.esm_class & TYPE != 0 => OK,
            None => self.text(deliver).await,
        }
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
        let ids = receipt.ids.iter().map(|id| id.as_str().into()).collect();
        match self.hall.receipt(self.route, &phone, ids, said).await {
            true => OK,
            false => AGAIN,
        }
    }

    async fn text(&self, deliver: &Deliver) -> u32 {
        let message = &deliver.message;
        let Ok((join, octets)) = message.unwrapped() else {
            tracing::warn!(from = ?message.source, "a text with a broken header was refused");
            return NEVER;
        };
        let alone = decode(message.data_coding, octets, self.convention);
        let (from, to) = (message.source.dialled(), message.destination.dialled());
        let Some(join) = join else {
            return match alone {
                Ok(text) => self.heard(&from, &to, text).await,
                Err(error) => {
                    tracing::warn!(from = ?message.source, ?error, "a text that cannot be read was refused");
                    NEVER
                }
            };
        };
        if let Ok(text) = alone {
            let part = self.incoming(&from, &to, text);
            if self.hall.is_stop(&part).await {
                return self.heard(&from, &to, part.text).await;
            }
        }
        let piece = Piece {
            from,
            to,
            join,
            data_coding: message.data_coding,
            octets: octets.to_vec(),
        };
        self.part(piece).await
    }

    /// A part that does not say STOP: kept, and with the last one the whole is heard.
    async fn part(&self, piece: Piece) -> u32 {
        let added = self.parts().add(self.hall.now().0, piece.clone());
        match added {
            Added::Whole(whole) => self.whole(&piece, &whole).await,
            // The first copy was perhaps not kept.
            Added::Waiting | Added::Repeated => self.keep(&Kept::of(self.route, &piece)).await,
            Added::Over => OK,
            Added::TooLong => {
                tracing::warn!(route = self.route.0, "a text of too many parts was refused");
                NEVER
            }
        }
    }

    /// The last part made it whole. Where it cannot be kept, that part comes again.
    async fn whole(&self, last: &Piece, whole: &Whole) -> u32 {
        let status = match whole.text(self.convention) {
            Ok(text) => self.heard(&last.from, &last.to, text).await,
            Err(error) => {
                tracing::warn!(?error, "a text of several parts cannot be read");
                NEVER
            }
        };
        match status {
            AGAIN => self.parts().reopen(self.hall.now().0, &last.from, &last.to, last.join),
            _ => self.ended((&last.from, &last.to), last.join).await,
        }
        status
    }

    /// Parts whose others never came are heard as they are; they were acknowledged.
    async fn partial(&self, partial: Partial) {
        let Partial { from, to, join, whole } = partial;
        let Ok(text) = whole.text(self.convention) else {
            return;
        };
        for pause in BUSY_MS {
            if self.heard(&from, &to, text.clone()).await != AGAIN {
                return self.ended((&from, &to), join).await;
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        tracing::warn!(route = self.route.0, "parts of a text are heard after the next start");
    }

    /// A text was heard: its parts are not taken up at the next start. Should this fail, its whole is known as heard.
    async fn ended(&self, between: (&str, &str), join: Join) {
        self.keep(&Kept::end(self.route, between, join)).await;
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

    fn incoming(&self, from: &str, to: &str, text: String) -> Incoming {
        Incoming {
            route: self.route,
            from: from.to_owned(),
            to: to.to_owned(),
            text,
            id: None,
        }
    }

    async fn heard(&self, from: &str, to: &str, text: String) -> u32 {
        match self.hall.hear(self.incoming(from, to, text), &self.lanes).await {
            true => OK,
            false => AGAIN,
        }
    }
}
