//! The gateway's ad-hoc commands (XEP-0050): linking a phone, its settings, and how it stands.
//!
//! A command keeps no state between its stages: what was filled in says where it is. Knows no phone.
//! Next: [`reef_sms::gateway::Gateway`].

use super::contact::{Contact, Iq, refused};
use super::register::{CODE, PHONE, next_step};
use minidom::Element;
use reef_sms::gateway::{Answer, Linked, Proof, Set, Status};
use reef_stanza::command::{Action, Command, Status as Stage, command_reply};
use reef_stanza::element::{Build, el};
use reef_stanza::form::{Field, FieldKind, Form, FormKind};
use reef_stanza::{Condition, IqPayload, StanzaError, ns};

/// What forms of commands are (XEP-0068).
const FORM: &str = "urn:reef:sms:0";

/// A command.
pub(super) struct Offer {
    pub(super) node: &'static str,
    pub(super) name: &'static str,
    run: fn(Run),
}

/// The commands, in the order in which they are shown.
pub(super) const OFFERS: &[Offer] = &[
    Offer {
        node: "link",
        name: "Link a phone",
        run: link,
    },
    Offer {
        node: "status",
        name: "Show how it stands",
        run: status,
    },
    Offer {
        node: "settings",
        name: "Change settings",
        run: settings,
    },
    Offer {
        node: "pin",
        name: "Set or remove the PIN",
        run: pin,
    },
    Offer {
        node: "on",
        name: "Send me texts",
        run: |run| switch(run, true),
    },
    Offer {
        node: "off",
        name: "Send me no texts for now",
        run: |run| switch(run, false),
    },
    Offer {
        node: "follows",
        name: "Show whose posts come as texts",
        run: follows,
    },
    Offer {
        node: "unlink",
        name: "Unlink the phone",
        run: unlink,
    },
];

/// A command that is run.
struct Run {
    contact: Contact,
    iq: Iq,
    command: Command,
}

/// Runs a command.
pub(super) fn run(contact: &Contact, iq: Iq, command: Element) {
    let command = match Command::parse(command) {
        Ok(command) => command,
        Err(error) => return contact.answer(&iq, Err(error)),
    };
    let Some(offer) = OFFERS.iter().find(|offer| offer.node == command.node) else {
        let error = StanzaError::new(Condition::ItemNotFound).with_text("there is no such command");
        return contact.answer(&iq, Err(error));
    };
    let run = Run {
        contact: contact.clone(),
        iq,
        command,
    };
    match run.command.action {
        Action::Cancel => run.says(Stage::Canceled, None, None),
        _ => (offer.run)(run),
    }
}

impl Run {
    fn account(&self) -> String {
        self.iq.account.clone()
    }

    /// What was filled in, without the space around it.
    fn filled(&self, field: &str) -> Option<String> {
        let form = self.command.form.as_ref().filter(|form| form.kind == FormKind::Submit);
        form?.value(field).map(|value| value.trim().to_owned())
    }

    fn says(&self, stage: Stage, note: Option<&str>, form: Option<&Form>) {
        let session = self.command.session.as_deref().unwrap_or(&self.command.node);
        let note = note.map(|note| el("note", ns::COMMANDS).set("type", "info").with_text(note));
        let reply = command_reply(&self.command.node, session, stage, form).children_from(note);
        self.contact.answer(&self.iq, Ok(Some(reply)));
    }

    fn asks(&self, form: &Form) {
        self.says(Stage::Executing, None, Some(form));
    }

    fn refuses(&self, why: String) {
        self.contact.answer(&self.iq, Err(refused(why)));
    }

    /// Says that it is done, in these words.
    fn done(self, words: &'static str) -> Answer<()> {
        Box::new(move |done| match done {
            Ok(()) => self.says(Stage::Completed, Some(words), None),
            Err(why) => self.refuses(why),
        })
    }

    /// Goes on with the linked number, where there is one.
    fn linked(self, then: impl FnOnce(Run, Linked) + Send + 'static) {
        let (desk, account) = (self.contact.gateway.clone(), self.account());
        let answer = move |status: Result<Status, String>| match status.map(|status| status.linked) {
            Ok(Some(linked)) => then(self, linked),
            Ok(None) => self.refuses("no phone is linked with this account".to_owned()),
            Err(why) => self.refuses(why),
        };
        desk.status(&account, Box::new(answer));
    }
}

fn asking(title: Field) -> Form {
    Form::new(FormKind::Form, FORM).with(title)
}

