//! What accounts report of addresses that they block (XEP-0377), for operators: by account, a page at a time.

use super::perform::Performer;
use super::{Refused, Response};
use crate::session::stamp;
use crate::tables::{self, Op};
use jid::Jid;
use reef_engine::limits::LIST_ROWS;
use reef_engine::log::record::Change;
use serde_json::{Value, json};

impl Performer {
    /// The reports behind the one that a page ended with.
    pub(super) fn reports(&self, after: Option<String>) -> Result<Response, Refused> {
        let after = after.unwrap_or_default();
        let found = tables::reports(self.engine.view(), after.as_bytes(), LIST_ROWS)?;
        let next = found.last().filter(|_| found.len() == LIST_ROWS);
        let next = next.map(|(key, ..)| String::from_utf8_lossy(key).into_owned());
        let shown = found.iter().map(|(_, by, row)| {
            let report = &row.report;
            json!({
                "at": stamp(row.at.0),
                "jid": &*report.jid,
                "by": by,
                "reason": report.reason,
                "text": report.text.as_deref().unwrap_or_default(),
                "messages": report.stanzas,
            })
        });
        Ok(Response::Rows {
            rows: shown.collect(),
            next,
        })
    }

    /// Forgets those of an address.
    pub(super) fn forget_reports(&self, jid: &str) -> Result<Value, Refused> {
        let jid = Jid::new(jid).map_err(|e| Refused::new(format!("`{jid}` is no JID: {e}")))?;
        let op = Op::ForgetReports {
            jid: jid.as_str().into(),
        };
        let change = Change::Table {
            owner: jid.as_str().into(),
            op: op.encode(),
        };
        self.engine.admission.submit_and_wait("", change)?;
        Ok(json!({ "jid": jid.as_str() }))
    }
}
