//! Subscriptions that one's own account makes, ends and lists (XEP-0376).
//!
//! What is asked of a service is what its follower would ask himself; the answer says only that it was done, since his devices
//! have heard of it before. A service of another server is asked in the account's name. Next: `subscribe.rs`.

use super::super::answer::Question;
use super::super::{Answer, Ctx, Later};
use super::asked::{self, Asked};
use super::bad;
use super::lists::Wanted;
use super::{own, subscribe};
use crate::peer::name::domain_of;
use jid::BareJid;
use minidom::Element;
use reef_engine::config::SubscriptionState as State;
use reef_engine::log::record::{Change, Mirrored};
use reef_engine::model::{NodeName, fnv1a};
use reef_stanza::element::{Build, el};
use reef_stanza::pubsub::{Request, SubscriptionOut};
use reef_stanza::{Condition, PubsubCondition, StanzaError, ns, pam, rsm};

/// Subscribes to a node of `service`, or unsubscribes.
///
/// # Errors
/// The service's, by its name.
pub(crate) fn manage_subscription(ctx: &Ctx<'_>, service: &str, request: Request) -> Result<Answer, StanzaError> {
    let service = asked::bare(service)?;
    if !reach(ctx, &service)? {
        return elsewhere(ctx, service, request);
    }
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

/// Whether a service is one of ours; else it is at another server.
fn reach(ctx: &Ctx<'_>, service: &BareJid) -> Result<bool, StanzaError> {
    let (server, domain) = (&ctx.hub.server, service.domain().as_str());
    match (server.is_domain(domain), service.node()) {
        (true, Some(_)) => Ok(true),
        (true, None) => Err(StanzaError::new(Condition::ServiceUnavailable)),
        (false, None) if server.is_service(domain) => Ok(true),
        (false, _) if server.is_service(domain) => Err(StanzaError::new(Condition::ServiceUnavailable)),
        (false, _) => Ok(false),
    }
}

/// Asks a service at another server in the name of the account; what it answers is recorded before the account does.
fn elsewhere(ctx: &Ctx<'_>, service: BareJid, request: Request) -> Result<Answer, StanzaError> {
    let by = ctx.from.to_bare();
    let (verb, node, follows) = match &request {
        Request::Subscribe { node, jid, .. } if *jid == by.as_str() => ("subscribe", node, true),
        Request::Unsubscribe { node, jid, .. } if *jid == by.as_str() => ("unsubscribe", node, false),
        Request::Subscribe { .. } | Request::Unsubscribe { .. } => return Err(bad(PubsubCondition::InvalidJid)),
        _ => return Err(StanzaError::new(Condition::FeatureNotImplemented)),
    };
    let what = el(verb, ns::PUBSUB).set("node", node).set("jid", by.as_str());
    let mut payload = el("pubsub", ns::PUBSUB).child(what);
    if let Request::Subscribe {
        options: Some(form), ..
    } = &request
    {
        payload.append_child(el("options", ns::PUBSUB).child(form.to_element()));
    }
    let (name, from, name_of_service) = (
        NodeName::new(service.as_str(), node.as_str()),
        by.clone(),
        service.to_string(),
    );
    Ok(Answer::Later(Later::Ask(Box::new(Question {
        from: by,
        to: service,
        payload,
        then: Box::new(move |answer| {
            let answer = answer.map_err(|error| match error.condition {
                // It was never asked.
                Condition::RemoteServerNotFound | Condition::RemoteServerTimeout => error,
                _ => error.refused_by(&name_of_service),
            })?;
            let state = follows.then(|| subscription_in(answer.as_ref()));
            let change = mirrored(&name, &from, state);
            Ok(Answer::commit(domain_of(&name_of_service), change))
        }),
    }))))
}

/// The state that the reply to a subscribe names; what names none is done.
pub(crate) fn subscription_in(pubsub: Option<&Element>) -> State {
    let subscription = pubsub.and_then(|pubsub| pubsub.get_child("subscription", ns::PUBSUB));
    match subscription.and_then(|subscription| subscription.attr("subscription")) {
        Some("pending" | "unconfigured") => State::Pending,
        _ => State::Subscribed,
    }
}

/// That somebody here follows a node of another server from now on, or does not any more.
pub(crate) fn mirrored(node: &NodeName, subscriber: &BareJid, state: Option<State>) -> Change {
    Change::Mirror {
        node: node.clone(),
        said: Mirrored::Follow {
            subscriber: subscriber.as_str().into(),
            state,
            asked: true,
        },
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
