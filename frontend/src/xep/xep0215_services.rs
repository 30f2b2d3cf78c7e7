//! XEP-0215, External Service Discovery: what lies beside the server, such as TURN, and what an account logs in with there.
//!
//! Only accounts here are answered: what they are told lets them use what the operator pays for. Credentials that pass are
//! made as "A REST API For Access To TURN Services" has them, which coturn calls `use-auth-secret`: the service can check
//! them without asking. Nothing is pushed: who needs new ones asks again.

use super::{Answer, Ctx, Module, Routes, To};
use crate::config::{ExternalService, Transport};
use crate::sasl::Hash;
use crate::session::stamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jid::BareJid;
use minidom::Element;
use reef_stanza::element::{Build, attr, el};
use reef_stanza::{Condition, IqPayload, StanzaError, ns};

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0215",
    version: "1.0.0",
    title: "External Service Discovery",
    note: "those of `[[external_service]]`, with credentials that pass; no pushes",
    server: &[ns::EXTDISCO],
    account: &[],
    service: &[],
    routes,
};

/// Bytes of the hash by which a TURN server tells accounts apart: enough for that, and names nobody.
const TOLD_APART: usize = 12;

fn routes(on: &mut Routes) {
    on.get(&[To::Server], services);
    on.get(&[To::Server], credentials);
}

/// `<services/>`: all, or those of a type.
struct Services(Option<String>);

impl IqPayload for Services {
    const NAME: &'static str = "services";
    const NS: &'static str = ns::EXTDISCO;

    fn parse(el: Element) -> Result<Services, StanzaError> {
        Ok(Services(attr(&el, "type")))
    }
}

/// `<credentials/>`: those of the services of a type at a host, of one port or of all.
struct Credentials {
    kind: String,
    host: String,
    port: Option<u16>,
}

impl IqPayload for Credentials {
    const NAME: &'static str = "credentials";
    const NS: &'static str = ns::EXTDISCO;

    fn parse(el: Element) -> Result<Credentials, StanzaError> {
        let bad = |text: &'static str| StanzaError::new(Condition::BadRequest).with_text(text);
        let service = el.get_child("service", ns::EXTDISCO);
        let service = service.ok_or_else(|| bad("which service?"))?;
        let named = |name: &str| attr(service, name).ok_or_else(|| bad("a service has a host and a type"));
        Ok(Credentials {
            kind: named("type")?,
            host: named("host")?,
            port: match attr(service, "port").map(|port| port.parse()) {
                Some(Err(_)) => return Err(bad("a port is a number")),
                port => port.and_then(Result::ok),
            },
        })
    }
}

/// §3.1, §3.2.
fn services(ctx: &mut Ctx<'_>, Services(kind): Services) -> Result<Answer, StanzaError> {
    let told = told(ctx, |service| kind.as_ref().is_none_or(|kind| *kind == service.kind));
    let list = el("services", ns::EXTDISCO).set_opt("type", kind.as_deref());
    Ok(Answer::Payload(list.children_from(told)))
}

/// §3.3.
fn credentials(ctx: &mut Ctx<'_>, asked: Credentials) -> Result<Answer, StanzaError> {
    let told = told(ctx, |service| {
        let port = asked.port.is_none() || asked.port == service.port;
        service.kind == asked.kind && service.host == asked.host && port && is_restricted(service)
    });
    match told.is_empty() {
        true => Err(StanzaError::new(Condition::ItemNotFound).with_text("there are no credentials for it")),
        false => Ok(Answer::Payload(el("credentials", ns::EXTDISCO).children_from(told))),
    }
}

fn told(ctx: &Ctx<'_>, wanted: impl Fn(&ExternalService) -> bool) -> Vec<Element> {
    let server = &ctx.hub.server;
    let (now, user) = (server.engine.clock.now().0, ctx.from.to_bare());
    let services = server.config.external_service.iter();
    let wanted = services.filter(|service| wanted(service));
    wanted.map(|service| shown(service, &user, now)).collect()
}

fn is_restricted(service: &ExternalService) -> bool {
    !service.secret.is_empty() || !service.username.is_empty()
}

fn shown(service: &ExternalService, user: &BareJid, now: u64) -> Element {
    let port = service.port.map(|port| port.to_string());
    let shown = el("service", ns::EXTDISCO)
        .set("type", &service.kind)
        .set("host", &service.host)
        .set_opt("port", port.as_deref())
        .set_opt("transport", service.transport.map(Transport::as_str))
        .set_opt("name", Some(service.name.as_str()).filter(|name| !name.is_empty()));
    if !is_restricted(service) {
        return shown;
    }
    let shown = shown.set("restricted", "true");
    if service.secret.is_empty() {
        return shown
            .set("username", &service.username)
            .set("password", &service.password);
    }
    // In whole seconds, as the service counts.
    let until = now / 1000 + service.expires.as_secs();
    let (username, password) = passing(&service.secret, user, until);
    shown
        .set("username", &username)
        .set("password", &password)
        .set("expires", &stamp(until * 1000))
}

/// A name, which says until when it is good, and its password.
fn passing(secret: &str, user: &BareJid, until: u64) -> (String, String) {
    let hash = Hash::Sha1.hmac(secret.as_bytes(), user.as_str().as_bytes());
    let apart: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let username = format!("{until}:{}", apart.get(..TOLD_APART).unwrap_or_default());
    let password = STANDARD.encode(Hash::Sha1.hmac(secret.as_bytes(), username.as_bytes()));
    (username, password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> ExternalService {
        let config: crate::config::Config =
            toml::from_str("[[external_service]]\ntype = \"turn\"\nhost = \"turn.x\"\nsecret = \"logen\"").unwrap();
        config.external_service.into_iter().next().unwrap()
    }

    /// As `printf %s NAME | openssl dgst -sha1 -hmac logen -binary | base64` has it.
    #[test]
    fn what_passes_is_what_the_service_computes() {
        let user = BareJid::new("juliet@capulet.lit").unwrap();
        assert_eq!(
            passing("logen", &user, 1_700_086_400),
            (
                "1700086400:1150c27cc400".to_owned(),
                "3NQXshZWdyLhW5nLsI8QuiZfuQI=".to_owned()
            )
        );
        let told = shown(&service(), &user, 1_700_000_000_999);
        assert_eq!(told.attr("expires"), Some("2023-11-15T22:13:20Z"));
        assert!(told.attr("username").unwrap().starts_with("1700086400:"));
    }

    #[test]
    fn accounts_are_told_apart_and_not_named() {
        let name = |user: &str| passing("logen", &BareJid::new(user).unwrap(), 1).0;
        assert_ne!(name("juliet@capulet.lit"), name("romeo@capulet.lit"));
        assert!(!name("juliet@capulet.lit").contains("juliet"));
    }
}
