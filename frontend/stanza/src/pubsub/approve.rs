//! Approving a subscription by message (XEP-0060 §8.6): the form that owners get, and the one that they send back. Knows
//! no node; next: the session sends the one, and the module of XEP-0060 performs the other.

use minidom::Element;

use crate::element::{Build, el};
use crate::form::{Field, FieldKind, Form, FormKind};
use crate::ns;

const NODE: &str = "pubsub#node";
const JID: &str = "pubsub#subscriber_jid";
const ALLOW: &str = "pubsub#allow";

/// What an owner answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The node.
    pub node: String,
    /// Who asked.
    pub subscriber: String,
    /// Whether he may; `None` where the owner called it off, and nothing changes.
    pub allow: Option<bool>,
}

/// The message to an owner, without its `to`. It has a body, so that it waits for who is away.
pub fn approval_request(service: &str, node: &str, subscriber: &str, id: &str) -> Element {
    let field = |kind, var, label: &str| Field::new(kind, var).label(label);
    let form = Form::new(FormKind::Form, ns::PUBSUB_SUBSCRIBE_AUTHORIZATION)
        .with(field(FieldKind::TextSingle, NODE, "Node ID").value(node))
        .with(field(FieldKind::JidSingle, JID, "Subscriber Address").value(subscriber))
        .with(
            field(
                FieldKind::Boolean,
                ALLOW,
                "Allow this JID to subscribe to this pubsub node?",
            )
            .value("false"),
        );
    let body = format!("{subscriber} wants to subscribe to {node} at {service}");
    el("message", ns::CLIENT)
        .set("from", service)
        .set("id", id)
        .child(el("body", ns::CLIENT).with_text(&body))
        .child(form.to_element())
}

impl Approval {
    /// The answer in a message, if it holds one.
    pub fn find(message: &Element) -> Option<Approval> {
        let forms = message.children().filter(|child| child.is("x", ns::XDATA));
        let mut forms = forms.filter_map(|form| Form::parse(form).ok());
        let form = forms.find(|form| form.form_type.as_deref() == Some(ns::PUBSUB_SUBSCRIBE_AUTHORIZATION))?;
        let text = |var: &str| form.value(var).unwrap_or_default().to_owned();
        match form.kind {
            FormKind::Submit => Some(Approval {
                node: text(NODE),
                subscriber: text(JID),
                allow: Some(form.boolean(ALLOW)?),
            }),
            FormKind::Cancel => Some(Approval {
                node: text(NODE),
                subscriber: text(JID),
                allow: None,
            }),
            FormKind::Form | FormKind::Result => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_owner_is_asked_is_no_answer_and_what_he_submits_is() {
        let asked = approval_request("pubsub.x", "n", "a@x", "1");
        assert_eq!(Approval::find(&asked), None);
        let answer = Form::new(FormKind::Submit, ns::PUBSUB_SUBSCRIBE_AUTHORIZATION)
            .with(Field::new(FieldKind::TextSingle, NODE).value("n"))
            .with(Field::new(FieldKind::JidSingle, JID).value("a@x"))
            .with(Field::new(FieldKind::Boolean, ALLOW).value("1"));
        let message = el("message", ns::CLIENT).child(answer.to_element());
        let expected = Approval {
            node: "n".into(),
            subscriber: "a@x".into(),
            allow: Some(true),
        };
        assert_eq!(Approval::find(&message), Some(expected));
        let called_off = Form::new(FormKind::Cancel, ns::PUBSUB_SUBSCRIBE_AUTHORIZATION);
        let message = el("message", ns::CLIENT).child(called_off.to_element());
        assert_eq!(Approval::find(&message).map(|answer| answer.allow), Some(None));
    }
}
