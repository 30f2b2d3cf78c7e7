//! Ad-hoc commands (XEP-0050): what is run, how far it is, and its form. Must not know any command; next: the front end's
//! table of them.

use minidom::Element;

use crate::element::{Build, attr, el};
use crate::form::{Form, words};
use crate::ns;
use crate::payload::{IqPayload, bad_request};
use crate::stanza_error::StanzaError;

words! {
    Action {
        /// Go back a stage.
        Prev = "prev",
        /// Go on, as the command sees fit.
        Execute = "execute",
        /// Go to the next stage.
        Next = "next",
        /// That was all: finish.
        Complete = "complete",
        /// Give it up.
        Cancel = "cancel",
    },
    "What is to be done with a command (XEP-0050 §3.4)."
}

words! {
    Status {
        /// It waits for its next form.
        Executing = "executing",
        /// It is done.
        Completed = "completed",
        /// It was given up.
        Canceled = "canceled",
    },
    "How far a command is (XEP-0050 §3.1)."
}

/// A request: `<command/>` in an iq of type set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Which command.
    pub node: String,
    /// The run that it goes on with.
    pub session: Option<String>,
    /// What to do.
    pub action: Action,
    /// What was filled in.
    pub form: Option<Form>,
}

impl IqPayload for Command {
    const NAME: &'static str = "command";
    const NS: &'static str = ns::COMMANDS;

    fn parse(el: Element) -> Result<Self, StanzaError> {
        let action = match el.attr("action") {
            None => Action::Execute,
            Some(word) => Action::from_word(word).ok_or_else(|| bad_request("an action that is not known"))?,
        };
        Ok(Command {
            node: attr(&el, "node").ok_or_else(|| bad_request("a command without a node"))?,
            session: attr(&el, "sessionid"),
            action,
            form: Form::find(&el)?,
        })
    }
}

/// The answer to a command, with the form that comes next or the result.
pub fn command_reply(node: &str, session: &str, status: Status, form: Option<&Form>) -> Element {
    let reply = el("command", ns::COMMANDS)
        .set("node", node)
        .set("sessionid", session)
        .set("status", status.as_str());
    let actions = (status == Status::Executing).then(|| {
        let complete = el("complete", ns::COMMANDS);
        el("actions", ns::COMMANDS).set("execute", "complete").child(complete)
    });
    reply.children_from(actions).children_from(form.map(Form::to_element))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_without_an_action_is_executed() {
        let el: Element = "<command xmlns='http://jabber.org/protocol/commands' node='n' sessionid='s'/>"
            .parse()
            .unwrap();
        let expected = Command {
            node: "n".into(),
            session: Some("s".into()),
            action: Action::Execute,
            form: None,
        };
        assert_eq!(Command::parse(el), Ok(expected));
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for xml in [
            "<command xmlns='http://jabber.org/protocol/commands'/>",
            "<command xmlns='http://jabber.org/protocol/commands' node='n' action='dance'/>",
        ] {
            assert!(Command::parse(xml.parse().unwrap()).is_err(), "{xml}");
        }
    }
}
