//! In-band registration (XEP-0077): the form, its answer, the end of an account. Must not know who may register; next: the
//! negotiation before login, the account's module after it.

use minidom::Element;

use crate::element::{Build, child_text, el, same_ns};
use crate::form::Form;
use crate::ns;
use crate::payload::bad_request;
use crate::stanza_error::StanzaError;

/// What a client asks in `jabber:iq:register`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// get: what has to be filled in (XEP-0077 §3.1).
    Form,
    /// set: a new account, or for one that is logged in a new password (§3.1, §3.3). Whether what is missing is needed
    /// is for the caller, who answers `not-acceptable`.
    Submit(Submit),
    /// set: the end of the account (§3.2).
    Remove,
}

/// What was filled in, as legacy fields or as a data form. Values are as sent, neither normalised nor trimmed; an empty
/// element counts as absent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Submit {
    /// The local part of the account's address.
    pub username: Option<String>,
    /// In plain text: not to be logged.
    pub password: Option<String>,
    /// Where the user can be reached.
    pub email: Option<String>,
    /// The code of an invitation, which is the field `token` (XEP-0401) or `key`.
    pub token: Option<String>,
}

impl std::fmt::Debug for Submit {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Submit")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// An iq of type get; see [`Query::parse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Get(pub Query);

/// An iq of type set; see [`Query::parse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set(pub Query);

impl Query {
    /// Parses `<query xmlns='jabber:iq:register'/>`; `set` is the iq's type. `<remove/>` beside anything else is a
    /// `bad-request` (XEP-0077 §3.2).
    pub fn parse(el: &Element, set: bool) -> Result<Query, StanzaError> {
        if !set {
            return Ok(Query::Form);
        }
        if el
            .children()
            .any(|child| child.name() == "remove" && same_ns(child, el))
        {
            return match el.children().count() {
                1 => Ok(Query::Remove),
                _ => Err(bad_request("remove must be the only element")),
            };
        }
        let form = Form::find(el)?;
        let field = |name: &str| match &form {
            Some(form) => form.value(name).map(str::to_owned),
            None => child_text(el, name),
        };
        let filled = |name: &str| field(name).filter(|value| !value.is_empty());
        Ok(Query::Submit(Submit {
            username: filled("username"),
            password: filled("password"),
            email: filled("email"),
            token: filled("token").or_else(|| filled("key")),
        }))
    }
}

/// The answer to a get: instructions and the fields that are wanted, by the names of XEP-0077 (`username`, `password`).
pub fn form(instructions: &str, fields: &[&str]) -> Element {
    el("query", ns::REGISTER)
        .child(el("instructions", ns::REGISTER).with_text(instructions))
        .children_from(fields.iter().map(|field| el(field, ns::REGISTER)))
}

/// The answer to a get of one who has an account already (XEP-0077 §3.1).
pub fn registered(username: &str) -> Element {
    el("query", ns::REGISTER)
        .child(el("registered", ns::REGISTER))
        .child(el("username", ns::REGISTER).with_text(username))
        .child(el("password", ns::REGISTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(xml: &str, expected: Query) {
        let el: Element = format!("<query xmlns='jabber:iq:register'>{xml}</query>")
            .parse()
            .unwrap();
        assert_eq!(Query::parse(&el, true), Ok(expected));
    }

    fn bill() -> Submit {
        Submit {
            username: Some("bill".into()),
            password: Some("Calliope".into()),
            ..Submit::default()
        }
    }

    #[test]
    fn legacy_fields_and_data_forms_say_the_same() {
        check(
            "<username>bill</username><password>Calliope</password><email/>",
            Query::Submit(bill()),
        );
        check(
            "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>jabber:iq:register</value></field>\
             <field var='username'><value>bill</value></field><field var='password'><value>Calliope</value></field></x>",
            Query::Submit(bill()),
        );
    }

    #[test]
    fn an_account_is_removed_only_by_remove_alone() {
        check("<remove/>", Query::Remove);
        let el: Element = "<query xmlns='jabber:iq:register'><remove/><username>a</username></query>"
            .parse()
            .unwrap();
        assert!(Query::parse(&el, true).is_err());
    }

    #[test]
    fn a_get_asks_for_the_form() {
        let el: Element = "<query xmlns='jabber:iq:register'/>".parse().unwrap();
        assert_eq!(Query::parse(&el, false), Ok(Query::Form));
        assert_eq!(
            String::from_utf8(crate::self_contained(&form("Choose.", &["username", "password"]), None)).unwrap(),
            "<query xmlns='jabber:iq:register'><instructions>Choose.</instructions><username/><password/></query>"
        );
        assert_eq!(
            String::from_utf8(crate::self_contained(&registered("bill"), None)).unwrap(),
            "<query xmlns='jabber:iq:register'><registered/><username>bill</username><password/></query>"
        );
    }

    #[test]
    fn a_password_is_not_shown() {
        assert!(!format!("{:?}", Query::Submit(bill())).contains("Calliope"));
    }
}
