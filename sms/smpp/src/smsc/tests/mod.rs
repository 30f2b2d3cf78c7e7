//! The session against the SMSC, over sockets: what must arrive does, once, and what fails is told.

mod faults;
mod sessions;
mod texts;

use super::*;
use crate::esme::{Binding, Deliver, Esme, EsmeConfig, Event, Submit, Tls, Why};
use crate::pdu::command::{BAD_PASSWORD, OK, PERMANENT, THROTTLED};
use crate::pdu::{Mode, State, id_key};
use crate::text::{Form, Joined, Piece, Reassembly, parts};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

const PHONE: &str = "+491700000001";
const OURS: &str = "40404";
/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// An SMSC and who is bound to it.
struct Rig {
    smsc: Smsc,
    esme: Esme,
    events: mpsc::Receiver<Event>,
    tokens: u64,
}

fn fast(smsc: &Smsc) -> EsmeConfig {
    EsmeConfig {
        again: (Duration::from_millis(10), Duration::from_millis(50)),
        window: 10,
        queue: 1000,
        ..EsmeConfig::new(&smsc.address().to_string(), "reef", "secret")
    }
}

async fn listening(config: SmscConfig) -> Smsc {
    Smsc::start("127.0.0.1:0".parse().unwrap(), config).await.unwrap()
}

impl Rig {
    async fn new(smsc: SmscConfig, esme: impl FnOnce(EsmeConfig) -> EsmeConfig) -> Rig {
        let smsc = listening(smsc).await;
        let config = esme(fast(&smsc));
        let connections = if config.bind == Binding::Pair { 2 } else { 1 };
        let (to, events) = mpsc::channel(100);
        let esme = Esme::start(config, to).unwrap();
        let mut rig = Rig {
            smsc,
            esme,
            events,
            tokens: 0,
        };
        for _ in 0..connections {
            rig.until(|event| matches!(event, Event::Bound { .. })).await;
        }
        rig
    }

    async fn usual() -> Rig {
        Rig::new(SmscConfig::default(), |config| config).await
    }

    async fn next(&mut self) -> Event {
        timeout(PATIENCE, self.events.recv())
            .await
            .expect("an event")
            .expect("a session")
    }

    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.next().await;
            if wanted(&event) {
                return event;
            }
        }
    }

    fn submit(&mut self, text: &str, form: Form) -> Vec<u64> {
        let parts = parts(text, form, 7).unwrap().parts;
        let submit = |part| {
            self.tokens += 1;
            let submit = Submit {
                token: self.tokens,
                source: Address::new(OURS).unwrap(),
                destination: Address::new(PHONE).unwrap(),
                part,
                validity: None,
                receipt: true,
                user_message_reference: Some(9),
                may: Box::new(|| true),
            };
            self.esme.try_submit(submit).unwrap();
            self.tokens
        };
        parts.into_iter().map(submit).collect()
    }

    /// The answer to a submit: status and id.
    async fn answer(&mut self, wanted: u64) -> (u32, Option<String>) {
        match self
            .until(|event| matches!(event, Event::Answered { token, .. } if *token == wanted))
            .await
        {
            Event::Answered { status, message_id, .. } => (status, message_id),
            _ => unreachable!(),
        }
    }

    /// The next message, answered with a status.
    async fn deliver(&mut self, status: u32) -> Deliver {
        match self.until(|event| matches!(event, Event::Deliver(..))).await {
            Event::Deliver(deliver, respond) => {
                respond.with(status);
                deliver
            }
            _ => unreachable!(),
        }
    }

    /// Waits until the SMSC has counted so much.
    async fn counted(&self, enough: impl Fn(Counts) -> bool) {
        let counted = async {
            while !enough(self.smsc.counts()) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, counted).await.expect("the count");
    }
}

fn form(joined: Joined) -> Form {
    Form {
        joined,
        ..Form::default()
    }
}
