//! Scenarios in files: a TOML table becomes the flags that it stands for, so that both know the same and nothing else.
//!
//! A key is a flag's name without dashes in front; `_` and `-` are the same. `true` gives the flag, `false` leaves it out,
//! a list gives it again and again.

use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use toml::{Table, Value};

/// Reads a file.
pub(crate) fn read(file: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    text.parse::<Table>().with_context(|| format!("in {}", file.display()))
}

/// Puts `key=value` into a table; the value is TOML, or a string where it is none.
pub(crate) fn set(table: &mut Table, assignment: &str) -> Result<()> {
    let (key, text) = assignment
        .split_once('=')
        .with_context(|| format!("--set {assignment}: key=value"))?;
    let parsed = format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| Value::String(text.to_owned()));
    let key = key.trim().replace('_', "-");
    table.retain(|other, _| other.replace('_', "-") != key);
    table.insert(key, value);
    Ok(())
}

/// Takes a string out of a table.
pub(crate) fn take(table: &mut Table, key: &str) -> Result<Option<String>> {
    match table.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => bail!("{key} is a string, not {other}"),
    }
}

/// The command line of a table: its `scenario`, then its flags.
pub(crate) fn arguments(mut table: Table) -> Result<Vec<String>> {
    let scenario = take(&mut table, "scenario")?.context("which scenario? scenario = \"fanout\", say")?;
    ensure!(!scenario.starts_with('-'), "{scenario} is no scenario");
    let mut arguments = vec!["reef-loadtest".to_owned(), scenario];
    for (key, value) in table {
        let flag = format!("--{}", key.replace('_', "-"));
        match value {
            Value::Boolean(false) => {}
            Value::Boolean(true) => arguments.push(flag),
            Value::Array(values) => {
                for value in values {
                    arguments.push(format!("{flag}={}", plain(&flag, value)?));
                }
            }
            value => arguments.push(format!("{flag}={}", plain(&flag, value)?)),
        }
    }
    Ok(arguments)
}

/// A command line as it may be shown to others.
pub(crate) fn without_password(arguments: impl Iterator<Item = String>) -> String {
    let (mut shown, mut secret) = (Vec::new(), false);
    for argument in arguments {
        let is_next = argument == "--password";
        shown.push(match argument.split_once("password=") {
            _ if secret => "…".to_owned(),
            Some((before, _)) => format!("{before}password=…"),
            None => argument,
        });
        secret = is_next;
    }
    shown.join(" ")
}

fn plain(flag: &str, value: Value) -> Result<String> {
    Ok(match value {
        Value::String(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        other => bail!("{flag} cannot be {other}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_a_command_line_and_can_be_overridden() {
        let mut table: Table =
            "scenario = 'fanout'\nfollowers = 10\nregister = true\nhalf_rate = false\npid = [1, 2]\nrate = 0.5"
                .parse()
                .unwrap();
        set(&mut table, "followers=20").unwrap();
        set(&mut table, "server_tls=[::1]:5223").unwrap();
        let mut arguments = arguments(table).unwrap();
        arguments[2..].sort();
        let expected = [
            "reef-loadtest",
            "fanout",
            "--followers=20",
            "--pid=1",
            "--pid=2",
            "--rate=0.5",
            "--register",
            "--server-tls=[::1]:5223",
        ];
        assert_eq!(arguments, expected);
        assert!(set(&mut Table::new(), "nothing").is_err());
        assert!(super::arguments("scenario = 'fanout'\nrate = { a = 1 }".parse().unwrap()).is_err());
    }

    #[test]
    fn a_command_line_is_shown_without_the_password_that_it_gives() {
        for (given, shown) in [
            ("fanout --password secret --posts 3", "fanout --password … --posts 3"),
            ("fanout --password=secret", "fanout --password=…"),
            ("run f.toml --set password=secret", "run f.toml --set password=…"),
            ("run f.toml --set=password=secret", "run f.toml --set=password=…"),
            ("fanout --followers 3", "fanout --followers 3"),
        ] {
            assert_eq!(without_password(given.split(' ').map(str::to_owned)), shown);
        }
    }
}
