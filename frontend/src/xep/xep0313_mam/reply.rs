//! Results of archives: a stored stanza as bytes, wrapped (XEP-0297), and the end of a page (XEP-0313 §4.2, §4.3).
//!
//! Knows no archive: whoever has stanzas with names and times writes their results here. A stanza is never parsed again.

use crate::session::stamp;
use minidom::Element;
use reef_engine::model::Timestamp;
use reef_stanza::element::{Build, el};
use reef_stanza::{StreamNamespace, escape_attr, ns, rsm, write_element};

/// Bytes of a result behind its prefix, without the stanza.
const AROUND: usize = 256;

/// Writes the results of one query.
pub(super) struct Results {
    /// All of a result up to its id.
    prefix: Vec<u8>,
}

/// The end of a page.
pub(super) struct Fin<'a> {
    /// Whether there are no more in the direction that was asked for.
    pub(super) complete: bool,
    /// The first of the page.
    pub(super) first: Option<&'a str>,
    /// The last of the page.
    pub(super) last: Option<&'a str>,
    /// How many there are in all, if that is known.
    pub(super) count: Option<u64>,
}

/// The first message of an archive and the last: name and time.
pub(super) struct Ends {
    /// The first.
    pub(super) start: (String, Timestamp),
    /// The last.
    pub(super) end: (String, Timestamp),
}

impl Results {
    /// Results of the archive of `archive` for the session `to`.
    pub(super) fn new(archive: &str, to: &str, queryid: Option<&str>) -> Results {
        let mut prefix = b"<message from='".to_vec();
        escape_attr(archive, &mut prefix);
        prefix.extend_from_slice(b"' to='");
        escape_attr(to, &mut prefix);
        prefix.extend_from_slice(b"'><result xmlns='urn:xmpp:mam:2'");
        if let Some(queryid) = queryid {
            prefix.extend_from_slice(b" queryid='");
            escape_attr(queryid, &mut prefix);
            prefix.push(b'\'');
        }
        prefix.extend_from_slice(b" id='");
        Results { prefix }
    }

    /// About how many bytes come around each stanza.
    pub(super) fn around(&self) -> usize {
        self.prefix.len() + AROUND
    }

    /// One result: `stanza` is self-contained.
    pub(super) fn one(&self, id: &str, at: Timestamp, stanza: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.around() + stanza.len());
        out.extend_from_slice(&self.prefix);
        escape_attr(id, &mut out);
        out.extend_from_slice(b"'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='");
        out.extend_from_slice(stamp(at.0).as_bytes());
        out.extend_from_slice(b"'/>");
        out.extend_from_slice(stanza);
        out.extend_from_slice(b"</forwarded></result></message>");
        out
    }
}

impl Fin<'_> {
    /// `<fin/>`. What this host has committed does not change: it is stable.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let set = rsm::Reply {
            first: self.first.map(str::to_owned),
            first_index: None,
            last: self.last.map(str::to_owned),
            count: self.count.map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
        };
        let fin = el("fin", ns::MAM)
            .set("complete", if self.complete { "true" } else { "false" })
            .set("stable", "true")
            .child(set.to_element());
        let mut out = Vec::new();
        write_element(&fin, StreamNamespace::Client, &mut out);
        out
    }
}

/// `<metadata/>`, empty for an archive that is.
pub(super) fn metadata(ends: Option<&Ends>) -> Element {
    let end =
        |name: &str, (id, at): &(String, Timestamp)| el(name, ns::MAM).set("id", id).set("timestamp", &stamp(at.0));
    let ends = ends.map(|ends| [end("start", &ends.start), end("end", &ends.end)]);
    el("metadata", ns::MAM).children_from(ends.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_wraps_the_stanza_as_it_is() {
        let results = Results::new("juliet@capulet.lit", "juliet@capulet.lit/o'", Some("f<27"));
        let stanza = b"<message xmlns='jabber:client'><body>x</body></message>";
        assert_eq!(
            String::from_utf8(results.one("28482", Timestamp(1500), stanza)).unwrap(),
            "<message from='juliet@capulet.lit' to='juliet@capulet.lit/o&apos;'><result xmlns='urn:xmpp:mam:2' \
             queryid='f&lt;27' id='28482'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' \
             stamp='1970-01-01T00:00:01.5Z'/><message xmlns='jabber:client'><body>x</body></message></forwarded></result>\
             </message>"
        );
    }

    #[test]
    fn an_empty_page_has_neither_first_nor_last() {
        let fin = Fin {
            complete: true,
            first: None,
            last: None,
            count: Some(0),
        };
        assert_eq!(
            String::from_utf8(fin.to_bytes()).unwrap(),
            "<fin xmlns='urn:xmpp:mam:2' complete='true' stable='true'><set xmlns='http://jabber.org/protocol/rsm'>\
             <count>0</count></set></fin>"
        );
        assert_eq!(metadata(None).children().count(), 0);
    }
}
