//! Who asks over HTTP, and whether that way is protected: with proxies that are trusted, and without.
//!
//! Knows headers and addresses, and no stream.

use super::super::Peer;
use axum::http::HeaderMap;
use std::net::{IpAddr, SocketAddr};

/// The networks whose headers are believed.
pub(super) struct Proxies(Vec<(IpAddr, u32)>);

impl Proxies {
    /// From `http.trusted_proxies`, which the configuration has checked.
    pub(super) fn new(networks: &[String]) -> Proxies {
        Proxies(networks.iter().filter_map(|network| parsed(network)).collect())
    }

    /// The client's address: the last that no trusted proxy has.
    pub(super) fn client(&self, peer: &Peer, headers: &HeaderMap) -> SocketAddr {
        let mut address = peer.address;
        let lists = headers.get_all("x-forwarded-for").iter().rev();
        let said = lists
            .filter_map(|list| list.to_str().ok())
            .flat_map(|list| list.rsplit(','));
        for said in said {
            if !self.trusts(address.ip()) {
                break;
            }
            match said.trim().parse() {
                Ok(ip) => address = SocketAddr::new(ip, 0),
                Err(_) => break,
            }
        }
        address
    }

    /// Whether nobody on the way reads along: TLS to here, to a proxy that is trusted, or no way at all. A proxy on this
    /// machine that says that it was asked without TLS is believed in any case.
    pub(super) fn protected(&self, peer: &Peer, headers: &HeaderMap) -> bool {
        let proto = headers.get("x-forwarded-proto").map(|proto| proto.as_bytes());
        let says_tls = proto.is_some_and(|proto| matches!(proto, b"https" | b"wss"));
        let ip = peer.address.ip().to_canonical();
        peer.secure
            || if ip.is_loopback() {
                proto.is_none() || says_tls
            } else {
                self.trusts(ip) && says_tls
            }
    }

    fn trusts(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|(network, prefix)| within(ip, *network, *prefix))
    }
}

/// `10.0.0.0/8`, or one address.
fn parsed(network: &str) -> Option<(IpAddr, u32)> {
    let (address, prefix) = network.split_once('/').map_or((network, None), |(a, p)| (a, Some(p)));
    let address: IpAddr = address.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    Some((address, prefix.map_or(Some(whole), |prefix| prefix.parse().ok())?))
}

fn within(ip: IpAddr, network: IpAddr, prefix: u32) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - prefix.min(32)).unwrap_or(0);
            ip.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - prefix.min(128)).unwrap_or(0);
            ip.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::bounded::Patience;

    fn peer(address: &str) -> Peer {
        Peer {
            address: SocketAddr::new(address.parse().expect("an address"), 4_000),
            secure: false,
            patience: Patience::for_tests(),
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
            .collect()
    }

    #[test]
    fn only_a_trusted_proxy_names_the_client() {
        let proxies = Proxies::new(&["10.0.0.0/8".to_owned(), "::1".to_owned()]);
        let named = headers(&[("x-forwarded-for", "192.0.2.9, 198.51.100.7, 10.1.1.1")]);
        let client = |from: &str| proxies.client(&peer(from), &named).ip().to_string();
        assert_eq!(client("10.2.3.4"), "198.51.100.7");
        assert_eq!(client("::1"), "198.51.100.7");
        assert_eq!(client("203.0.113.5"), "203.0.113.5");
    }

    #[test]
    fn a_way_is_protected_by_tls_or_by_being_none() {
        let proxies = Proxies::new(&["10.0.0.0/8".to_owned()]);
        let (none, https, http) = (
            headers(&[]),
            headers(&[("x-forwarded-proto", "https")]),
            headers(&[("x-forwarded-proto", "http")]),
        );
        let cases = [
            ("127.0.0.1", &none, true),
            ("127.0.0.1", &https, true),
            ("127.0.0.1", &http, false),
            ("10.0.0.1", &none, false),
            ("10.0.0.1", &https, true),
            ("203.0.113.5", &https, false),
        ];
        for (from, headers, expected) in cases {
            assert_eq!(proxies.protected(&peer(from), headers), expected, "{from} {headers:?}");
        }
    }
}
