//! Subscriptions that one's own account makes, ends and lists (XEP-0376).
//!
//! What is asked of a service is what its follower would ask himself; the answer says only that it was done, since his devices
//! have heard of it before. Services of other servers are not reached yet. Next: `subscribe.rs`.

use super::super::{Answer, Ctx, Later};
use super::asked::{self, Asked};
use super::lists::Wanted;
use super::{own, subscribe};
use jid::BareJid;
use reef_engine::model::{NodeName, fnv1a};
use reef_stanza::pubsub::{Request, SubscriptionOut};
use reef_stanza::{Condition, StanzaError, pam, rsm};

/// Subscribes to a node of `service`, or unsubscribes.
///
/// # Errors
/// The service's, by its name.
pub(crate) fn manage_subscription(ctx: &Ctx<'_>, service: &str, request: Request) -> Result<Answer, StanzaError> {
    let service = asked::bare(service)?;
    reach(ctx, &service)?;
    let asked = Asked::at(ctx, &service);
    let answer = match request {
        Request::Subscribe {
            node,
            jid,
            options,
            public,
        } => subscribe::subscribe(asked, &node, &jid, options, public),
        Request::Unsubscribe { node, jid, subid: _ } => subscribe::unsubscribe(&asked, &node, &jid),
        _ => Err(StanzaError::new(Condition::FeatureNotImplemented)),
    };
    done(answer, service.to_string())
}

/// Where a service is: the one place to be extended when there are others than ours.
fn reach(ctx: &Ctx<'_>, service: &BareJid) -> Result<(), StanzaError> {
    let (server, domain) = (&ctx.hub.server, service.domain().as_str());
    match (server.is_domain(domain), service.node()) {
        (true, Some(_)) => Ok(()),
        (true, None) => Err(StanzaError::new(Condition::ServiceUnavailable)),
        (false, None) if server.is_service(domain) => Ok(()),
        (false, _) => Err(StanzaError::new(Condition::RemoteServerNotFound)),
    }
}

/// The service's answer as the account gives it (§3.2).
fn done(answer: Result<Answer, StanzaError>, by: String) -> Result<Answer, StanzaError> {
    match answer {
        Err(error) => Err(error.refused_by(&by)),
        Ok(Answer::Later(Later::Read(job))) => Ok(Answer::read(move |engine| done(job(engine), by))),
        Ok(Answer::Later(Later::Submit {
            by: asker,
            change,
            then,
        })) => Ok(Answer::submit(&asker, change, move |hub, fate| {
            done(then(hub, fate), by)
        })),
        Ok(Answer::Payload(_)) => Ok(Answer::Empty),
        other => other,
    }
}

/// All that the asker follows, wherever it is, or a page of it (§3.4).
///
/// # Errors
/// That there is no such page.
pub(crate) fn managed(by: BareJid, request: Option<rsm::Request>) -> Result<Answer, StanzaError> {
    let wanted = Wanted::of(request)?;
    Ok(Answer::read(move |engine| {
        let found = own::followed(engine, by.as_str(), &wanted, node_of, |_| true)?;
        let names: Vec<String> = found.iter().map(|(name, _)| name_of(name)).collect();
        let said = wanted.describe(names.iter().map(String::as_str));
        let listed = |(name, state): &'_ (NodeName, _)| (name.clone(), *state);
        let found: Vec<_> = found.iter().map(listed).collect();
        let out: Vec<(&str, SubscriptionOut<'_>)> = found
            .iter()
            .map(|(name, state)| {
                let out = SubscriptionOut {
                    node: &name.node,
                    jid: by.as_str(),
                    state: *state,
                    subid: None,
                };
                (&*name.service, out)
            })
            .collect();
        let ver = format!("{:016x}", fnv1a(format!("{out:?}").as_bytes()));
        Ok(Answer::Payload(pam::list(&ver, &out, said.as_ref())))
    }))
}

/// The name of a node in lists of nodes of several services: no service has a `/` in its name.
pub(super) fn name_of(node: &NodeName) -> String {
    format!("{}/{}", node.service, node.node)
}

/// The node of such a name.
pub(super) fn node_of(name: &str) -> NodeName {
    let (service, node) = name.split_once('/').unwrap_or((name, ""));
    NodeName::new(service, node)
}
