//! XEP-0030, Service Discovery: what the server, an account, a service and their nodes are, and what they have.
//!
//! Features come from the table of modules; what nodes are is told by the module of XEP-0060. An account that does not
//! exist answers as one that says nothing would (RFC 6121 §8.5.1).

use super::{Answer, Ctx, Module, Routes, Target, To, features};
use crate::config::Config;
use crate::errors;
use crate::part::{Identity, Part};
use crate::server::Server;
use crate::tables;
use jid::BareJid;
use reef_engine::Engine;
use reef_stanza::disco::ItemsQuery;
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, caps, ns, rsm};
use xmpp_parsers::disco::{self, DiscoInfoQuery, DiscoInfoResult};

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

const AUTO_CREATE: &str = "http://jabber.org/protocol/pubsub#auto-create";
const PERSISTENT_ITEMS: &str = "http://jabber.org/protocol/pubsub#persistent-items";

const EVERYWHERE: &[To] = &[To::Server, To::Account, To::Service, To::Files];

fn routes(on: &mut Routes) {
    on.get(EVERYWHERE, info);
    on.get(EVERYWHERE, items);
}

/// What the server is: also what its capabilities hash stands for (XEP-0115). Made once; what nobody may use is not said.
pub(crate) fn server_info(config: &Config) -> DiscoInfoResult {
    let mut info = about(&[("server", "im", Some("Reef"))], |module| module.server);
    if config.external_service.is_empty() {
        info.features.remove(ns::EXTDISCO);
    }
    if config.c2s.admins.is_empty() {
        info.features.remove(ns::COMMANDS);
    }
    info.extensions.extend(super::contact_form(&config.contact));
    info
}

fn identity((category, type_, name): &(&str, &str, Option<&str>)) -> disco::Identity {
    disco::Identity {
        category: (*category).to_owned(),
        type_: (*type_).to_owned(),
        lang: None,
        name: name.map(str::to_owned),
    }
}

fn about(identities: &[(&str, &str, Option<&str>)], of: fn(&Module) -> &'static [&'static str]) -> DiscoInfoResult {
    DiscoInfoResult {
        node: None,
        identities: identities.iter().map(identity).collect(),
        features: features(of).map(str::to_owned).collect(),
        extensions: Vec::new(),
    }
}

/// What another part of the server is, as it says itself, with what is answered for it.
pub(crate) fn part_info(part: &dyn Part) -> DiscoInfoResult {
    let Identity { category, kind, name } = part.identity();
    let answered = [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING];
    DiscoInfoResult {
        node: None,
        identities: vec![identity(&(category, kind, Some(name)))],
        features: answered
            .iter()
            .chain(part.features())
            .map(|feature| (*feature).to_owned())
            .collect(),
        extensions: Vec::new(),
    }
}

fn info(ctx: &mut Ctx<'_>, DiscoInfoQuery { node }: DiscoInfoQuery) -> Result<Answer, StanzaError> {
    match (&ctx.target, node) {
        (Target::Server, node) => {
            let (ours, by) = (&ctx.hub.server, ctx.from.to_bare());
            let command = node.as_deref();
            let command = command.and_then(|node| super::admin_info(&ours.config, &by, node));
            match command {
                Some(info) => Ok(Answer::Payload(info.into())),
                None => server(&ours.info, node),
            }
        }
        (Target::Service(place), None) => Ok(Answer::Payload(service(place).into())),
        (Target::Files(_), None) => files(&ctx.hub.server).map(|info| Answer::Payload(info.into())),
        (Target::Files(_), Some(_)) => Err(StanzaError::new(Condition::ItemNotFound)),
        (Target::Account(account), None) => {
            let account = account.clone();
            Ok(Answer::read(move |engine| {
                exists(engine, &account)?;
                let identities = [("account", "registered", None), ("pubsub", "pep", None)];
                Ok(Answer::Payload(about(&identities, |module| module.account).into()))
            }))
        }
        (Target::Account(place) | Target::Service(place), Some(node)) => {
            let (name, by) = (super::kept_node(place.as_str(), &node), ctx.from.to_bare());
            Ok(Answer::read(move |engine| {
                super::node_info(engine, &name, by.as_str()).map(Answer::Payload)
            }))
        }
    }
}

