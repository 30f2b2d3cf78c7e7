//! The stream features before authentication (RFC 6120 §4.3.2, §5.3.1, §6.3.3; XEP-0440, XEP-0077 §8).
//!
//! It must not know what becomes of them. What comes next: the client picks one.

use reef_stanza::ns;

use super::{Host, Negotiation};
use crate::sasl::{ChannelBinding, Mechanism, Offer, offered};

/// `<limits/>`: how large a stanza may be (XEP-0478 §3).
pub(crate) fn limits_feature(stanza_bytes: usize) -> String {
    format!(
        "<limits xmlns='{}'><max-bytes>{stanza_bytes}</max-bytes></limits>",
        ns::STREAM_LIMITS
    )
}

impl<H: Host> Negotiation<'_, H> {
    /// What this stream may do next. Mechanisms are shown only where passwords may pass.
    pub(super) fn features(&self) -> Vec<u8> {
        let mut xml = String::from("<stream:features>");
        if !self.connection.is_tls() && !self.connection.is_relayed() {
            let required = if self.context.require_tls { "<required/>" } else { "" };
            xml.push_str(&format!("<starttls xmlns='{}'>{required}</starttls>", ns::TLS));
        }
        xml.push_str(&limits_feature(self.context.budget.stanza_bytes));
        let mut extra: &[u8] = &[];
        if self.may_authenticate() {
            self.push_sasl2(&mut xml);
            self.push_mechanisms(&mut xml);
            if self.context.registration_invited {
                xml.push_str(&format!("<register xmlns='{}'/>", ns::IBR_TOKEN));
                xml.push_str(&format!("<register xmlns='{}'/>", ns::REGISTER_FEATURE));
            }
            extra = &self.context.features_extra;
        }
        let mut bytes = xml.into_bytes();
        bytes.extend_from_slice(extra);
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

    /// What the client is shown, as it is hashed.
    pub(super) fn offered(&self) -> String {
        let mechanisms = self.offer().mechanisms().map(Mechanism::name);
        offered(mechanisms, self.bindings.types().map(ChannelBinding::name))
    }

    /// XEP-0388 §2.2, with what may be asked for inline: resumption (XEP-0198 §9), and bind with what a session enables (XEP-0386).
    fn push_sasl2(&self, xml: &mut String) {
        xml.push_str(&format!("<authentication xmlns='{}'>", ns::SASL2));
        for mechanism in self.offer().mechanisms() {
            xml.push_str(&format!("<mechanism>{}</mechanism>", mechanism.name()));
        }
        xml.push_str(&format!(
            "<inline><sm xmlns='{}'/><bind xmlns='{}'><inline>",
            ns::SM,
            ns::BIND2
        ));
        for feature in [ns::CARBONS, ns::CSI, ns::SM] {
            xml.push_str(&format!("<feature var='{feature}'/>"));
        }
        xml.push_str("</inline></bind>");
        self.push_fast(xml);
        xml.push_str("</inline></authentication>");
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
