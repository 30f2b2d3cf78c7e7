//! The stream features before authentication (RFC 6120 §4.3.2, §5.3.1, §6.3.3; XEP-0440, XEP-0077 §8).
//!
//! It must not know what becomes of them. What comes next: the client picks one.

use reef_stanza::ns;

use super::{Host, Negotiation};
use crate::sasl::Offer;

/// `<limits/>`: how large a stanza may be (XEP-0478 §3).
pub(crate) fn limits_feature(stanza_bytes: usize) -> Vec<u8> {
    format!(
        "<limits xmlns='{}'><max-bytes>{stanza_bytes}</max-bytes></limits>",
        ns::STREAM_LIMITS
    )
    .into_bytes()
}

impl<H: Host> Negotiation<'_, H> {
    /// What this stream may do next. Mechanisms are shown only where passwords may pass.
    pub(super) fn features(&self) -> Vec<u8> {
        let mut xml = String::from("<stream:features>");
        if !self.connection.is_tls() {
            let required = if self.context.require_tls { "<required/>" } else { "" };
            xml.push_str(&format!("<starttls xmlns='{}'>{required}</starttls>", ns::TLS));
        }
        let mut extra: &[u8] = &[];
        if self.may_authenticate() {
            self.push_mechanisms(&mut xml);
            if self.context.registration_open {
                xml.push_str(&format!("<register xmlns='{}'/>", ns::REGISTER_FEATURE));
            }
            extra = &self.context.features_extra;
        }
        let mut bytes = xml.into_bytes();
        bytes.extend_from_slice(extra);
        bytes.extend_from_slice(&limits_feature(self.context.budget.stanza_bytes));
        bytes.extend_from_slice(b"</stream:features>");
        bytes
    }

    /// The mechanisms of this stream.
    pub(super) fn offer(&self) -> Offer {
        Offer {
            plus: !self.bindings.is_empty(),
            plain: self.may_authenticate(),
        }
    }

    fn push_mechanisms(&self, xml: &mut String) {
        xml.push_str(&format!("<mechanisms xmlns='{}'>", ns::SASL));
        for mechanism in self.offer().mechanisms() {
            xml.push_str(&format!("<mechanism>{}</mechanism>", mechanism.name()));
        }
        xml.push_str("</mechanisms>");
        if !self.bindings.is_empty() {
            xml.push_str(&format!("<sasl-channel-binding xmlns='{}'>", ns::SASL_CB));
            for binding in self.bindings.types() {
                xml.push_str(&format!("<channel-binding type='{}'/>", binding.name()));
            }
            xml.push_str("</sasl-channel-binding>");
        }
    }
}