/// COMPAT: Libervia takes a service that says `persistent-items` for all that it has to put somewhere, whichever comes
/// first in no order at all. The one for comments has a place for nothing else, and so it does not say it.
fn service(place: &BareJid) -> DiscoInfoResult {
    let mut info = about(&[("pubsub", "service", Some("Reef"))], |module| module.service);
    if super::is_for_comments(place) {
        info.features.remove(PERSISTENT_ITEMS);
        // Nor is a node made there by who comments first.
        info.features.remove(AUTO_CREATE);
    }
    info
}

/// The service that takes files, where it does.
fn files(server: &Server) -> Result<DiscoInfoResult, StanzaError> {
    if !server.uploads.offered {
        return Err(StanzaError::new(Condition::ServiceUnavailable));
    }
    let identity = ("store", "file", Some("HTTP File Upload"));
    let mut info = about(&[identity], |_| &[]);
    let answered = [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING, ns::UPLOAD];
    info.features.extend(answered.map(str::to_owned));
    info.extensions.extend(super::upload_form(&server.config.limits));
    Ok(info)
}

/// The server has one node, that of its capabilities: `URI#hash` (XEP-0115 §6.2).
fn server(info: &DiscoInfoResult, node: Option<String>) -> Result<Answer, StanzaError> {
    match &node {
        Some(node) if node.rsplit_once('#').is_none_or(|(_, hash)| hash != caps::hash(info)) => {
            Err(StanzaError::new(Condition::ItemNotFound))
        }
        _ => Ok(Answer::Payload(DiscoInfoResult { node, ..info.clone() }.into())),
    }
}

fn items(ctx: &mut Ctx<'_>, ItemsQuery { node, rsm, types }: ItemsQuery) -> Result<Answer, StanzaError> {
    let by = ctx.from.to_bare();
    match (&ctx.target, node) {
        (Target::Server, Some(node)) if node == ns::COMMANDS => {
            let commands = super::admin_commands(&ctx.hub.server.config, &by);
            Ok(listed(Some(&node), (commands, None)))
        }
        (Target::Server | Target::Files(_), Some(_)) => Err(StanzaError::new(Condition::ItemNotFound)),
        (Target::Files(_), None) => Ok(listed(None, (Vec::new(), None))),
        (Target::Server, None) => {
            let server = &ctx.hub.server;
            // The other part is for accounts here.
            let here = server.is_domain(by.domain().as_str());
            let part = server.part.as_ref().filter(|_| here);
            let part = part.map(|part| format!("{}.{}", part.service(), server.domain));
            let components = server.s2s.components.connected();
            let services: Vec<String> = server.services().chain(part).chain(components).collect();
            Ok(listed(None, page(&services, rsm)?))
        }
        (Target::Account(place) | Target::Service(place), Some(node)) if node == ns::COMMANDS => {
            Ok(listed(Some(&node), (super::commands(place.as_str()), None)))
        }
        (Target::Account(place), None) => {
            let place = place.clone();
            Ok(Answer::read(move |engine| {
                exists(engine, &place)?;
                let nodes = super::nodes(engine, place.as_str(), by.as_str(), &types, rsm)?;
                Ok(listed(None, nodes))
            }))
        }
        (Target::Service(place), None) => {
            let place = place.clone();
            Ok(Answer::read(move |engine| {
                let nodes = super::nodes(engine, place.as_str(), by.as_str(), &types, rsm)?;
                Ok(listed(None, nodes))
            }))
        }
        (Target::Account(place) | Target::Service(place), Some(node)) => {
            let name = super::kept_node(place.as_str(), &node);
            Ok(Answer::read(move |engine| {
                let items = super::node_items(engine, &name, by.as_str(), rsm)?;
                Ok(listed(Some(&name.node), items))
            }))
        }
    }
}

