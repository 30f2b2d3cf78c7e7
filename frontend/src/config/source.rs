//! Brings file, environment and command line together into one table, remembering where each value came from.
//!
//! The table of defaults is the schema: a key that it lacks is unknown, and a value must have the type of its default.
//! It must not know the sections. What comes next: serde makes the typed [`Config`] of it.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::Config;
use super::error::{ConfigError, Origin};
use super::nearest::nearest;

/// Tables whose keys are the operator's own.
const FREE: [&str; 4] = [BY_DOMAIN[0], BY_DOMAIN[1], "sms", "cluster"];
/// The free tables whose keys are domains and contain dots themselves.
const BY_DOMAIN: [&str; 2] = ["s2s.resolve", "s2s.policy"];

/// What was given so far, later sources over earlier ones.
#[derive(Default)]
pub(super) struct Given {
    table: Table,
    origins: BTreeMap<String, Origin>,
}

impl Given {
    /// Adds a file.
    pub(super) fn file(&mut self, path: &Path, schema: &Table) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
        let given = text.parse::<Table>().map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
            ConfigError::Syntax {
                path: path.to_owned(),
                line,
                message: one_line(error.message()),
            }
        })?;
        self.merge(&[], schema, schema, given, &Origin::File(path.to_owned()))
    }

    /// Adds an environment variable; one that does not begin with `REEF__` is ignored.
    pub(super) fn environment(&mut self, name: &str, value: &str, schema: &Table) -> Result<(), ConfigError> {
        let Some(key) = name.strip_prefix("REEF__") else {
            return Ok(());
        };
        let key = key.to_ascii_lowercase().replace("__", ".");
        self.assign(&key, value, &Origin::Environment(name.to_owned()), schema)
    }

    /// Adds a `key=value`.
    pub(super) fn set(&mut self, assignment: &str, schema: &Table) -> Result<(), ConfigError> {
        let (key, value) = assignment.split_once('=').ok_or_else(|| ConfigError::NotAnAssignment {
            given: assignment.to_owned(),
        })?;
        self.assign(key.trim(), value.trim(), &Origin::CommandLine, schema)
    }

    /// The typed configuration; what nobody gave is the default.
    pub(super) fn parse(&self) -> Result<Config, ConfigError> {
        Value::Table(self.table.clone())
            .try_into()
            .map_err(|error: toml::de::Error| {
                // The key is only in the error's text, as its last line.
                let text = error.to_string();
                let key = text
                    .lines()
                    .rev()
                    .find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
                let message = match error.message() {
                    "invalid socket address syntax" => {
                        "is no address and port; write one like 127.0.0.1:5222".to_owned()
                    }
                    message => one_line(message),
                };
                self.blame(key.unwrap_or("configuration"), message)
            })
    }

    /// The error for a key's value, naming the source that set it.
    pub(super) fn blame(&self, key: &str, message: String) -> ConfigError {
        let set = self.origins.get(key).or_else(|| {
            let inside = |name: &String| name.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
            self.origins
                .iter()
                .find_map(|(name, origin)| inside(name).then_some(origin))
        });
        let origin = set.cloned().unwrap_or(Origin::Default);
        ConfigError::Value {
            origin,
            key: key.to_owned(),
            message,
        }
    }

    fn assign(&mut self, key: &str, text: &str, origin: &Origin, schema: &Table) -> Result<(), ConfigError> {
        let by_domain = BY_DOMAIN
            .iter()
            .find_map(|table| Some((table, key.strip_prefix(table)?.strip_prefix('.')?)));
        let path: Vec<&str> = match by_domain {
            Some((table, domain)) => table.split('.').chain([domain]).collect(),
            None => key.split('.').collect(),
        };
        let default = path.iter().try_fold(None, |at: Option<&Value>, word| match at {
            None => schema.get(*word).map(Some),
            Some(table) => table.get(*word).map(Some),
        });
        let mut value = read_value(text, default.flatten());
        for word in path.iter().rev().take(path.len().saturating_sub(1)) {
            value = Value::Table(Table::from_iter([((*word).to_owned(), value)]));
        }
        let first = path.first().copied().unwrap_or_default().to_owned();
        self.merge(&[], schema, schema, Table::from_iter([(first, value)]), origin)
    }

    /// Puts `given` over what is there. `schema` is the part of the schema `all` that lies at `path`.
    fn merge(
        &mut self,
        path: &[String],
        schema: &Table,
        all: &Table,
        given: Table,
        origin: &Origin,
    ) -> Result<(), ConfigError> {
        for (word, value) in given {
            let path = [path, &[word]].concat();
            let key = path.join(".");
            let known = path.last().and_then(|word| schema.get(word));
            match (known, value) {
                (None, _) => {
                    let nearest = nearest(&key, known_keys("", all).into_iter());
                    return Err(ConfigError::UnknownKey {
                        origin: origin.clone(),
                        key,
                        nearest,
                    });
                }
                (Some(Value::Table(_)), Value::Table(given)) if FREE.contains(&key.as_str()) => {
                    self.merge_free(&path, given, origin);
                }
                (Some(Value::Table(schema)), Value::Table(given)) => self.merge(&path, schema, all, given, origin)?,
                (Some(default), value) => match fit(value, default) {
                    Ok(value) => self.insert(&path, value, origin),
                    Err(message) => {
                        return Err(ConfigError::Value {
                            origin: origin.clone(),
                            key,
                            message,
                        });
                    }
                },
            }
        }
        Ok(())
    }

    fn merge_free(&mut self, path: &[String], given: Table, origin: &Origin) {
        for (word, value) in given {
            let path = [path, &[word]].concat();
            match value {
                Value::Table(given) => self.merge_free(&path, given, origin),
                value => self.insert(&path, value, origin),
            }
        }
    }

    fn insert(&mut self, path: &[String], value: Value, origin: &Origin) {
        let Some((last, sections)) = path.split_last() else {
            return;
        };
        let mut table = &mut self.table;
        for section in sections {
            let entry = table
                .entry(section.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            if !entry.is_table() {
                // In a free table a later source may give a table where an earlier one gave a value.
                *entry = Value::Table(Table::new());
            }
            let Value::Table(inner) = entry else {
                return;
            };
            table = inner;
        }
        table.insert(last.clone(), value);
        self.origins.insert(path.join("."), origin.clone());
    }
}

