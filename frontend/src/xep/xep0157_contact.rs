//! XEP-0157, Contact Addresses: whom people write to, in a form of the server's disco#info.
//!
//! Knows no session. Next: `xep0030_disco.rs` puts it into what the server says of itself.

use super::Module;
use crate::config::ContactConfig;
use reef_stanza::form::{Field, FieldKind, Form, FormKind};
use reef_stanza::ns;
use xmpp_parsers::data_forms::DataForm;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0157",
    version: "1.1.1",
    title: "Contact Addresses for XMPP Services",
    note: "those of `[contact]`",
    server: &[],
    account: &[],
    service: &[],
    routes: |_| {},
};

/// The form; none where there is nobody to write to.
pub(crate) fn contact_form(contact: &ContactConfig) -> Option<DataForm> {
    let named = contact.purposes().into_iter();
    let named = named.filter(|(_, addresses)| !addresses.is_empty());
    let field = |(key, addresses): (&str, &[String])| {
        let purpose = key.rsplit('.').next().unwrap_or(key);
        let field = Field::new(FieldKind::ListMulti, &format!("{purpose}-addresses"));
        addresses.iter().fold(field, Field::value)
    };
    let form = named
        .map(field)
        .fold(Form::new(FormKind::Result, ns::SERVER_INFO), Form::with);
    let form = Some(form).filter(|form| !form.fields.is_empty())?;
    // What was just written can be read.
    DataForm::try_from(form.to_element()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_without_addresses_is_not_said() {
        assert!(contact_form(&ContactConfig::default()).is_none());
        let contact = ContactConfig {
            abuse: vec!["mailto:a@x".into(), "xmpp:a@x".into()],
            ..ContactConfig::default()
        };
        let form = contact_form(&contact).unwrap();
        assert_eq!(form.form_type(), Some(ns::SERVER_INFO));
        let fields = form
            .fields
            .iter()
            .map(|field| (field.var.as_deref(), field.values.len()));
        let of_abuse = fields.filter(|(var, _)| *var != Some("FORM_TYPE"));
        assert_eq!(of_abuse.collect::<Vec<_>>(), [(Some("abuse-addresses"), 2)]);
    }
}
