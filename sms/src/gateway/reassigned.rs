//! A list of numbers that have new owners, as registries sell them: who of them is known here is to say YES again.
//!
//! What the old owner linked and agreed to is not the new one's (`sms.md` §5.3). Blocks.

use super::admin::change;
use super::parts::Parts;
use crate::limits::LIST_LINE;
use crate::number::Phone;
use crate::tables::Change;
use crate::tables::rows::State;
use reef_engine::error::{Error, Reject};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Reads a file with a number in the first column of each line, and lets those that are known sleep.
///
/// # Errors
/// The file or the store cannot be read; what was done until then is done, and doing it again changes nothing.
pub(super) fn reassigned(parts: &Parts, file: &Path) -> Result<Value, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut lines = BufReader::new(File::open(file).map_err(wrong)?);
    let (mut read, mut unreadable, mut known) = (0_u64, 0_u64, 0_u64);
    loop {
        let mut line = Vec::new();
        let taken = lines.by_ref().take(LIST_LINE).read_until(b'\n', &mut line);
        if taken.map_err(wrong)? == 0 {
            break;
        }
        let line = String::from_utf8_lossy(&line);
        let first = line.split([',', ';', '\t']).next().unwrap_or_default();
        let first = first.trim().trim_matches('"');
        if first.is_empty() || first.starts_with('#') {
            continue;
        }
        read += 1;
        match Phone::of(first).map_or_else(|| Phone::written(first).ok(), Some) {
            Some(phone) => known += u64::from(sleeps(parts, &phone)?),
            None => unreadable += 1,
        }
    }
    Ok(json!({ "read": read, "unreadable": unreadable, "known": known }))
}

/// Whether it is known here; then it gets nothing until it says YES, and posts nothing without a new code.
fn sleeps(parts: &Parts, phone: &Phone) -> Result<bool, String> {
    let found = parts.rows().by_hash(&parts.keys.hash(phone));
    let Some(id) = found.map_err(|error| error.to_string())? else {
        return Ok(false);
    };
    let changes = vec![Change::Doubted(true), Change::State(State::Dormant)];
    match change(parts, id, changes) {
        // It has said STOP: that stays.
        Err(Error::Rejected(Reject::Forbidden)) => change(parts, id, vec![Change::Doubted(true)]),
        done => done,
    }
    .map_err(|error| error.to_string())?;
    Ok(true)
}
