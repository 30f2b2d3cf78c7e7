//! What rxml's errors mean to a stream (RFC 6120 §4.9.3, §11). The strings that rxml puts into some of them are no
//! interface: the reader's tests pin those that are looked at here. Next: the reader returns the fault.

use std::borrow::Cow;

use rxml::Error;

use crate::error::{StreamCondition, StreamFault};

/// `in_header`: before the stream header was complete, a NUL byte shows UTF-16 or UTF-32.
pub(super) fn from_rxml(error: Error, in_header: bool) -> StreamFault {
    let condition = match error {
        // DTDs and every other markup declaration begin like this.
        Error::InvalidSyntax("malformed cdata or comment section start") => {
            return StreamFault::new(StreamCondition::RestrictedXml).with_text("markup declarations are not allowed");
        }
        Error::RestrictedXml("long name or reference") => {
            return StreamFault::new(StreamCondition::PolicyViolation).with_text("name or attribute value too long");
        }
        Error::RestrictedXml("only utf-8 encoding is allowed") | Error::InvalidUtf8Byte(_) => {
            StreamCondition::UnsupportedEncoding
        }
        Error::UnexpectedByte(_, 0, _) if in_header => StreamCondition::UnsupportedEncoding,
        Error::RestrictedXml(_) | Error::UndeclaredEntity => StreamCondition::RestrictedXml,
        Error::UndeclaredNamespacePrefix(_) => StreamCondition::BadNamespacePrefix,
        _ => StreamCondition::NotWellFormed,
    };
    StreamFault::new(condition).with_text(error.to_string())
}

/// A limit of the budget, by its name, was exceeded.
pub(super) fn over_budget(name: &str, limit: usize) -> StreamFault {
    violation(format!("limit {name} ({limit}) exceeded"))
}

/// `policy-violation` with its reason.
pub(super) fn violation(text: impl Into<Cow<'static, str>>) -> StreamFault {
    StreamFault::new(StreamCondition::PolicyViolation).with_text(text)
}

/// `bad-format` with its reason.
pub(super) fn bad_format(text: &'static str) -> StreamFault {
    StreamFault::new(StreamCondition::BadFormat).with_text(text)
}

/// `invalid-namespace` with its reason.
pub(super) fn invalid_namespace(text: &'static str) -> StreamFault {
    StreamFault::new(StreamCondition::InvalidNamespace).with_text(text)
}
