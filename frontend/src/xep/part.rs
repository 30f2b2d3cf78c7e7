//! What is answered for another part of the server: what it is, and that it is there.
//!
//! Knows no part; the rest of what is asked of it is its own. Next: `session/part.rs`.

use super::part_info;
use crate::part::Part;
use minidom::Element;
use reef_stanza::{StanzaError, ns};

/// The payload of the answer; `None` where the part answers itself.
pub(crate) fn part_answer(part: &dyn Part, iq: &Element) -> Option<Result<Option<Element>, StanzaError>> {
    let payload = iq.children().next().filter(|_| iq.attr("type") == Some("get"))?;
    if payload.is("ping", ns::PING) {
        return Some(Ok(None));
    }
    let about = payload.is("query", ns::DISCO_INFO) && payload.attr("node").is_none();
    about.then(|| Ok(Some(part_info(part).into())))
}
