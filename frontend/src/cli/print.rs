//! What is printed: one line or one row at a time, or JSON, one value a line.
#![allow(clippy::print_stdout, reason = "this is where the program prints")]

use crate::admin::Response;
use serde_json::Value;
use std::io::{self, Write};

/// Prints a line.
pub(super) fn line(text: &str) {
    // A reader that is gone is not an error of ours.
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints an answer.
///
/// # Errors
/// The refusal that it is.
pub(super) fn response(response: Response, json: bool) -> io::Result<()> {
    match response {
        Response::Failed(why) => return Err(io::Error::other(why)),
        Response::Done(value) if json => line(&value.to_string()),
        Response::Done(value) => line(&plain(&value)),
        Response::Rows { rows, .. } => rows.iter().for_each(|row| {
            line(&if json { row.to_string() } else { columns(row) });
        }),
    }
    Ok(())
}

/// A value as `name: value` lines.
fn plain(value: &Value) -> String {
    let Value::Object(fields) = value else {
        return text(value);
    };
    let mut lines = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Object(inner) => {
                lines.push(format!("{name}:"));
                lines.extend(inner.iter().map(|(name, value)| format!("  {name}: {}", text(value))));
            }
            value => lines.push(format!("{name}: {}", text(value))),
        }
    }
    lines.join("\n")
}

/// A row's values, parted by tabs.
fn columns(row: &Value) -> String {
    match row {
        Value::Object(fields) => fields.values().map(text).collect::<Vec<_>>().join("\t"),
        other => text(other),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
