//! SRV records of a domain's services (RFC 2782, RFC 6120 §3.2.1, XEP-0368), and in which order they are tried.
//!
//! Must not know addresses. What comes next: `resolve` finds those of each host.

use hickory_resolver::TokioResolver;
use hickory_resolver::lookup::Lookup;
use hickory_resolver::proto::rr::{Name, RData};

use crate::limits::PEER_SERVICES;

/// An SRV record.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) priority: u16,
    pub(super) weight: u16,
    pub(super) port: u16,
    pub(super) host: Name,
    pub(super) direct: bool,
}

/// The service's records; none where there are none.
pub(super) async fn services(
    dns: &TokioResolver,
    service: &str,
    name: &Name,
    direct: bool,
) -> Result<Vec<Service>, ()> {
    let asked = Name::from_ascii(service).and_then(|service| service.append_domain(name));
    // A name that is too long with the service before it has no such records.
    let Ok(asked) = asked else {
        return Ok(Vec::new());
    };
    let records = |lookup: &Lookup| {
        let services = lookup.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some(Service {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                host: srv.target.clone(),
                direct,
            }),
            _ => None,
        });
        services.take(PEER_SERVICES).collect()
    };
    match dns.srv_lookup(asked).await {
        Ok(lookup) => Ok(records(&lookup)),
        Err(error) if error.is_no_records_found() => Ok(Vec::new()),
        Err(error) => {
            tracing::debug!(%error, %name, "services cannot be looked up");
            Err(())
        }
    }
}

/// By priority, and within one priority drawn by weight (RFC 2782).
pub(super) fn in_order(mut services: Vec<Service>, random: impl Fn() -> u32) -> Vec<Service> {
    // Those without weight first, so that they have the chance that RFC 2782 gives them.
    services.sort_by_key(|service| (service.priority, service.weight != 0));
    let mut ordered = Vec::with_capacity(services.len());
    while let Some(first) = services.first() {
        let alike = services.iter().take_while(|s| s.priority == first.priority);
        let sum: u32 = alike.clone().map(|s| u32::from(s.weight)).sum();
        let drawn = random() % (sum + 1);
        let mut passed = 0;
        let at = alike.take_while(|s| {
            passed += u32::from(s.weight);
            passed < drawn
        });
        let at = at.count();
        ordered.push(services.remove(at));
    }
    ordered
}

/// A number by chance.
pub(super) fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without chance the order is that of the records.
    let _ = getrandom::fill(&mut bytes);
    u32::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(priority: u16, weight: u16, port: u16) -> Service {
        Service {
            priority,
            weight,
            port,
            host: Name::from_ascii("h.example.").unwrap(),
            direct: false,
        }
    }

    #[test]
    fn services_are_tried_by_priority_and_drawn_by_weight() {
        let all = vec![
            service(20, 0, 4),
            service(10, 60, 1),
            service(10, 0, 2),
            service(10, 40, 3),
        ];
        let ports = |random: u32| -> Vec<u16> {
            let ordered = in_order(all.clone(), || random);
            ordered.iter().map(|service| service.port).collect()
        };
        assert_eq!(ports(0), [2, 1, 3, 4]);
        assert_eq!(ports(60)[0], 1);
        assert_eq!(ports(61)[0], 3);
        assert_eq!(ports(u32::MAX).last(), Some(&4));
    }
}
