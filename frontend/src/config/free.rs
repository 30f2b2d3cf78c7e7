//! The keys of a free table (`[sms]`, `[cluster]`), for the part of the server that reads it.
//!
//! It must not know what they mean: that part gives a table with every key that it knows. What comes next: the part says what
//! is wrong in one line, and `check-config` prints it.

use toml::{Table, Value};

use super::nearest::nearest;
use super::source::known_keys;

/// Whether a free table has a key that its reader does not know: one line that names it and the nearest known one. `known` has
/// each key with any value; where that is a list, its first table says what each table of a list may have. Keys of an empty
/// table are the operator's own.
///
/// ```
/// let table = |text: &str| text.parse::<toml::Table>().unwrap();
/// let known = table("brand = ''\n[[route]]\nname = ''\nrate = 1");
/// let wrong = reef_frontend::config::unknown_key("sms", &table("[[route]]\nrats = 1"), &known);
/// assert_eq!(wrong.unwrap(), "unknown key sms.route.rats; did you mean sms.route.rate?");
/// ```
pub fn unknown_key(section: &str, given: &Table, known: &Table) -> Option<String> {
    let key = unknown(section, given, known)?;
    let mut all = Vec::new();
    each_key(section, known, &mut all);
    let nearest = nearest(&key, all.into_iter());
    Some(format!("unknown key {key}; did you mean {nearest}?"))
}

fn unknown(path: &str, given: &Table, known: &Table) -> Option<String> {
    for (word, value) in given {
        let key = format!("{path}.{word}");
        let found = match (known.get(word), value) {
            (None, _) => Some(key),
            (Some(Value::Table(known)), Value::Table(given)) if !known.is_empty() => unknown(&key, given, known),
            (Some(Value::Array(known)), Value::Array(given)) => {
                let known = known.iter().find_map(Value::as_table);
                let mut tables = given.iter().filter_map(Value::as_table);
                known.and_then(|known| tables.find_map(|given| unknown(&key, given, known)))
            }
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn each_key(path: &str, known: &Table, all: &mut Vec<String>) {
    all.extend(known_keys(path, known));
    for (word, value) in known {
        if let Some(table) = value.as_array().and_then(|list| list.iter().find_map(Value::as_table)) {
            each_key(&format!("{path}.{word}"), table, all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_of_a_free_table_is_named_with_its_nearest() {
        let known: Table = "brand = ''\nprices = {}\n[quiet]\nfrom = ''\n[[route]]\nname = ''\nrate = 1"
            .parse()
            .unwrap();
        let check = |given: &str, expected: Option<&str>| {
            let wrong = unknown_key("sms", &given.parse().unwrap(), &known);
            assert_eq!(wrong.as_deref(), expected, "{given}");
        };
        check("", None);
        check("brand = 'Reef'\n[prices]\n49 = 1\n[[route]]\nname = 'a'", None);
        check(
            "brandt = 'Reef'",
            Some("unknown key sms.brandt; did you mean sms.brand?"),
        );
        check(
            "[quiet]\nform = ''",
            Some("unknown key sms.quiet.form; did you mean sms.quiet.from?"),
        );
        check(
            "[[route]]\nname = 'a'\n[[route]]\nrats = 1",
            Some("unknown key sms.route.rats; did you mean sms.route.rate?"),
        );
        check("[[roote]]", Some("unknown key sms.roote; did you mean sms.route?"));
    }
}
