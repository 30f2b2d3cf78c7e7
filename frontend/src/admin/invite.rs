//! An operator's invitations: to make an account, of a name or any, and to become somebody's contact by it.

use super::Refused;
use super::perform::Performer;
use crate::invite::{self, Invitation};
use crate::limits::INVITE_DAYS_MAX;
use crate::tables::Invite;
use crate::uri;
use reef_engine::error::{Error, Reject};
use serde_json::{Value, json};

impl Performer {
    pub(super) fn user_invite(&self, jid: Option<&str>, contact: Option<&str>, days: u32) -> Result<Value, Refused> {
        if !invite::may_register(&self.config) {
            return Err(Refused::new(
                "who is invited may not register: set c2s.registration to \"invite\"",
            ));
        }
        if !(1..=INVITE_DAYS_MAX).contains(&days) {
            return Err(Refused::new(format!("--days is 1 to {INVITE_DAYS_MAX}")));
        }
        let account = |jid: Option<&str>| jid.map(|jid| self.account(jid)).transpose();
        let (name, by) = (account(jid)?, account(contact)?);
        let made = Invitation::new(Invite {
            contact: by.is_some(),
            by: by.map(|by| by.as_str().into()),
            name: name.map(|name| name.as_str().into()),
            registers: true,
            expires: invite::expires(self.engine.clock.now(), days),
        })?;
        let change = made.change(&self.config.domain, u32::MAX);
        let applied = self.engine.admission.submit_and_wait("", change);
        applied.map_err(|error| match error {
            Error::Rejected(Reject::Conflict) => Refused::new("there is such an account, or an invitation to it"),
            Error::Rejected(Reject::ItemNotFound) => Refused::new("who is to be the contact has no account"),
            other => other.into(),
        })?;
        let mut said = json!({ "uri": made.uri(&self.config.domain) });
        if let (Some(web), Some(said)) = (uri::web_base(&self.config), said.as_object_mut()) {
            said.insert("page".to_owned(), invite::page(&web, &made.token).into());
        }
        if let Some(said) = said.as_object_mut() {
            said.insert(
                "expires".to_owned(),
                crate::session::stamp(made.invite.expires.0).into(),
            );
        }
        Ok(said)
    }
}
