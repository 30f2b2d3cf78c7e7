//! Invitations on their way to who is invited: made, and said as addresses (XEP-0379 §3, XEP-0401 §5, XEP-0445 §3).
//!
//! Knows neither commands nor pages, which say the same: `xep/xep0401_invites.rs`, `admin/invite.rs`, `http/pages/invite.rs`.

use crate::config::{Config, Registration};
use crate::tables::{Invite, Op};
use crate::uri;
use reef_engine::clock::random;
use reef_engine::error::Error;
use reef_engine::log::record::Change;
use reef_engine::model::Timestamp;
use std::sync::Arc;

/// An invitation with its token.
#[derive(Clone, Debug)]
pub(crate) struct Invitation {
    /// 120 random bits, in characters that need no escaping.
    pub(crate) token: Arc<str>,
    /// What it is for.
    pub(crate) invite: Invite,
}

impl Invitation {
    /// A new one, for so many days.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(crate) fn new(invite: Invite) -> Result<Invitation, Error> {
        const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let bytes = random::<24>()?;
        let digit = |byte: &u8| DIGITS.get(usize::from(byte % 32)).copied().map_or('A', char::from);
        let token: String = bytes.iter().map(digit).collect();
        Ok(Invitation {
            token: token.into(),
            invite,
        })
    }

    /// What makes it.
    pub(crate) fn change(&self, domain: &str, most: u32) -> Change {
        let op = Op::MakeInvite {
            token: self.token.clone(),
            invite: self.invite.clone(),
            most,
        };
        Change::Table {
            owner: self.invite.by.clone().unwrap_or_else(|| domain.into()),
            op: op.encode(),
        }
    }

    /// What a client opens.
    pub(crate) fn uri(&self, domain: &str) -> String {
        uri(domain, &self.token, &self.invite)
    }
}

/// What a client opens: a contact, who may bring an account; an account of a name, or any.
pub(crate) fn uri(domain: &str, token: &str, invite: &Invite) -> String {
    match (&invite.by, &invite.name) {
        (Some(by), None) if invite.contact => {
            let ibr = if invite.registers { ";ibr=y" } else { "" };
            format!("{}?roster;preauth={token}{ibr}", uri::xmpp_uri(by))
        }
        (_, Some(name)) => format!("{}?register;preauth={token}", uri::xmpp_uri(name)),
        (_, None) => format!("{}?register;preauth={token}", uri::xmpp_uri(domain)),
    }
}

/// Where a browser is told of it.
pub(crate) fn page(web: &str, token: &str) -> String {
    format!("{web}/invite/{token}")
}

/// Whether who is invited may make an account here.
pub(crate) fn may_register(config: &Config) -> bool {
    config.c2s.registration != Registration::Closed
}

/// When one is over that is made now.
pub(crate) fn expires(now: Timestamp, days: u32) -> Timestamp {
    Timestamp(now.0 + u64::from(days) * 86_400_000)
}
