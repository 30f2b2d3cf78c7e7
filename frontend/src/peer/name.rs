//! Names of peers: by which stream a domain of ours speaks to a domain of another server.
//!
//! `b.example` is the way from the domain that is served to theirs, `b.example/pubsub` from `pubsub.<domain>`: each has its
//! own stream and its own outbox, and so has each component, by its whole domain, so that one whose names or certificates are wrong holds nothing else up. Knows no stream.

/// The way from one domain to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    /// Ours.
    pub(crate) local: String,
    /// Theirs.
    pub(crate) remote: String,
}

/// The name of the peer by which `from`, a bare JID of ours, reaches `jid`; `None` where that lives here. A `from` that is
/// nobody's is taken as one of the domain itself.
pub(crate) fn name(domain: &str, from: &str, jid: &str) -> Option<String> {
    let remote = domain_of(jid);
    if is_ours(domain, remote) {
        return None;
    }
    let local = domain_of(from);
    match service_of(domain, local).or_else(|| among(&PARTS, domain, local)) {
        Some(service) => Some(format!("{remote}/{service}")),
        None => Some(remote.to_owned()),
    }
}

/// What a name says.
pub(crate) fn way(domain: &str, name: &str) -> Way {
    match name.split_once('/') {
        // A component's, which is a domain of its own.
        Some((remote, component)) if component.contains('.') => Way {
            local: component.to_owned(),
            remote: remote.to_owned(),
        },
        Some((remote, service)) => Way {
            local: format!("{service}.{domain}"),
            remote: remote.to_owned(),
        },
        None => Way {
            local: domain.to_owned(),
            remote: name.to_owned(),
        },
    }
}

/// The domain of a JID.
pub(crate) fn domain_of(jid: &str) -> &str {
    let bare = jid.split_once('/').map_or(jid, |(bare, _)| bare);
    bare.split_once('@').map_or(bare, |(_, domain)| domain)
}

/// The services that come with a domain: nodes of communities, and of comments on posts; and what is uploaded.
pub(crate) const SERVICES: [&str; 3] = ["pubsub", "comments", UPLOAD];

/// The service that takes files, and has no nodes.
pub(crate) const UPLOAD: &str = "upload";

/// What other parts of the server are called ([`crate::part::Part`]), whether there is one or not. They are for accounts
/// here: other servers are told so, and nothing else, so that each needs its way.
pub(crate) const PARTS: [&str; 1] = ["sms"];

/// Whether a domain is the one that is served, or one of its services.
pub(crate) fn is_ours(domain: &str, other: &str) -> bool {
    other == domain || service_of(domain, other).is_some()
}

/// Which service of the domain it is, if any.
fn service_of<'s>(domain: &str, other: &'s str) -> Option<&'s str> {
    among(&SERVICES, domain, other)
}

/// Which of these a domain is, below ours.
fn among<'s>(names: &[&str], domain: &str, other: &'s str) -> Option<&'s str> {
    let (name, rest) = other.split_once('.')?;
    (rest == domain && names.contains(&name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_from_which_domain_to_which() {
        let check = |from: &str, to: &str, expected: Option<&str>| {
            assert_eq!(name("a.example", from, to).as_deref(), expected, "{from} {to}");
        };
        check("juliet@a.example", "romeo@b.example/x", Some("b.example"));
        check("pubsub.a.example", "romeo@b.example", Some("b.example/pubsub"));
        check("comments.a.example", "b.example", Some("b.example/comments"));
        check("sms.a.example", "romeo@b.example", Some("b.example/sms"));
        check("juliet@a.example", "romeo@a.example", None);
        check("juliet@a.example", "comments.a.example", None);
        check(
            "juliet@a.example",
            "romeo@conference.a.example",
            Some("conference.a.example"),
        );
        let way = way("a.example", "b.example/pubsub");
        assert_eq!((&*way.local, &*way.remote), ("pubsub.a.example", "b.example"));
    }
}
