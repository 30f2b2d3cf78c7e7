//! Stream errors (RFC 6120 §4.9): the reason for which a stream is closed, and its bytes on the wire. Stanza errors are
//! in `stanza_error.rs`. Must not know who closes the stream; next: the caller writes `to_bytes` and closes.

use std::borrow::Cow;
use std::fmt;

use crate::ns;
use crate::write::{escape_attr, escape_text};

/// Why a stream cannot go on: a condition of RFC 6120 §4.9.3 and, for people, a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct StreamFault {
    /// The defined condition.
    pub condition: StreamCondition,
    /// Shown to people only. For `see-other-host` it is the address that the element contains (RFC 6120 §4.9.3.19).
    pub text: Option<Cow<'static, str>>,
}

impl StreamFault {
    /// A fault without text.
    pub fn new(condition: StreamCondition) -> Self {
        StreamFault { condition, text: None }
    }

    /// The same fault with a text.
    pub fn with_text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// `<stream:error>…</stream:error></stream:stream>`: the error and the end of our stream (RFC 6120 §4.9.1.1). Our
    /// own header, with the `stream` prefix declared, must have been written before (§4.9.1.2).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(192);
        let name = self.condition.as_str();
        out.extend_from_slice(b"<stream:error><");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b" xmlns='");
        escape_attr(ns::STREAMS, &mut out);
        match (&self.text, self.condition) {
            (Some(host), StreamCondition::SeeOtherHost) => {
                out.extend_from_slice(b"'>");
                escape_text(host, &mut out);
                out.extend_from_slice(b"</see-other-host>");
            }
            (Some(text), _) => {
                out.extend_from_slice(b"'/><text xmlns='");
                escape_attr(ns::STREAMS, &mut out);
                out.extend_from_slice(b"' xml:lang='en'>");
                escape_text(text, &mut out);
                out.extend_from_slice(b"</text>");
            }
            (None, _) => out.extend_from_slice(b"'/>"),
        }
        out.extend_from_slice(b"</stream:error></stream:stream>");
        out
    }
}

impl fmt::Display for StreamFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "{}: {text}", self.condition),
            None => write!(f, "{}", self.condition),
        }
    }
}

impl From<StreamCondition> for StreamFault {
    fn from(condition: StreamCondition) -> Self {
        StreamFault::new(condition)
    }
}

/// Writes the enum and its names together, so that neither can forget the other.
macro_rules! conditions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The defined conditions of a stream error (RFC 6120 §4.9.3).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum StreamCondition { $($(#[$doc])* $variant,)* }

        impl StreamCondition {
            /// The element's name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(StreamCondition::$variant => $name,)* }
            }
        }
    };
}

conditions! {
    /// XML that cannot be processed as XMPP.
    BadFormat = "bad-format",
    /// A prefix that is not declared, or the wrong one.
    BadNamespacePrefix = "bad-namespace-prefix",
    /// A newer stream of the same entity takes this one's place.
    Conflict = "conflict",
    /// The other side was silent for too long.
    ConnectionTimeout = "connection-timeout",
    /// The domain is no longer served here.
    HostGone = "host-gone",
    /// The domain is not served here.
    HostUnknown = "host-unknown",
    /// A stanza between servers lacks 'to' or 'from'.
    ImproperAddressing = "improper-addressing",
    /// Our own fault.
    InternalServerError = "internal-server-error",
    /// 'from' is not what was negotiated.
    InvalidFrom = "invalid-from",
    /// The stream's or the content's namespace is wrong.
    InvalidNamespace = "invalid-namespace",
    /// Invalid XML, where the sender validates.
    InvalidXml = "invalid-xml",
    /// Data before authentication.
    NotAuthorized = "not-authorized",
    /// Not well-formed XML.
    NotWellFormed = "not-well-formed",
    /// A local rule is broken, a limit exceeded.
    PolicyViolation = "policy-violation",
    /// A server needed for authentication cannot be reached.
    RemoteConnectionFailed = "remote-connection-failed",
    /// Something on which the stream rests has changed.
    Reset = "reset",
    /// There is no room for the stream.
    ResourceConstraint = "resource-constraint",
    /// Comment, processing instruction, DTD or entity reference.
    RestrictedXml = "restricted-xml",
    /// Go elsewhere.
    SeeOtherHost = "see-other-host",
    /// The server is shutting down.
    SystemShutdown = "system-shutdown",
    /// None of the others.
    UndefinedCondition = "undefined-condition",
    /// Not UTF-8.
    UnsupportedEncoding = "unsupported-encoding",
    /// A mandatory feature that the other side cannot do.
    UnsupportedFeature = "unsupported-feature",
    /// A child of the stream that is no stanza known here.
    UnsupportedStanzaType = "unsupported-stanza-type",
    /// Not XMPP 1.0.
    UnsupportedVersion = "unsupported-version",
}

impl fmt::Display for StreamCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fault: StreamFault, expected: &str) {
        assert_eq!(String::from_utf8_lossy(&fault.to_bytes()), expected);
    }

    #[test]
    fn a_fault_without_text_is_one_empty_condition() {
        check(
            StreamFault::new(StreamCondition::HostUnknown),
            "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
        );
    }

    #[test]
    fn a_text_is_escaped_and_follows_the_condition() {
        check(
            StreamFault::new(StreamCondition::PolicyViolation).with_text("a < b"),
            "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>a &lt; b</text>\
             </stream:error></stream:stream>",
        );
    }

    #[test]
    fn see_other_host_contains_the_address() {
        check(
            StreamFault::new(StreamCondition::SeeOtherHost).with_text("[2001:db8::1]:9222"),
            "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>[2001:db8::1]:9222\
             </see-other-host></stream:error></stream:stream>",
        );
    }

    #[test]
    fn a_fault_reads_as_condition_and_text() {
        let fault = StreamFault::new(StreamCondition::NotWellFormed).with_text("start and end tag do not match");
        assert_eq!(fault.to_string(), "not-well-formed: start and end tag do not match");
    }
}
