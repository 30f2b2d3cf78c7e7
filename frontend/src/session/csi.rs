//! Client state (XEP-0352): who looks at nothing is sent nothing but what matters, and the rest together with it.
//!
//! Presence is held, the last of each sender alone, and so are chat states; posts stay in the shard's queue, as pointers. What
//! matters brings all of it along, in one write: a phone's radio wakes for it anyway. Whatever is held says how things are
//! now, and nobody misses it who does not come back. Knows no stanza's payload but those. Next: `flush.rs`.

use super::Hub;
use crate::limits::{CSI_HELD, CSI_HELD_BYTES};
use minidom::Element;
use reef_stanza::{StreamCondition, StreamFault, ns};

/// What is held for a client that looks at nothing: whose it is, and its bytes.
pub(super) type Held = Vec<(String, Vec<u8>)>;

/// Payloads of a message that say how things are now, and nothing else.
const OF_NOW: [&str; 2] = ["http://jabber.org/protocol/chatstates", ns::HINTS];

/// Of what a stanza that may be held is the newest; none where it must not wait.
fn held_as(stanza: &Element) -> Option<String> {
    let of = |name: &'static str| stanza.attr(name).unwrap_or_default();
    let way = format!("{} {}", of("from"), of("to"));
    match (stanza.name(), stanza.attr("type")) {
        ("presence", None | Some("unavailable")) => Some(format!("p{way}")),
        ("message", None | Some("chat" | "normal" | "groupchat")) => {
            let mut payloads = stanza.children().filter(|child| child.name() != "thread").peekable();
            let only_now = payloads.peek().is_some() && payloads.all(|child| OF_NOW.contains(&child.ns().as_str()));
            only_now.then(|| format!("m{way}"))
        }
        _ => None,
    }
}

impl Hub {
    /// `<active/>` and `<inactive/>`.
    pub(super) fn client_state(&mut self, slot: u32, element: &Element) -> Result<(), StreamFault> {
        match element.name() {
            "inactive" => {
                if let Some(conn) = self.conn_mut(slot) {
                    conn.inactive = true;
                }
            }
            "active" => self.wake(slot),
            _ => return Err(StreamFault::new(StreamCondition::UnsupportedStanzaType)),
        }
        Ok(())
    }

    /// Somebody looks again: all that was held is written.
    pub(super) fn wake(&mut self, slot: u32) {
        let Some(conn) = self.conn_mut(slot).filter(|conn| conn.inactive) else {
            return;
        };
        conn.inactive = false;
        if let Some(key) = conn.key {
            self.shard.more(key);
        }
        self.release(slot);
        self.flush(slot);
    }

    /// Holds the bytes of a stanza for a client that looks at nothing; false where it is to be sent, behind what was held.
    pub(super) fn holds(&mut self, slot: u32, stanza: &Element, bytes: &[u8]) -> bool {
        let Some(conn) = self.conn_mut(slot).filter(|conn| conn.inactive && !conn.closing) else {
            return false;
        };
        let held = &mut conn.rare.get_or_insert_default().held;
        // One who reads nothing is not kept more for than one who reads.
        let size = bytes.len() + held.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        let fits = held.len() < CSI_HELD && size <= CSI_HELD_BYTES;
        let Some(key) = held_as(stanza).filter(|_| fits) else {
            return false;
        };
        // The newest stands last: of two clients of one contact it is seen which spoke last.
        held.retain(|(other, _)| *other != key);
        held.push((key, bytes.to_vec()));
        true
    }

    /// What was held goes before whatever is sent now.
    pub(super) fn release(&mut self, slot: u32) {
        let rare = self.conn_mut(slot).and_then(|conn| conn.rare.as_mut());
        let Some(rare) = rare.filter(|rare| !rare.held.is_empty()) else {
            return;
        };
        let held = std::mem::take(&mut rare.held);
        held.into_iter().for_each(|(_, stanza)| self.send_bytes(slot, stanza));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stanza: &str, expected: Option<&str>) {
        let stanza: Element = stanza.replacen(' ', " xmlns='jabber:client' ", 1).parse().unwrap();
        assert_eq!(held_as(&stanza).as_deref(), expected);
    }

    #[test]
    fn what_says_how_things_are_now_may_wait_and_nothing_else() {
        check("<presence from='a@b/c'/>", Some("pa@b/c "));
        check(
            "<presence from='a@b/c' to='d@b' type='unavailable'/>",
            Some("pa@b/c d@b"),
        );
        check("<presence from='a@b' type='subscribe'/>", None);
        let state = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
        check(
            &format!("<message from='a@b/c' type='chat'>{state}</message>"),
            Some("ma@b/c "),
        );
        check(
            &format!("<message from='a@b/c' type='chat'>{state}<body>x</body></message>"),
            None,
        );
        check("<message from='a@b/c' type='chat'/>", None);
        check("<message from='a@b/c'><body>x</body></message>", None);
        check(&format!("<message from='a@b/c' type='error'>{state}</message>"), None);
        check("<iq from='a@b/c' type='get'/>", None);
    }
}
