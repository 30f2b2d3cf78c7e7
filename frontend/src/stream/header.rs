//! The two stream headers (RFC 6120 §4.7): the client's is judged, ours answers it in any case.
//!
//! It must not know what comes on the stream. What comes next: the features.

use jid::Jid;
use reef_stanza::{Frame, StreamCondition, StreamFault, StreamHeader};

use super::{End, Host, Negotiation, stream_id};

impl<H: Host> Negotiation<'_, H> {
    /// Reads the client's header and answers with ours, then judges. Gives the stream's language.
    pub(super) async fn exchange_headers(&mut self) -> Result<Option<String>, End> {
        let header = match self.connection.frame().await? {
            Frame::Header(header) => header,
            Frame::End => return Err(End::Stream),
            Frame::Element(_) | Frame::Whitespace => return Err(StreamFault::new(StreamCondition::BadFormat).into()),
        };
        let id = stream_id()?;
        let client = header
            .from
            .as_deref()
            .and_then(|from| Jid::new(from).ok())
            .map(|from| from.to_bare().to_string());
        self.connection
            .begin(self.context.domain.as_str(), client.as_deref(), &id);
        judge(&header, self.context.domain.as_str())?;
        Ok(header.lang)
    }
}

/// Whether we serve such a stream: the domain is ours, or not named (§4.7.2, §4.9.3.6); the version is 1.0 or a later
/// one, which has to understand ours (§4.7.5). Namespaces were judged by the reader.
fn judge(header: &StreamHeader, domain: &str) -> Result<(), StreamFault> {
    if header.version.is_none_or(|(major, _)| major < 1) {
        return Err(StreamFault::new(StreamCondition::UnsupportedVersion));
    }
    let Some(to) = &header.to else {
        return Ok(());
    };
    match Jid::new(to) {
        Err(_) => Err(StreamFault::new(StreamCondition::ImproperAddressing)),
        Ok(to) if to.as_str() == domain => Ok(()),
        Ok(_) => Err(StreamFault::new(StreamCondition::HostUnknown)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_domain_and_version_are_served() {
        let check = |to: Option<&str>, version, expected: Option<StreamCondition>| {
            let header = StreamHeader {
                to: to.map(str::to_owned),
                version,
                ..StreamHeader::default()
            };
            assert_eq!(
                judge(&header, "capulet.example").err().map(|fault| fault.condition),
                expected,
                "{header:?}"
            );
        };
        check(Some("capulet.example"), Some((1, 0)), None);
        check(Some("Capulet.Example"), Some((1, 7)), None);
        check(None, Some((2, 0)), None);
        check(
            Some("montague.example"),
            Some((1, 0)),
            Some(StreamCondition::HostUnknown),
        );
        check(
            Some("juliet@capulet.example"),
            Some((1, 0)),
            Some(StreamCondition::HostUnknown),
        );
        check(Some("a b"), Some((1, 0)), Some(StreamCondition::ImproperAddressing));
        check(Some("capulet.example"), None, Some(StreamCondition::UnsupportedVersion));
        check(
            Some("capulet.example"),
            Some((0, 9)),
            Some(StreamCondition::UnsupportedVersion),
        );
    }
}
