//! Where a post is found: its address on the web and in XMPP.
//!
//! Knows names, and neither nodes nor sockets. Used by whoever links to posts: `xep/`, `http/pages/`, `admin/`.

use crate::config::Config;
use reef_stanza::ns;

/// What web addresses begin with, without a slash at the end: `http.public_url`, else the first listener, where others
/// than this machine reach it under the domain's name. `None` where nobody would.
pub(crate) fn web_base(config: &Config) -> Option<String> {
    let given = config.http.public_url.trim_end_matches('/');
    if !given.is_empty() {
        return Some(given.to_owned());
    }
    let listener = config.http.listen.first().filter(|address| address.port() != 0)?;
    let reached = !listener.ip().is_loopback() || config.domain == "localhost";
    reached.then(|| format!("http://{}:{}", config.domain, listener.port()))
}

/// The address of an account's page; `base` may be empty, for links within the site.
pub(crate) fn page_url(base: &str, account: &str) -> String {
    let name = account.split('@').next().unwrap_or_default();
    format!("{base}/u/{}", encode(name))
}

/// The address of the page of one post.
pub(crate) fn post_url(base: &str, account: &str, item: &str) -> String {
    // This one is the feed's.
    let item = match item {
        "atom" => "%61tom".to_owned(),
        other => encode(other),
    };
    format!("{}/{item}", page_url(base, account))
}

/// A bare JID as a URI (RFC 5122 §2).
pub(crate) fn xmpp_uri(jid: &str) -> String {
    let parts: Vec<String> = jid.splitn(2, '@').map(encode).collect();
    format!("xmpp:{}", parts.join("@"))
}

/// An account's microblog as a URI (XEP-0277 §2.1).
pub(crate) fn blog_uri(account: &str) -> String {
    format!("{}?;node={}", xmpp_uri(account), encode(ns::MICROBLOG))
}

/// An item of any node as a URI (XEP-0060 §12.22).
pub(crate) fn item_uri(service: &str, node: &str, item: &str) -> String {
    format!("{}?;node={};item={}", xmpp_uri(service), encode(node), encode(item))
}

/// One post there.
pub(crate) fn post_uri(account: &str, item: &str) -> String {
    format!("{};item={}", blog_uri(account), encode(item))
}

/// Percent-encodes all that is not unreserved (RFC 3986 §2.3).
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn base(sets: &[&str], expected: Option<&str>) {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let config = Config::load(None, &sets, std::iter::empty()).unwrap();
        assert_eq!(web_base(&config).as_deref(), expected, "{sets:?}");
    }

    #[test]
    fn the_web_address_is_what_the_operator_says_or_what_others_reach() {
        base(&[], Some("http://localhost:5280"));
        base(&["domain=capulet.lit"], None);
        base(
            &["domain=capulet.lit", "http.listen=[\"0.0.0.0:8080\"]"],
            Some("http://capulet.lit:8080"),
        );
        base(
            &["domain=capulet.lit", "http.public_url=https://capulet.lit/social/"],
            Some("https://capulet.lit/social"),
        );
        base(&["http.listen=[]"], None);
        base(&["http.listen=[\"127.0.0.1:0\"]"], None);
    }

    #[test]
    fn every_item_has_its_address_whatever_its_name() {
        let url = |item| post_url("https://a.lit", "juliet@capulet.lit", item);
        assert_eq!(url("a/b%c d"), "https://a.lit/u/juliet/a%2Fb%25c%20d");
        assert_eq!(url("ä"), "https://a.lit/u/juliet/%C3%A4");
        assert_eq!(url("atom"), "https://a.lit/u/juliet/%61tom");
        assert_eq!(page_url("", "a&b@capulet.lit"), "/u/a%26b");
        assert_eq!(
            post_uri("juliet@capulet.lit", "a/b"),
            "xmpp:juliet@capulet.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=a%2Fb"
        );
    }
}
