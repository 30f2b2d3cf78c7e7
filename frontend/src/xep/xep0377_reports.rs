//! XEP-0377, Blocking Command Reports: why an account blocks somebody, kept for the operator.
//!
//! A report comes with a block (XEP-0191), which does not hang on it, and in whose commit it is kept. The log says each,
//! also where no more are kept. Nothing is passed on to anybody, whatever the report allows. Next: `reef user reports`.

use super::Module;
use crate::limits::{REPORT_REASON_BYTES, REPORT_STANZAS, REPORT_TEXT_BYTES};
use crate::tables::Report;
use reef_stanza::{ns, report};

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0377",
    version: "0.4.1",
    title: "Blocking Command Reports",
    note: "for the operator: `reef user reports`; passed on to nobody",
    server: FEATURES,
    account: FEATURES,
    service: &[],
    routes: |_| {},
};

/// It stands for the reasons, too (§3); features of their own went with `urn:xmpp:reporting:0`.
const FEATURES: &[&str] = &[ns::REPORTING];

/// A report as it is kept: its bytes are bounded.
pub(crate) fn kept_report(jid: &str, said: &report::Report) -> Report {
    let stanzas = said.stanzas.iter().take(REPORT_STANZAS);
    Report {
        jid: jid.into(),
        reason: cut(&said.reason, REPORT_REASON_BYTES),
        text: said.text.as_deref().map(|text| cut(text, REPORT_TEXT_BYTES)),
        stanzas: stanzas.map(|id| cut(id, REPORT_REASON_BYTES)).collect(),
    }
}

/// Says in the log what was reported.
pub(crate) fn tell_reports(by: &str, reports: &[Report]) {
    for Report {
        jid,
        reason,
        text,
        stanzas,
    } in reports
    {
        let (text, messages) = (text.as_deref().unwrap_or_default(), stanzas.join(" "));
        tracing::warn!(%by, %jid, %reason, ?text, messages, "an account reports an address");
    }
}

/// The beginning of what somebody wrote, in one line: an operator reads it on a terminal.
fn cut(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    let text = text.get(..end.unwrap_or(0)).unwrap_or_default();
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_report_is_bounded() {
        let said = report::Report {
            reason: "r".repeat(10_000),
            text: Some("\u{e9}".repeat(REPORT_TEXT_BYTES)),
            stanzas: vec!["i".repeat(10_000); 1_000],
        };
        let kept = kept_report("a@x", &said);
        assert_eq!(kept.reason.len(), REPORT_REASON_BYTES);
        assert!(kept.text.unwrap().len() <= REPORT_TEXT_BYTES);
        assert_eq!(kept.stanzas.len(), REPORT_STANZAS);
        assert_eq!(cut("a\nb\u{9b}31mc", 100), "a b 31mc");
    }
}
