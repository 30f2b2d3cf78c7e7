//! Paths into what a provider says: names and positions with dots between them, as `data.to.0.number`.
//!
//! Knows no provider. Next: `provider.rs` writes by them, `webhook.rs` reads.

use serde_json::{Map, Value};

/// What lies at a path; a name with dots that is there as it stands comes first, as forms have them.
pub(super) fn get<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if path.is_empty() {
        return None;
    }
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    path.split('.').try_fold(value, |value, step| match value {
        Value::Array(list) => list.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// The words at a path: of a string or a number.
pub(super) fn words(value: &Value, path: &str) -> Option<String> {
    match get(value, path)? {
        Value::String(words) => Some(words.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Puts a value at a path, with the objects and lists that lead there. A position beyond the end of a list is its end.
pub(super) fn put(root: &mut Value, path: &str, value: Value) {
    let mut here = root;
    for step in path.split('.') {
        here = match step.parse::<usize>() {
            Ok(at) => {
                if !here.is_array() {
                    *here = Value::Array(Vec::new());
                }
                let Value::Array(list) = here else { return };
                let at = at.min(list.len());
                if at == list.len() {
                    list.push(Value::Null);
                }
                let Some(slot) = list.get_mut(at) else { return };
                slot
            }
            Err(_) => {
                if !here.is_object() {
                    *here = Value::Object(Map::new());
                }
                let Value::Object(map) = here else { return };
                map.entry(step).or_insert(Value::Null)
            }
        };
    }
    *here = value;
}

/// A form as an object of strings; the last of several of one name counts.
pub(super) fn form(bytes: &[u8]) -> Value {
    let pairs = form_urlencoded::parse(bytes);
    Value::Object(
        pairs
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_leads_into_objects_and_lists() {
        let value = json!({"data": {"to": [{"number": "+1"}], "n": 7}, "a.b": "flat"});
        assert_eq!(words(&value, "data.to.0.number").as_deref(), Some("+1"));
        assert_eq!(words(&value, "data.n").as_deref(), Some("7"));
        assert_eq!(words(&value, "a.b").as_deref(), Some("flat"));
        for none in ["", "data", "data.to.1.number", "data.to.x", "nothing"] {
            assert_eq!(words(&value, none), None, "{none}");
        }
    }

    #[test]
    fn what_is_put_makes_its_way() {
        let mut value = Value::Null;
        put(&mut value, "messages.0.to.7", json!("+1"));
        put(&mut value, "messages.0.text", json!("hi"));
        put(&mut value, "from", json!("reef"));
        assert_eq!(
            value,
            json!({"messages": [{"to": ["+1"], "text": "hi"}], "from": "reef"})
        );
    }

    #[test]
    fn a_form_is_an_object_of_strings() {
        assert_eq!(
            form(b"From=%2B1202&Body=a+b%21"),
            json!({"From": "+1202", "Body": "a b!"})
        );
    }
}
