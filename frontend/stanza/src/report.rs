//! Reports (XEP-0377): why somebody is blocked. Must not know what becomes of them; next: the front end's module.

use minidom::Element;

use crate::element::attr;
use crate::ns;

/// `<report/>`: what is said of whom one blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The reason, a URN.
    pub reason: String,
    /// Words to it: of several languages the first.
    pub text: Option<String>,
    /// Ids of messages in the archive that show it.
    pub stanzas: Vec<String>,
}

impl Report {
    /// The report among an element's children. One without a reason is none: that somebody is blocked does not hang on it
    /// (§6).
    pub fn find(item: &Element) -> Option<Report> {
        let report = item.get_child("report", ns::REPORTING)?;
        let text = report.get_child("text", ns::REPORTING);
        let text = text.map(|text| text.text().trim().to_owned());
        let stanzas = report.children().filter(|child| child.is("stanza-id", ns::SID));
        Some(Report {
            reason: attr(report, "reason")?,
            text: text.filter(|text| !text.is_empty()),
            stanzas: stanzas.filter_map(|stanza| attr(stanza, "id")).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(xml: &str) -> Option<Report> {
        Report::find(&format!("<item xmlns='urn:xmpp:blocking'>{xml}</item>").parse().unwrap())
    }

    #[test]
    fn a_report_has_a_reason_and_may_have_words_and_messages() {
        let whole = "<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'>\
            <stanza-id xmlns='urn:xmpp:sid:0' by='a@x' id='1'/><stanza-id xmlns='urn:xmpp:sid:0' by='a@x' id='2'/>\
            <text xml:lang='en'> Never. </text></report>";
        let expected = Report {
            reason: "urn:xmpp:reporting:spam".into(),
            text: Some("Never.".into()),
            stanzas: vec!["1".into(), "2".into()],
        };
        assert_eq!(report(whole), Some(expected));
        assert_eq!(report("<report xmlns='urn:xmpp:reporting:1'/>"), None);
        assert_eq!(report(""), None);
    }
}