/// A value that was given as bare text: TOML if it is that, else the text itself.
fn read_value(text: &str, default: Option<&Value>) -> Value {
    let parsed = format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"));
    match (parsed, default) {
        (Some(Value::String(unquoted)), _) => Value::String(unquoted),
        // `--set domain=2001` means the text, whatever else it could be.
        (Some(_), Some(Value::String(_))) | (None, _) => Value::String(text.to_owned()),
        (Some(parsed), _) => parsed,
    }
}

/// The value, if it has its default's type; for a list, one text is taken apart at commas.
fn fit(value: Value, default: &Value) -> Result<Value, String> {
    match (value, default) {
        (Value::String(text), Value::Array(_)) => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            Ok(Value::Array(words.map(|word| Value::String(word.to_owned())).collect()))
        }
        (value, default) if value.same_type(default) => Ok(value),
        (value, default) => {
            let wanted = match default {
                Value::String(_) => "a text in quotes",
                Value::Integer(_) => "a whole number",
                Value::Boolean(_) => "true or false",
                Value::Array(_) => "a list like [\"127.0.0.1:5222\"]",
                Value::Table(_) => "a section of keys",
                Value::Float(_) | Value::Datetime(_) => default.type_str(),
            };
            Err(format!("{} does not fit; write {wanted}", one_line(&value.to_string())))
        }
    }
}

fn known_keys(prefix: &str, schema: &Table) -> Vec<String> {
    let mut keys = Vec::new();
    for (word, value) in schema {
        let key = if prefix.is_empty() {
            word.clone()
        } else {
            format!("{prefix}.{word}")
        };
        if let Value::Table(section) = value {
            keys.extend(known_keys(&key, section));
        }
        keys.push(key);
    }
    keys
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