/// The services, a page of them: few, and all of them known.
fn page(services: &[String], request: Option<rsm::Request>) -> Result<super::Listed, StanzaError> {
    let item = |service: &String| el("item", ns::DISCO_ITEMS).set("jid", service);
    let Some(request) = request else {
        return Ok((services.iter().map(item).collect(), None));
    };
    let at = |service: &String| {
        let at = services.iter().position(|known| known == service);
        at.ok_or_else(|| StanzaError::new(Condition::ItemNotFound))
    };
    let max = request.max.map_or(services.len(), |max| max as usize);
    let (start, end) = match (&request.before, &request.after, request.index) {
        (Some(before), ..) => {
            let end = before.as_ref().map_or(Ok(services.len()), at)?;
            (end.saturating_sub(max), end)
        }
        (None, Some(after), _) => (at(after)? + 1, services.len()),
        (None, None, index) => (index.map_or(0, |index| index as usize), services.len()),
    };
    let shown = services
        .get(start..end.min(start.saturating_add(max)))
        .unwrap_or_default();
    let said = rsm::Reply {
        first: shown.first().cloned(),
        first_index: u32::try_from(start).ok().filter(|_| !shown.is_empty()),
        last: shown.last().cloned(),
        count: u32::try_from(services.len()).ok(),
    };
    Ok((shown.iter().map(item).collect(), Some(said)))
}

fn listed(node: Option<&str>, (items, said): super::Listed) -> Answer {
    let query = el("query", ns::DISCO_ITEMS).set_opt("node", node).children_from(items);
    Answer::Payload(query.children_from(said.map(|said| said.to_element())))
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
    fn only_one_service_offers_itself_for_everything() {
        let says = |place: &str, feature: &str| service(&BareJid::new(place).unwrap()).features.contains(feature);
        for feature in [PERSISTENT_ITEMS, AUTO_CREATE] {
            assert!(says("pubsub.capulet.lit", feature));
            assert!(!says("comments.capulet.lit", feature));
        }
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
    fn services_are_listed_whole_and_by_page() {
        let services = ["a", "b", "c"].map(str::to_owned);
        let page = |max, after: Option<&str>, before: Option<Option<&str>>, index| {
            let request = rsm::Request {
                max,
                after: after.map(str::to_owned),
                before: before.map(|before| before.map(str::to_owned)),
                index,
            };
            let listed = page(&services, Some(request)).map_err(|error| error.condition);
            listed.map(|(items, said)| {
                let names = items.iter().filter_map(|item| item.attr("jid")).collect::<String>();
                (names, said.and_then(|said| said.first_index))
            })
        };
        let found = |names: &str, index| Ok((names.to_owned(), index));
        assert_eq!(
            super::page(&services, None).map(|(items, said)| (items.len(), said)),
            Ok((3, None))
        );
        assert_eq!(page(Some(2), None, None, None), found("ab", Some(0)));
        assert_eq!(page(Some(2), Some("b"), None, None), found("c", Some(2)));
        assert_eq!(page(Some(2), None, Some(None), None), found("bc", Some(1)));
        assert_eq!(page(Some(2), None, Some(Some("b")), None), found("a", Some(0)));
        assert_eq!(page(None, None, None, Some(2)), found("c", Some(2)));
        assert_eq!(page(None, None, None, Some(9)), found("", None));
        assert_eq!(page(Some(0), None, None, None), found("", None));
        assert_eq!(page(Some(1), Some("x"), None, None), Err(Condition::ItemNotFound));
    }

    #[test]
    fn the_node_of_the_servers_capabilities_is_known_and_no_other() {
        let info = server_info(&Config::default());
        let server = |node: &str| server(&info, Some(node.to_owned()));
        let ver = caps::hash(&info);
        assert!(server(&format!("https://reef.example/#{ver}")).is_ok());
        assert!(server("https://reef.example/#0").is_err());
        assert!(server("nothing").is_err());
    }
}