fn link(run: Run) {
    let (desk, account) = (run.contact.gateway.clone(), run.account());
    match (run.filled(CODE), run.filled(PHONE)) {
        (Some(code), _) => desk.prove(&account, &code, run.done("Your phone is linked.")),
        (None, Some(number)) => {
            let answer = move |proof: Result<Proof, String>| match proof {
                Ok(Proof::TypedHere) => {
                    run.asks(&asking(
                        Field::new(FieldKind::TextSingle, CODE).label("The code that your phone got"),
                    ));
                }
                Ok(proof) => run.says(Stage::Completed, Some(&next_step(&proof)), None),
                Err(why) => run.refuses(why),
            };
            desk.link(&account, &number, Box::new(answer));
        }
        (None, None) => run.asks(&asking(
            Field::new(FieldKind::TextSingle, PHONE).label("Phone number, with its country code"),
        )),
    }
}

fn unlink(run: Run) {
    let (desk, account) = (run.contact.gateway.clone(), run.account());
    desk.unlink(&account, run.done("Your phone is linked no longer."));
}

fn switch(run: Run, on: bool) {
    let (desk, account) = (run.contact.gateway.clone(), run.account());
    let words = match on {
        true => "Your phone gets texts.",
        false => "Your phone gets no texts until you turn them on again.",
    };
    desk.set(&account, vec![Set::On(on)], run.done(words));
}

fn pin(run: Run) {
    let (desk, account) = (run.contact.gateway.clone(), run.account());
    match run.filled("pin") {
        Some(pin) => {
            let words = match pin.is_empty() {
                true => "Your phone needs no PIN any more.",
                false => "Your phone writes the PIN before what it says.",
            };
            let pin = Some(pin).filter(|pin| !pin.is_empty());
            desk.set(&account, vec![Set::Pin(pin)], run.done(words));
        }
        None => run.linked(|run, _| {
            run.asks(&asking(
                Field::new(FieldKind::TextPrivate, "pin").label("4 to 8 digits; nothing removes it"),
            ));
        }),
    }
}

fn settings(run: Run) {
    let (desk, account) = (run.contact.gateway.clone(), run.account());
    let Some(form) = run.command.form.as_ref().filter(|form| form.kind == FormKind::Submit) else {
        return run.linked(|run, linked| run.asks(&settings_form(&linked, FormKind::Form)));
    };
    let text = |name: &str| form.value(name).map(|value| value.trim().to_owned());
    let settings = [
        text("timezone").map(Set::Zone),
        text("quiet").map(Set::Quiet),
        text("limit").map(Set::Limit),
        form.boolean("messages").map(Set::Messages),
        form.boolean("replies").map(Set::Replies),
    ];
    let settings = settings.into_iter().flatten().collect();
    desk.set(&account, settings, run.done("That is how it is from now on."));
}

fn settings_form(linked: &Linked, kind: FormKind) -> Form {
    let text = |name: &str, label: &str, value: &str| Field::new(FieldKind::TextSingle, name).label(label).value(value);
    let yes = |name: &str, label: &str, value: bool| {
        let value = if value { "1" } else { "0" };
        Field::new(FieldKind::Boolean, name).label(label).value(value)
    };
    Form::new(kind, FORM)
        .with(text("timezone", "Time zone, like Europe/Berlin", &linked.zone))
        .with(text(
            "quiet",
            "Quiet hours, like 21:00-08:00; empty: none",
            &linked.quiet,
        ))
        .with(text("limit", "Texts a day", &linked.limit.to_string()))
        .with(yes("messages", "Direct messages as texts", linked.messages))
        .with(yes("replies", "Also posts that answer others", linked.replies))
}

fn status(run: Run) {
    run.linked(|run, linked| {
        let shown =
            |name: &str, label: &str, value: &str| Field::new(FieldKind::TextSingle, name).label(label).value(value);
        let mut form = settings_form(&linked, FormKind::Result);
        let pin = if linked.pin { "set" } else { "none" };
        let about = [
            shown("number", "Phone", &linked.number),
            shown("state", "State", &linked.state),
            shown("pin", "PIN", pin),
        ];
        form.fields.splice(0..0, about);
        run.says(Stage::Completed, None, Some(&form));
    });
}

fn follows(run: Run) {
    let (desk, account) = (run.contact.gateway.clone(), run.account());
    let answer = move |names: Result<Vec<String>, String>| match names {
        Ok(names) if names.is_empty() => run.says(Stage::Completed, Some("Nobody's posts come as texts."), None),
        Ok(names) => {
            let field = Field::new(FieldKind::TextMulti, "follows").label("Whose posts come as texts");
            let field = names.into_iter().fold(field, Field::value);
            let form = Form::new(FormKind::Result, FORM).with(field);
            run.says(Stage::Completed, None, Some(&form));
        }
        Err(why) => run.refuses(why),
    };
    desk.gets(&account, Box::new(answer));
}
