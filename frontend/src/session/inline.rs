//! What a client has asked for with its authentication (XEP-0388): its old session, or a new one with what that enables (XEP-0198
//! §9, XEP-0386), and then `<success/>`.
//!
//! The stream goes on as it is: nothing was written since the client's last word. Knows no mechanism. Next: `open.rs` binds,
//! `managed.rs` resumes.

use super::conn::Phase;
use super::open::Binder;
use super::{ConnRef, Hub};
use crate::errors;
use crate::stream::Inline;
use crate::xep::archive_metadata;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jid::{BareJid, FullJid};
use minidom::Element;
use reef_engine::Engine;
use reef_engine::error::StoreError;
use reef_engine::model::Seq;
use reef_engine::store::keys::{self, Family};
use reef_engine::store::rows;
use reef_stanza::element::{Build, el};
use reef_stanza::{StanzaError, StreamCondition, StreamFault, ns};
use sha2::{Digest, Sha256};

/// Bytes of what tells sessions of one tag apart.
const NAMED: usize = 12;

/// What is still to be said of a login.
#[derive(Clone)]
pub(super) struct Welcome {
    /// What the mechanism has to say.
    additional: Option<Vec<u8>>,
    /// What became of a resumption.
    failed: Option<Element>,
    /// With what it may log in the next time.
    token: Option<Element>,
    /// What is to be enabled.
    bind: Element,
    /// What the archive has, once that is read.
    archive: Option<Archive>,
}

/// What a user's archive had when it was read.
#[derive(Clone)]
struct Archive {
    /// Its ends (XEP-0313 §5).
    metadata: Element,
    /// Up to where in the log.
    upto: Seq,
    /// How many messages of his had come or gone then.
    at: u32,
}

impl Hub {
    /// Does what was asked for, and says that the login has succeeded.
    pub(super) fn inline(&mut self, conn: ConnRef, inline: Inline) -> Result<(), StreamFault> {
        let slot = conn.slot;
        let Inline {
            additional,
            agent,
            resume,
            bind,
            token,
        } = inline;
        let mut failed = None;
        if let Some(resume) = resume {
            match self.resumable(slot, &resume)? {
                Ok(older) => {
                    let success = success(additional.as_deref(), self.jid_of(older).as_deref()).children_from(token);
                    self.take_over(older, slot, &resume, Some(success));
                    return Ok(());
                }
                Err(error) => failed = Some(error),
            }
        }
        let Some(user) = self.conn(slot).map(|conn| conn.user.clone()) else {
            return Ok(());
        };
        match bind {
            Some(bind) => {
                let wanted = resource(&user, &bind, agent.as_deref(), self.server.random());
                let made = agent.is_none();
                let welcome = Welcome {
                    additional,
                    failed,
                    token,
                    bind,
                    archive: None,
                };
                self.bind_inline(slot, wanted, made, welcome);
            }
            None => {
                let success = success(additional.as_deref(), Some(user.as_str()));
                self.write_element(slot, &success.children_from(failed).children_from(token));
                let features = self.server.bound_features.clone();
                self.write_raw(slot, &features);
            }
        }
        Ok(())
    }

    fn jid_of(&self, slot: u32) -> Option<String> {
        Some(self.conn(slot)?.jid()?.to_string())
    }

    /// A session is bound: what it asked for is enabled, and it is told (XEP-0386 §3.2).
    pub(super) fn welcome(&mut self, slot: u32, welcome: Welcome, jid: &FullJid) {
        let Welcome {
            additional,
            failed,
            token,
            bind,
            archive,
        } = welcome;
        let (metadata, upto) = archive.map(|archive| (archive.metadata, archive.upto)).unzip();
        if bind.has_child("enable", ns::CARBONS) {
            self.copies(slot, true);
        }
        let managed = bind.get_child("enable", ns::SM).map(|enable| self.managing(enable));
        let (enabled, sm) = managed.unzip();
        let bound = el("bound", ns::BIND2).children_from(metadata).children_from(enabled);
        let success = success(additional.as_deref(), Some(jid.as_str()));
        self.write_element(slot, &success.children_from(failed).child(bound).children_from(token));
        let features = self.server.inline_features.clone();
        self.write_raw(slot, &features);
        // Behind what is not counted.
        if let Some(conn) = self.conn_mut(slot) {
            conn.sm = sm.map(Box::new);
            conn.inactive = bind.has_child("inactive", ns::CSI);
            if let Some(upto) = upto {
                conn.rare.get_or_insert_default().archive_upto = upto;
            }
        }
    }

