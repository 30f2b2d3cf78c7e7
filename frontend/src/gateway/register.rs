//! In-band registration with the gateway (XEP-0077 §3, XEP-0100 §4.1): a form with a number, then, where the phone got a code,
//! one with that; and its end.
//!
//! Of a linked number only the masked form is ever shown. Knows no phone. Next: [`reef_sms::gateway::Gateway`].

use super::contact::{Contact, Iq, refused};
use minidom::Element;
use reef_sms::gateway::{Proof, Status};
use reef_stanza::element::{Build, child_text, el};
use reef_stanza::form::{Field, FieldKind, Form, FormKind};
use reef_stanza::{Condition, StanzaError, ns};

/// The field for a number: XEP-0077 has one of that name.
pub(super) const PHONE: &str = "phone";
/// The field for the code.
pub(super) const CODE: &str = "code";

const NUMBER: &str = "Your number with its country code, like +49 170 1234567.";
const TYPE_CODE: &str = "A code is on its way to your phone. Type it here.";

/// Answers a request.
pub(super) fn asked(contact: &Contact, iq: Iq, query: &Element, set: bool) {
    let (desk, contact) = (contact.gateway.clone(), contact.clone());
    let account = iq.account.clone();
    if !set {
        return desk.status(
            &account,
            Box::new(move |status| contact.answer(&iq, status.map(|status| Some(form(&status))).map_err(refused))),
        );
    }
    let field = |name: &str| match Form::find(query) {
        Ok(Some(form)) => form.value(name).map(str::to_owned),
        _ => child_text(query, name),
    };
    let filled = |name: &str| {
        field(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    };
    if query.has_child("remove", ns::REGISTER) {
        let done = move |done: Result<(), String>| contact.answer(&iq, done.map(|()| None).map_err(refused));
        return desk.unlink(&account, Box::new(done));
    }
    match (filled(CODE), filled(PHONE)) {
        (Some(code), _) => {
            let done = move |done: Result<(), String>| contact.answer(&iq, done.map(|()| None).map_err(refused));
            desk.prove(&account, &code, Box::new(done));
        }
        (None, Some(number)) => {
            let done = move |proof: Result<Proof, String>| match proof {
                Ok(proof) => {
                    contact.answer(&iq, Ok(None));
                    contact.tell(&iq.account, &next_step(&proof));
                }
                Err(why) => contact.answer(&iq, Err(refused(why))),
            };
            desk.link(&account, &number, Box::new(done));
        }
        (None, None) => {
            let error = StanzaError::new(Condition::NotAcceptable).with_text("a phone number is needed");
            contact.answer(&iq, Err(error));
        }
    }
}

/// What somebody does next.
pub(super) fn next_step(proof: &Proof) -> String {
    match proof {
        Proof::FromPhone { code, to } => format!("Text {code} to {to} from your phone within ten minutes."),
        Proof::TypedHere => "A code is on its way to your phone: register again with it, or send it to me.".to_owned(),
    }
}

/// What came of a code.
pub(super) fn linked(done: Result<(), String>) -> String {
    done.map_or_else(|why| why, |()| "Your phone is linked.".to_owned())
}

fn form(status: &Status) -> Element {
    let query = el("query", ns::REGISTER);
    let instructions = |text: &str| el("instructions", ns::REGISTER).with_text(text);
    if let Some(linked) = &status.linked {
        let text = format!("{} is linked with your account.", linked.number);
        return query.child(el("registered", ns::REGISTER)).child(instructions(&text));
    }
    let (text, field, label) = match status.awaits_code {
        true => (TYPE_CODE, CODE, "Code"),
        false => (NUMBER, PHONE, "Phone number"),
    };
    let form = Form::new(FormKind::Form, ns::REGISTER);
    let form = form.with(Field::new(FieldKind::TextSingle, field).label(label));
    // A client that knows no forms fills in the field of that name.
    let plain = (field == PHONE).then(|| el(PHONE, ns::REGISTER));
    query
        .child(instructions(text))
        .children_from(plain)
        .child(form.to_element())
}
