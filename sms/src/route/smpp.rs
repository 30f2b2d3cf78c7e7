//! A way by SMPP: parts become submits, answers become what the scheduler understands (`sms.md` §1.3).
//!
//! Knows no number's owner. The session itself is `reef_smpp::esme`.

use super::{May, Told, Way};
use crate::config::{Binding, Route, Validity};
use crate::schedule::{Outgoing, Status};
use reef_engine::clock::Clock;
use reef_smpp::esme::{self, Esme, EsmeConfig, Event, Submit, Tls, Why};
use reef_smpp::pdu;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A session towards an SMSC.
pub struct Smpp {
    esme: Option<Esme>,
    receipts: bool,
    validity: Validity,
    clock: Arc<dyn Clock>,
}

/// The longest validity that is asked for.
const VALIDITY_MAX: Duration = Duration::from_secs(24 * 3600);

impl Smpp {
    /// Begins to dial; what happens comes as events.
    ///
    /// # Errors
    /// Why that cannot be, in one line.
    pub fn start(
        route: &Route,
        address: &str,
        clock: Arc<dyn Clock>,
        events: tokio::sync::mpsc::Sender<Event>,
    ) -> Result<Smpp, String> {
        let mut config = EsmeConfig::new(address, &route.system_id, &route.secret()?);
        config.system_type.clone_from(&route.system_type);
        config.window = usize::from(route.window);
        config.bind = match route.bind {
            Binding::Transceiver => esme::Binding::Transceiver,
            Binding::Pair => esme::Binding::Pair,
            Binding::Transmitter => esme::Binding::Transmitter,
        };
        config.submit_timeout = route.submit_timeout.unsigned_abs();
        config.enquire = route.enquire.unsigned_abs();
        if route.tls {
            let ca = (!route.ca.as_os_str().is_empty()).then(|| route.ca.clone());
            let name = address.rsplit_once(':').map_or(address, |(host, _)| host);
            config.tls = Some(Tls {
                name: Some(name.to_owned()),
                ca,
            });
        }
        let esme = Esme::start(config, events).map_err(|error| format!("route {}: {error}", route.name))?;
        Ok(Smpp {
            esme: Some(esme),
            receipts: route.receipts,
            validity: route.validity,
            clock,
        })
    }

    fn validity(&self, part: &Outgoing) -> Option<pdu::Validity> {
        let now = self.clock.now();
        let left = Duration::from_millis(part.expires.0.saturating_sub(now.0)).min(VALIDITY_MAX);
        match self.validity {
            Validity::Relative => Some(pdu::Validity::For(left)),
            Validity::Absolute => Some(pdu::Validity::Until(now.0 / 1000 + left.as_secs())),
            Validity::None => None,
        }
    }
}

impl Way for Smpp {
    fn free(&self) -> usize {
        self.esme.as_ref().map_or(0, Esme::free)
    }

    fn submit(&mut self, part: Outgoing, may: May) -> Result<(), u64> {
        let token = part.token;
        let (Some(esme), Some(source), Some(destination)) = (
            &self.esme,
            pdu::Address::new(&part.sender),
            pdu::Address::new(part.phone.e164()),
        ) else {
            return Err(token);
        };
        let submit = Submit {
            token,
            source,
            destination,
            validity: self.validity(&part),
            receipt: self.receipts,
            user_message_reference: None,
            part: part.part,
            may,
        };
        esme.try_submit(submit).map_err(|refused| refused.token)
    }

    fn stop(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self.esme.take() {
            Some(esme) => Box::pin(esme.stop()),
            None => Box::pin(std::future::ready(())),
        }
    }
}

/// What an event says of a part or of the way; messages are not for the scheduler.
pub fn told(event: &Event) -> Option<Told> {
    Some(match event {
        Event::Bound { mode } if *mode != pdu::Mode::Receiver => Told::Up,
        Event::Lost { mode, why, .. } if *mode != pdu::Mode::Receiver => Told::Down(reason(why)),
        Event::Answered {
            token,
            status,
            message_id,
        } => Told::Said(*token, meaning(*status, message_id.clone())),
        Event::Unwritten { token } => Told::Said(*token, Status::Unwritten),
        Event::InDoubt { token } => Told::Said(*token, Status::InDoubt),
        Event::Voided { token } => Told::Said(*token, Status::Void),
        _ => return None,
    })
}

fn reason(why: &Why) -> String {
    match why {
        Why::Refused(status) => format!("the bind was refused with 0x{status:02x}: see to its name and password"),
        other => format!("{other:?}"),
    }
}

/// What a status asks for (`sms.md` §1.3).
pub fn meaning(status: u32, id: Option<String>) -> Status {
    match status {
        0 => Status::Taken(id.filter(|id| !id.is_empty())),
        0x58 | 0x14 => Status::Throttled,
        0x08 | 0x45 | 0xfe | 0xff | 0x64 => Status::Later,
        // The session is bound anew.
        0x04 => Status::Unwritten,
        0x0b => Status::Never(status, true),
        other => Status::Never(other, false),
    }
}
