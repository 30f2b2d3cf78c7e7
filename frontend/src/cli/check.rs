//! `reef check-config`: what other servers would stumble over, said beforehand, and what is to be done.
//!
//! Warnings alone: a server may be checked before its names are there. Knows no resolver. Next: `peer/stream/reach.rs`.

use super::{Exit, print, serve};
use crate::config::Config;
use crate::peer::{Missing, missing, name};
use std::net::IpAddr;

/// Prints one line for each thing.
///
/// # Errors
/// The system has no threads to give.
pub(super) fn check(config: &Config) -> Result<(), Exit> {
    if config.s2s.listen.is_empty() && config.s2s.listen_tls.is_empty() {
        return Ok(());
    }
    let mut lines = Vec::new();
    if !has_services(&config.domain) {
        lines.push(format!(
            "{} has no names below it: its services (pubsub, comments) are for its own users alone",
            config.domain
        ));
    }
    if config.domain != "localhost" {
        lines.extend(serve::runtime()?.block_on(warnings(config, &domains(&config.domain))));
    }
    lines.iter().for_each(|line| print::line(&format!("warning: {line}")));
    Ok(())
}

async fn warnings(config: &Config, domains: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    if config.tls.cert.as_os_str().is_empty() {
        lines.push("tls.cert is not set: no other server trusts the certificate that is made here".to_owned());
    }
    match missing(config, domains).await {
        Ok(found) => lines.extend(found.iter().map(|(domain, missing)| said(domain, missing))),
        Err(why) => lines.push(why),
    }
    lines
}

fn said(domain: &str, missing: &Missing) -> String {
    match missing {
        Missing::Certificate => {
            format!("tls.cert does not name {domain}: other servers will not trust it; have that name added")
        }
        Missing::Address(why) => format!(
            "{domain} cannot be found by other servers ({why}): add an address, or an SRV record _xmpp-server._tcp.{domain}"
        ),
    }
}

/// The domain, and its services where they have names. Files are uploaded by accounts here alone.
fn domains(domain: &str) -> Vec<String> {
    let services = name::SERVICES.iter().filter(|name| **name != name::UPLOAD);
    let services = services.filter(|_| has_services(domain));
    let services = services.map(|service| format!("{service}.{domain}"));
    std::iter::once(domain.to_owned()).chain(services).collect()
}

/// Whether there can be names below it.
fn has_services(domain: &str) -> bool {
    let literal = domain.trim_start_matches('[').trim_end_matches(']');
    domain != "localhost" && literal.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_what_is_to_be_done() {
        assert!(has_services("a.example") && !has_services("localhost"));
        assert!(!has_services("127.0.0.5") && !has_services("[::1]"));
        assert_eq!(
            domains("a.example"),
            ["a.example", "pubsub.a.example", "comments.a.example"]
        );
        assert_eq!(domains("127.0.0.5"), ["127.0.0.5"]);
        let line = said("pubsub.a.example", &Missing::Address("not found".to_owned()));
        assert!(line.contains("_xmpp-server._tcp.pubsub.a.example"), "{line}");
        assert!(said("pubsub.a.example", &Missing::Certificate).contains("tls.cert"));
    }
}