    /// Reads the ends of the archive before a session is bound, which tells its client from where on it hears of everything; and
    /// again where something came while they were read. False where they are read already.
    pub(super) fn reads_archive(&mut self, slot: u32, binder: &Binder) -> bool {
        let (Binder::Inline(welcome), Some(conn)) = (binder, self.conn(slot)) else {
            return false;
        };
        let (name, conn) = (conn.user.clone(), self.conn_ref(slot));
        let at = self.users.get(&name).map_or(0, |user| user.archived);
        if welcome.archive.as_ref().is_some_and(|archive| archive.at == at) {
            return false;
        }
        let (server, shard, mut welcome) = (self.server.clone(), self.number, welcome.clone());
        let (days, refused) = (self.server.config.limits.archive_days, binder.clone());
        let read = self.server.engine.read(move |engine| {
            // What the log has first: what comes between is told twice, and not missed.
            let found = last_seq(engine).and_then(|upto| {
                let metadata = archive_metadata(engine, name.as_str(), days, engine.clock.now())?;
                Ok(Archive { metadata, upto, at })
            });
            let job = move |hub: &mut Hub| match (found, hub.alive(conn)) {
                (Ok(archive), Some(slot)) => {
                    welcome.archive = Some(archive);
                    hub.bound(slot, Binder::Inline(welcome));
                }
                (Err(error), Some(_)) => hub.refuse_bind(conn, Binder::Inline(welcome), errors::unreadable(error)),
                (_, None) => hub.forget_if_gone(&name),
            };
            server.router.answer(shard, Box::new(job));
        });
        if read.is_err() {
            self.refuse_bind(conn, refused, errors::busy());
        }
        true
    }

    /// No session can be bound: the login has not succeeded.
    pub(super) fn not_welcome(&mut self, slot: u32, error: &StanzaError) {
        let text = error.text.clone().unwrap_or_default();
        let failure = el("failure", ns::SASL2)
            .child(el("temporary-auth-failure", ns::SASL))
            .child(el("text", ns::SASL2).with_text(&text));
        self.write_element(slot, &failure);
        let fault = StreamFault::new(StreamCondition::ResourceConstraint);
        self.end(slot, Some(fault.with_text(text.into_owned())));
    }

    /// Does what a client asked for with its login: resumes, binds, or leaves it as it is.
    pub(super) fn begins_inline(&mut self, slot: u32, inline: Inline) {
        if let Some(conn) = self.conn_mut(slot) {
            conn.phase = Phase::Bind;
        }
        let conn = self.conn_ref(slot);
        if let Err(fault) = self.inline(conn, inline)
            && self.alive(conn).is_some()
        {
            self.end(slot, Some(fault));
        }
    }
}

/// The end of what this host has committed.
fn last_seq(engine: &Engine) -> Result<Seq, StoreError> {
    Ok(rows::get(engine.view(), Family::META, keys::SEQ)?.unwrap_or_default())
}

fn success(additional: Option<&[u8]>, jid: Option<&str>) -> Element {
    let additional = additional.map(|data| el("additional-data", ns::SASL2).with_text(&STANDARD.encode(data)));
    let identifier = jid.map(|jid| el("authorization-identifier", ns::SASL2).with_text(jid));
    el("success", ns::SASL2)
        .children_from(additional)
        .children_from(identifier)
}

/// The resource of a client: what it calls itself, and what is the same each time for the same client and tells nobody its id
/// (XEP-0386 §3.2.1).
fn resource(user: &BareJid, bind: &Element, agent: Option<&str>, random: u64) -> String {
    let tag = bind.get_child("tag", ns::BIND2).map(Element::text).unwrap_or_default();
    let tag = tag.trim();
    let named = match agent {
        Some(agent) => Sha256::digest(format!("{user}\0{agent}")).to_vec(),
        None => Sha256::digest(random.to_be_bytes()).to_vec(),
    };
    let named = URL_SAFE_NO_PAD.encode(named.get(..NAMED).unwrap_or_default());
    match tag {
        "" => named,
        tag => format!("{tag}/{named}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_the_same_resource_each_time_which_does_not_tell_its_id() {
        let user = BareJid::new("juliet@capulet.lit").unwrap();
        let bind: Element = "<bind xmlns='urn:xmpp:bind:0'><tag>AwesomeXMPP</tag></bind>"
            .parse()
            .unwrap();
        let first = resource(&user, &bind, Some("d4565fa7"), 1);
        assert_eq!(first, resource(&user, &bind, Some("d4565fa7"), 2));
        assert!(
            first.starts_with("AwesomeXMPP/") && !first.contains("d4565fa7"),
            "{first}"
        );
        assert_ne!(first, resource(&user, &bind, Some("d4565fa8"), 1));
        assert_ne!(resource(&user, &bind, None, 1), resource(&user, &bind, None, 2));
        let untagged = resource(&user, &el("bind", ns::BIND2), None, 1);
        assert!(!untagged.contains('/'), "{untagged}");
    }
}
