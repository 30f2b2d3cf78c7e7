//! Reports of who is blocked (XEP-0377): one row for each account and address, for the operator to read.
//!
//! Bounded for each account, whose oldest goes, and in all, where new ones are no longer kept. Knows no reasons.

use super::{REPORT, key};
use crate::limits::{REPORTS, REPORTS_PER_ACCOUNT};
use reef_engine::error::StoreError;
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::model::Timestamp;
use reef_engine::store::{Range, View, rows};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Where their number is: before all of them, as no JID begins with NUL.
const COUNT: &[u8] = &[0];

/// A report, as it comes: its maker bounds its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Who is reported.
    pub(crate) jid: Arc<str>,
    /// Why, a URN.
    pub(crate) reason: String,
    /// Words to it.
    pub(crate) text: Option<String>,
    /// Ids of messages in the archive of who reports.
    pub(crate) stanzas: Vec<String>,
}

/// A report that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReportRow {
    /// When it came.
    pub(crate) at: Timestamp,
    /// It.
    pub(crate) report: Report,
}

/// Reports by their keys behind `after`, at most `max`, each with its key and who made it.
pub(crate) fn reports(
    view: &dyn View,
    after: &[u8],
    max: usize,
) -> Result<Vec<(Vec<u8>, String, ReportRow)>, StoreError> {
    let range = Range {
        start: [after.max(COUNT), &[0]].concat(),
        end: None,
        reverse: false,
    };
    scan(view, &range, max)
}

fn scan(view: &dyn View, range: &Range, max: usize) -> Result<Vec<(Vec<u8>, String, ReportRow)>, StoreError> {
    let (mut found, mut bad) = (Vec::new(), Ok(()));
    view.scan(REPORT, range, &mut |key, value| {
        let by = key.split(|byte| *byte == 0).next().unwrap_or_default();
        match rows::decode::<ReportRow>(REPORT, value) {
            Ok(row) => found.push((key.to_vec(), String::from_utf8_lossy(by).into_owned(), row)),
            Err(error) => bad = Err(error),
        }
        match found.len() < max && bad.is_ok() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    bad.map(|()| found)
}

fn count(view: &dyn View) -> Result<u32, StoreError> {
    Ok(rows::get(view, REPORT, COUNT)?.unwrap_or(0))
}

/// Keeps what an account reports; the later of two reports of one address stays.
pub(super) fn put(apply: &mut Apply<'_, '_>, user: &str, reports: &[Report]) -> Result<(), ApplyError> {
    for report in reports {
        let row = key(user, report.jid.as_bytes());
        if apply.tx.get(REPORT, &row)?.is_none() {
            let mut count = count(apply.tx)?;
            if let Some(oldest) = oldest_of_too_many(apply.tx, user)? {
                apply.tx.delete(REPORT, oldest);
                count = count.saturating_sub(1);
            }
            if count >= REPORTS {
                continue;
            }
            apply.tx.put(REPORT, COUNT, rows::encode(&(count + 1)));
        }
        let kept = ReportRow {
            at: apply.at,
            report: report.clone(),
        };
        apply.tx.put(REPORT, row, rows::encode(&kept));
    }
    Ok(())
}

fn oldest_of_too_many(view: &dyn View, user: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let own = scan(view, &Range::prefix(&key(user, b"")), usize::MAX)?;
    let oldest = own.iter().min_by_key(|(_, _, row)| row.at.0);
    Ok(oldest
        .filter(|_| own.len() >= REPORTS_PER_ACCOUNT)
        .map(|(key, ..)| key.clone()))
}

/// Forgets all reports of an address.
pub(super) fn forget(apply: &mut Apply<'_, '_>, jid: &str) -> Result<(), ApplyError> {
    let of_it = reports(apply.tx, &[], usize::MAX)?.into_iter();
    let of_it: Vec<_> = of_it.filter(|(_, _, row)| *row.report.jid == *jid).collect();
    let left = count(apply.tx)?.saturating_sub(u32::try_from(of_it.len()).unwrap_or(u32::MAX));
    of_it.into_iter().for_each(|(key, ..)| apply.tx.delete(REPORT, key));
    apply.tx.put(REPORT, COUNT, rows::encode(&left));
    Ok(())
}
