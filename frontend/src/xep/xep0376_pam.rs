//! XEP-0376, Pubsub Account Management: subscribing through one's own account, which knows all that one follows.
//!
//! Devices that advertise it are told of each change (`session/devices.rs`), and ask for the list when they come. Subscriptions
//! that were made without it are in the list all the same.

use super::{Ctx, Module, Routes, Target, To, manage_subscription, managed};
use reef_stanza::pam::{Pam, Subscriptions};
use reef_stanza::{Condition, StanzaError, ns};

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0376",
    version: "0.2",
    title: "Pubsub Account Management",
    note: "services and accounts of this server; every list is whole, or a page",
    server: &[],
    account: &[ns::PAM],
    service: &[],
    routes,
};

fn routes(on: &mut Routes) {
    // COMPAT: Libervia 0.9 asks the domain to subscribe, and its account for the list.
    on.set::<Pam>(&[To::Account, To::Server], |ctx, Pam { service, request }| {
        own(ctx)?;
        manage_subscription(ctx, &service, request)
    });
    on.get::<Subscriptions>(&[To::Account], |ctx, Subscriptions(page)| {
        own(ctx)?;
        managed(ctx.from.to_bare(), page)
    });
}

fn own(ctx: &Ctx<'_>) -> Result<(), StanzaError> {
    match ctx.is_own() || ctx.target == Target::Server {
        true => Ok(()),
        false => Err(StanzaError::new(Condition::Forbidden)),
    }
}
