//! Configuration for an operator: `name=value` to settings and back, by the same table as the forms.
//!
//! Knows no command line.

use super::options;
use super::template::Place;
use jid::BareJid;
use reef_engine::config::{NodeConfig, Setting};
use reef_stanza::StanzaError;
use reef_stanza::form::{Field, FieldKind, Form, FormKind};

/// What a new node of this name is like at an account or a service, with the settings of who makes it.
///
/// # Errors
/// One line that says that the place is no JID.
pub(crate) fn node_template(service: &str, node: &str, settings: &[Setting]) -> Result<NodeConfig, String> {
    let jid = BareJid::new(service).map_err(|error| format!("`{service}` is no JID: {error}"))?;
    Ok(Place::of(&jid).template_of(node, settings).with(settings))
}

/// The settings of `name=value` pairs; `pubsub#` may be left out.
///
/// # Errors
/// One line that names the field that is unknown, or cannot have its value.
pub(crate) fn settings(given: &[(String, String)]) -> Result<Vec<Setting>, String> {
    let mut form = Form::new(FormKind::Submit, reef_stanza::ns::PUBSUB_NODE_CONFIG);
    for (name, value) in given {
        let var = full(name);
        if options::field(&var, &NodeConfig::pep()).is_none() {
            return Err(format!("there is no option `{name}`: `reef node show` lists them"));
        }
        form = form.with(Field::new(FieldKind::TextSingle, &var).value(value.as_str()));
    }
    options::settings(&form).map_err(|error| error.text.map_or_else(|| "a value is not allowed".into(), String::from))
}

/// The settings of a form that another server wrote; what is unknown is passed over.
///
/// # Errors
/// A value that cannot be.
pub(crate) fn form_settings(form: &Form) -> Result<Vec<Setting>, StanzaError> {
    options::settings(form)
}

/// A configuration with its values alone, as it is kept in a file.
pub(crate) fn written_configuration(config: &NodeConfig) -> Vec<u8> {
    let form = Form {
        kind: FormKind::Submit,
        ..options::form(config)
    };
    reef_stanza::self_contained(&form.to_element(), None)
}

/// A configuration as those are shown it who hear of its change (§8.2.5), self-contained.
pub(crate) fn configuration_form(config: &NodeConfig) -> Vec<u8> {
    let form = Form {
        kind: FormKind::Result,
        ..options::form(config)
    };
    reef_stanza::self_contained(&form.to_element(), None)
}

/// All options with their values.
pub(crate) fn config_fields(config: &NodeConfig) -> Vec<(String, String)> {
    let fields = options::form(config)
        .fields
        .into_iter()
        .filter(|field| field.var.starts_with("pubsub#"));
    fields
        .map(|field| {
            (
                field.var.trim_start_matches("pubsub#").to_owned(),
                field.values.join(","),
            )
        })
        .collect()
}

fn full(name: &str) -> String {
    if name.starts_with("pubsub#") {
        name.to_owned()
    } else {
        format!("pubsub#{name}")
    }
}
