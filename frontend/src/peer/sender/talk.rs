//! Stored stanzas: what people say to each other, and presences that manage subscriptions, in the order in which they were
//! committed; with the time at which they were sent, where that is a while ago (XEP-0203).

use super::flight::{Flight, What};
use super::{Ahead, Sender};
use crate::limits::PEER_READ_STANZAS;
use crate::peer::stream::{End, Link};
use crate::session::stamp;
use crate::tables::Outgoing;
use reef_stanza::{Condition, StanzaError, escape_attr};
use std::sync::atomic::Ordering;

impl Sender {
    /// Sends what is stored, as far as the window goes. True where there may be more.
    pub(super) async fn send_stored(
        &mut self,
        link: &mut Link,
        flight: &mut Flight,
        ahead: &mut Ahead,
    ) -> Result<bool, End> {
        let times = self.shared.stored_times();
        let rows = self.stored(ahead.talked).await;
        let complete = rows.len() < PEER_READ_STANZAS;
        let now = self.server.engine.clock.now().0;
        let oldest = now.saturating_sub(self.server.config.s2s.queue_for.as_millis() as u64);
        for (number, row) in rows {
            ahead.talked = number;
            if row.at.0 < oldest {
                self.bounce_stored(&row, &StanzaError::new(Condition::RemoteServerTimeout));
                self.take_stored(vec![number]);
                continue;
            }
            let what = What::Stored(number);
            let too_long = link.stanza_limit().is_some_and(|most| row.stanza.len() > most);
            if too_long {
                self.give_up(what, "longer than the peer takes");
            }
            if too_long || self.dead(what).is_some() {
                self.bounce_stored(&row, &StanzaError::new(Condition::UndefinedCondition));
                self.take_stored(vec![number]);
                continue;
            }
            let late = ahead.is_late(row.at.0, now);
            let stanza = match late {
                true => delayed(&row, &self.way.local),
                false => row.stanza,
            };
            flight.push(what, stanza.len());
            self.shared.sent.fetch_add(1, Ordering::Relaxed);
            link.send(stanza.into(), 1).await?;
        }
        if complete {
            ahead.checked = times;
        }
        Ok(!complete)
    }
}

impl Sender {
    /// Returns all that is stored: there is no such peer.
    pub(super) async fn return_stored(&mut self, error: &StanzaError) {
        loop {
            let rows = self.stored(self.talked).await;
            let Some((last, _)) = rows.last() else { return };
            self.talked = *last;
            rows.iter().for_each(|(_, row)| self.bounce_stored(row, error));
            self.take_stored(rows.iter().map(|(number, _)| *number).collect());
        }
    }

    /// While the peer cannot be reached: senders are warned of what waits long, and get back what has waited too long.
    pub(super) async fn look_at_age(&mut self) {
        let now = self.server.engine.clock.now().0;
        let config = &self.server.config.s2s;
        let oldest = now.saturating_sub(config.queue_for.as_millis() as u64);
        let warn = now.saturating_sub(config.warn_after.as_millis() as u64);
        self.expire_posts(oldest).await;
        let mut after = self.talked;
        loop {
            let rows = self.stored(after).await;
            let (mut late, mut warned) = (Vec::new(), Vec::new());
            for (number, row) in rows.iter().filter(|(_, row)| row.at.0 < warn) {
                if row.at.0 < oldest {
                    self.bounce_stored(row, &StanzaError::new(Condition::RemoteServerTimeout));
                    late.push(*number);
                } else if !row.warned && row.stanza.starts_with(b"<message") {
                    self.warn(row);
                    warned.push(*number);
                }
            }
            // They are in order: those behind are younger.
            let more = rows
                .last()
                .filter(|(_, row)| row.at.0 < warn)
                .map(|(number, _)| *number);
            self.take_stored(late);
            self.warned(warned);
            match more {
                Some(last) => after = last,
                None => return,
            }
        }
    }
}

/// The stanza with the time at which it was sent.
fn delayed(row: &Outgoing, domain: &str) -> Vec<u8> {
    let mut delay = b"<delay xmlns='urn:xmpp:delay' from='".to_vec();
    escape_attr(domain, &mut delay);
    delay.extend_from_slice(b"' stamp='");
    escape_attr(&stamp(row.at.0), &mut delay);
    delay.extend_from_slice(b"'/>");
    let stanza = &row.stanza;
    let name: Vec<u8> = stanza
        .iter()
        .skip(1)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .copied()
        .collect();
    match stanza.strip_suffix(b"/>") {
        Some(open) => [open, b">", &delay, b"</", &name, b">"].concat(),
        None => {
            let end = [b"</", &name[..], b">"].concat();
            let inner = stanza.strip_suffix(&end[..]).unwrap_or(stanza);
            [inner, &delay, &end].concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reef_engine::model::Timestamp;

    #[test]
    fn what_waited_says_since_when() {
        let check = |stanza: &str, expected: &str| {
            let row = Outgoing {
                from: "a@b".into(),
                at: Timestamp(0),
                warned: false,
                stanza: stanza.as_bytes().to_vec(),
            };
            let delay = "<delay xmlns='urn:xmpp:delay' from='b' stamp='1970-01-01T00:00:00Z'/>";
            let found = String::from_utf8(delayed(&row, "b")).unwrap();
            assert_eq!(found, expected.replace('|', delay));
        };
        check(
            "<message to='x'><body>hi</body></message>",
            "<message to='x'><body>hi</body>|</message>",
        );
        check(
            "<presence type='subscribe'/>",
            "<presence type='subscribe'>|</presence>",
        );
    }
}
