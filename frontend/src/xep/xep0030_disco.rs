//! XEP-0030, Service Discovery: what the server, an account, a service and their nodes are, and what they have.
//!
//! Features come from the table of modules; what nodes are is told by the module of XEP-0060. An account that does not
//! exist answers as one that says nothing would (RFC 6121 §8.5.1).

use super::{Answer, Ctx, Module, Routes, Target, To, features};
use crate::errors;
use crate::tables;
use jid::BareJid;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::model::NodeName;
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, caps, ns};
use xmpp_parsers::disco::{DiscoInfoQuery, DiscoInfoResult, DiscoItemsQuery, Identity};

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0030",
    version: "2.5.0",
    title: "Service Discovery",
    note: "server, accounts, services, nodes",
    server: FEATURES,
    account: FEATURES,
    service: FEATURES,
    routes,
};

const FEATURES: &[&str] = &[ns::DISCO_INFO, ns::DISCO_ITEMS];

const EVERYWHERE: &[To] = &[To::Server, To::Account, To::Service];

fn routes(on: &mut Routes) {
    on.get(EVERYWHERE, info);
    on.get(EVERYWHERE, items);
}

/// What the server is: also what its capabilities hash stands for (XEP-0115).
pub(crate) fn server_info() -> DiscoInfoResult {
    about(&[("server", "im", Some("Reef"))], |module| module.server)
}

fn about(identities: &[(&str, &str, Option<&str>)], of: fn(&Module) -> &'static [&'static str]) -> DiscoInfoResult {
    let identity = |(category, type_, name): &(&str, &str, Option<&str>)| Identity {
        category: (*category).to_owned(),
        type_: (*type_).to_owned(),
        lang: None,
        name: name.map(str::to_owned),
    };
    DiscoInfoResult {
        node: None,
        identities: identities.iter().map(identity).collect(),
        features: features(of).map(str::to_owned).collect(),
        extensions: Vec::new(),
    }
}

fn info(ctx: &mut Ctx<'_>, DiscoInfoQuery { node }: DiscoInfoQuery) -> Result<Answer, StanzaError> {
    match (&ctx.target, node) {
        (Target::Server, node) => server(node),
        (Target::Service(_), None) => {
            let identity = ("pubsub", "service", Some("Reef"));
            Ok(Answer::Payload(about(&[identity], |module| module.service).into()))
        }
        (Target::Account(account), None) => {
            let account = account.clone();
            Ok(Answer::read(move |engine| {
                exists(engine, &account)?;
                let identities = [("account", "registered", None), ("pubsub", "pep", None)];
                Ok(Answer::Payload(about(&identities, |module| module.account).into()))
            }))
        }
        (Target::Account(place) | Target::Service(place), Some(node)) => {
            let (name, by) = (NodeName::new(place.as_str(), node), ctx.from.to_bare());
            Ok(Answer::read(move |engine| {
                super::node_info(engine, &name, by.as_str()).map(Answer::Payload)
            }))
        }
    }
}

/// The server has one node, that of its capabilities: `URI#hash` (XEP-0115 §6.2).
fn server(node: Option<String>) -> Result<Answer, StanzaError> {
    let info = server_info();
    match &node {
        Some(node) if node.rsplit_once('#').is_none_or(|(_, hash)| hash != caps::hash(&info)) => {
            Err(StanzaError::new(Condition::ItemNotFound))
        }
        _ => Ok(Answer::Payload(DiscoInfoResult { node, ..info }.into())),
    }
}

fn items(ctx: &mut Ctx<'_>, DiscoItemsQuery { node, rsm: _ }: DiscoItemsQuery) -> Result<Answer, StanzaError> {
    let by = ctx.from.to_bare();
    match (&ctx.target, node) {
        (Target::Server, Some(_)) => Err(StanzaError::new(Condition::ItemNotFound)),
        (Target::Server, None) => {
            let services = ctx.hub.server.services();
            let items = services
                .map(|service| el("item", ns::DISCO_ITEMS).set("jid", &service))
                .collect();
            Ok(listed(None, items))
        }
        (Target::Account(place) | Target::Service(place), Some(node)) if node == ns::COMMANDS => {
            Ok(listed(Some(&node), super::commands(place.as_str())))
        }
        (Target::Account(place), None) => {
            let place = place.clone();
            Ok(Answer::read(move |engine| {
                exists(engine, &place)?;
                Ok(listed(None, super::nodes(engine, place.as_str(), by.as_str())?))
            }))
        }
        (Target::Service(place), None) => {
            let place = place.clone();
            Ok(Answer::read(move |engine| {
                Ok(listed(None, super::nodes(engine, place.as_str(), by.as_str())?))
            }))
        }
        (Target::Account(place) | Target::Service(place), Some(node)) => {
            let name = NodeName::new(place.as_str(), node);
            Ok(Answer::read(move |engine| {
                let items = super::node_items(engine, &name, by.as_str())?;
                Ok(listed(Some(&name.node), items))
            }))
        }
    }
}

fn listed(node: Option<&str>, items: Vec<Element>) -> Answer {
    Answer::Payload(el("query", ns::DISCO_ITEMS).set_opt("node", node).children_from(items))
}

fn exists(engine: &Engine, account: &BareJid) -> Result<(), StanzaError> {
    match tables::account(engine.view(), account.as_str()).map_err(errors::unreadable)? {
        Some(_) => Ok(()),
        None => Err(StanzaError::new(Condition::ServiceUnavailable)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(of: fn(&Module) -> &'static [&'static str], wanted: &[&str]) {
        let info = about(&[], of);
        let missing: Vec<_> = wanted
            .iter()
            .filter(|feature| !info.features.contains(**feature))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn an_account_says_what_social_clients_look_for() {
        check(
            |module| module.account,
            &[
                "http://jabber.org/protocol/pubsub#persistent-items",
                "http://jabber.org/protocol/pubsub#multi-items",
                "http://jabber.org/protocol/pubsub#publish",
                "http://jabber.org/protocol/pubsub#rsm",
                "http://jabber.org/protocol/rsm",
                "http://jabber.org/protocol/pubsub#filtered-notifications",
            ],
        );
    }

    #[test]
    fn social_feeds_are_said_where_they_are() {
        let feeds = ["urn:xmpp:pubsub-social-feed:1", "urn:xmpp:pubsub-social-feed:gallery:1"];
        check(|module| module.service, &feeds);
        check(|module| module.account, &feeds);
        let own = ["urn:xmpp:microblog:0", "urn:xmpp:pubsub-social-feed:stories:0"];
        check(|module| module.account, &own);
    }

    #[test]
    fn the_server_says_that_it_registers_and_a_service_does_not() {
        check(|module| module.server, &[ns::REGISTER, ns::DISCO_INFO, ns::PING]);
        assert!(!about(&[], |module| module.service).features.contains(ns::REGISTER));
    }

    #[test]
    fn the_node_of_the_servers_capabilities_is_known_and_no_other() {
        let ver = caps::hash(&server_info());
        assert!(server(Some(format!("https://reef.example/#{ver}"))).is_ok());
        assert!(server(Some("https://reef.example/#0".into())).is_err());
        assert!(server(Some("nothing".into())).is_err());
    }
}
