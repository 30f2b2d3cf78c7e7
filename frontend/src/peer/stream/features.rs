//! Stream features between servers (RFC 6120 §4.3.2): what a peer offers, and what we do (XEP-0220 §2.4, XEP-0288,
//! XEP-0198, XEP-0478).
//!
//! Must not know what becomes of them.

use minidom::Element;
use reef_stanza::ns;

/// What is offered on a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Features {
    pub(super) starttls: bool,
    /// TLS must come first.
    pub(super) tls_required: bool,
    /// SASL with the certificate of the TLS connection.
    pub(super) external: bool,
    pub(super) dialback: bool,
    pub(super) bidi: bool,
    pub(super) sm: bool,
    /// Bytes of the longest stanza that is taken.
    pub(super) max_bytes: Option<usize>,
    /// Seconds without traffic after which the stream may be closed.
    pub(super) idle_seconds: Option<u64>,
}

impl Features {
    /// Reads `<stream:features/>`.
    pub(super) fn read(features: &Element) -> Self {
        let has = |name: &str, namespace: &str| features.has_child(name, namespace);
        let mechanisms = features.get_child("mechanisms", ns::SASL);
        Self {
            starttls: has("starttls", ns::TLS),
            tls_required: features
                .get_child("starttls", ns::TLS)
                .is_some_and(|starttls| starttls.has_child("required", ns::TLS)),
            external: mechanisms.is_some_and(|all| all.children().any(|one| one.text().trim() == "EXTERNAL")),
            dialback: has("dialback", ns::DIALBACK_FEATURE),
            bidi: has("bidi", ns::BIDI_FEATURE),
            sm: has("sm", ns::SM),
            max_bytes: max_bytes(features),
            idle_seconds: None,
        }
    }

    /// Writes them.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut xml = String::from("<stream:features>");
        let mut push = |offered: bool, element: String| {
            if offered {
                xml.push_str(&element);
            }
        };
        let starttls = match self.tls_required {
            true => format!("<starttls xmlns='{}'><required/></starttls>", ns::TLS),
            false => format!("<starttls xmlns='{}'/>", ns::TLS),
        };
        push(self.starttls, starttls);
        push(
            self.external,
            format!(
                "<mechanisms xmlns='{}'><mechanism>EXTERNAL</mechanism></mechanisms>",
                ns::SASL
            ),
        );
        push(
            self.dialback,
            format!("<dialback xmlns='{}'><errors/></dialback>", ns::DIALBACK_FEATURE),
        );
        push(self.bidi, format!("<bidi xmlns='{}'/>", ns::BIDI_FEATURE));
        push(self.sm, format!("<sm xmlns='{}'/>", ns::SM));
        xml.push_str(&limits(self.max_bytes, self.idle_seconds));
        xml.push_str("</stream:features>");
        xml.into_bytes()
    }
}

/// `<limits/>` (XEP-0478 §3), if there is one to tell.
pub(super) fn limits(max_bytes: Option<usize>, idle_seconds: Option<u64>) -> String {
    let max_bytes = max_bytes.map(|bytes| format!("<max-bytes>{bytes}</max-bytes>"));
    let idle_seconds = idle_seconds.map(|seconds| format!("<idle-seconds>{seconds}</idle-seconds>"));
    match (max_bytes, idle_seconds) {
        (None, None) => String::new(),
        (bytes, idle) => format!(
            "<limits xmlns='{}'>{}{}</limits>",
            ns::STREAM_LIMITS,
            bytes.unwrap_or_default(),
            idle.unwrap_or_default()
        ),
    }
}

/// The longest stanza that is taken, in a child `<limits/>` of this.
pub(super) fn max_bytes(parent: &Element) -> Option<usize> {
    let limits = parent.get_child("limits", ns::STREAM_LIMITS)?;
    let text = limits.get_child("max-bytes", ns::STREAM_LIMITS)?.text();
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let features = Features {
            starttls: true,
            tls_required: true,
            external: true,
            dialback: true,
            bidi: true,
            sm: true,
            max_bytes: Some(10_000),
            idle_seconds: Some(600),
        };
        let xml = String::from_utf8(features.to_bytes()).unwrap();
        let xml = xml.replacen(
            '>',
            &format!(" xmlns:stream='{}' xmlns='jabber:server'>", ns::STREAM),
            1,
        );
        let read = Features::read(&xml.parse().unwrap());
        assert_eq!(
            read,
            Features {
                idle_seconds: None,
                ..features
            }
        );
        assert!(Features::read(&format!("<features xmlns='{}'/>", ns::STREAM).parse().unwrap()) == Features::default());
    }
}
