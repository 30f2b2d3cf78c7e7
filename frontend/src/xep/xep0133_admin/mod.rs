//! XEP-0133, Service Administration: ad-hoc commands of the domain, for the accounts that `c2s.admins` names, and nobody else.
//!
//! Each is the form that the XEP has; what is done is what `reef user` does. A command keeps no state between its stages.
//! Nothing here runs on a shard: what changes something waits for its commit on the thread that derives keys, what reads on
//! a reader's. Next: `users.rs`, `online.rs`.

mod online; // of sessions
mod users; //  of accounts

use super::{Answer, Ctx, Module, Routes, To, invite_commands, invite_items, run_invite};
use crate::config::Config;
use jid::{BareJid, Jid};
use minidom::Element;
use reef_stanza::command::{Action, Command, Status, command_reply};
use reef_stanza::element::{Build, el};
use reef_stanza::form::{Field, FieldKind, Form, FormKind};
use reef_stanza::{Condition, StanzaError, ns};
use xmpp_parsers::disco::{DiscoInfoResult, Identity};

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0133",
    version: "1.3.1",
    title: "Service Administration",
    note: "for `c2s.admins`: accounts, sessions, counts and lists, an announcement to who is online",
    server: &[ns::COMMANDS],
    account: &[],
    service: &[],
    routes,
};

/// A command.
struct Offer {
    /// What of its node comes behind `http://jabber.org/protocol/admin#`.
    name: &'static str,
    title: &'static str,
    asks: &'static [Asked],
    run: fn(&mut Ctx<'_>, Run) -> Result<Answer, StanzaError>,
}

/// A field of its form.
struct Asked {
    kind: FieldKind,
    var: &'static str,
    label: &'static str,
    required: bool,
}

const fn asked(kind: FieldKind, var: &'static str, label: &'static str, required: bool) -> Asked {
    Asked {
        kind,
        var,
        label,
        required,
    }
}

const ACCOUNT: Asked = asked(FieldKind::JidSingle, "accountjid", "The address of the account", true);
const ACCOUNTS: &[Asked] = &[asked(
    FieldKind::JidMulti,
    "accountjids",
    "The addresses of the accounts",
    true,
)];
const SESSIONS: &[Asked] = &[asked(
    FieldKind::JidMulti,
    "accountjids",
    "The addresses of accounts, or of single sessions",
    true,
)];
const PASSWORD: Asked = asked(FieldKind::TextPrivate, "password", "The password", true);
const AGAIN: Asked = asked(FieldKind::TextPrivate, "password-verify", "The password again", false);
const MOST: &[Asked] = &[asked(
    FieldKind::ListSingle,
    "max_items",
    "How many to show at most",
    false,
)];
const WORDS: &[Asked] = &[asked(FieldKind::TextMulti, "announcement", "The announcement", true)];

macro_rules! offers {
    ($($name:literal, $title:literal, $asks:expr, $run:path;)*) => {
        &[$(Offer { name: $name, title: $title, asks: $asks, run: $run }),*]
    };
}

/// The commands, in the order of the XEP. Not here: what is of no use without a client of its own (editing of others'
/// rosters, lists of who may log in, the message of the day), and what is configured in a file.
const OFFERS: &[Offer] = offers! {
    "add-user", "Add a user", &[ACCOUNT, PASSWORD, AGAIN], users::add;
    "delete-user", "Delete users", ACCOUNTS, users::delete;
    "disable-user", "Disable users", ACCOUNTS, users::disable;
    "reenable-user", "Enable users again", ACCOUNTS, users::enable;
    "end-user-session", "End sessions", SESSIONS, online::end;
    "change-user-password", "Change a user's password", &[ACCOUNT, PASSWORD], users::password;
    "user-stats", "Show a user", &[ACCOUNT], users::statistics;
    "get-registered-users-num", "Count the registered users", &[], users::count;
    "get-online-users-num", "Count the users online", &[], online::count;
    "get-registered-users-list", "List the registered users", MOST, users::list;
    "get-online-users-list", "List the users online", MOST, online::list;
    "announce", "Tell who is online", WORDS, online::announce;
};

fn routes(on: &mut Routes) {
    on.set(&[To::Server], run);
}

/// Whether an account administers the server.
pub(crate) fn is_admin(config: &Config, account: &BareJid) -> bool {
    config.c2s.admins.iter().any(|admin| admin == account.as_str())
}

/// The commands, for who may run them (XEP-0050 §3.2); for others there are none.
pub(crate) fn admin_commands(config: &Config, by: &BareJid) -> Vec<Element> {
    let item = |offer: &Offer| {
        el("item", ns::DISCO_ITEMS)
            .set("jid", &config.domain)
            .set("node", &node(offer))
            .set("name", offer.title)
    };
    let offers = OFFERS.iter().filter(|_| is_admin(config, by));
    offers.map(item).chain(invite_items(config, by)).collect()
}

/// What the list of commands is, or one of them, to who may run them (XEP-0050 §3.3).
pub(crate) fn admin_info(config: &Config, by: &BareJid, asked: &str) -> Option<DiscoInfoResult> {
    let ours = OFFERS.iter().filter(|_| is_admin(config, by));
    let others = invite_commands(config, by);
    let mut known = ours
        .map(|offer| (node(offer), offer.title))
        .chain(others.iter().map(|(node, title)| ((*node).to_owned(), *title)));
    let (kind, title) = match known.find(|(node, _)| node == asked) {
        Some((_, title)) => ("command-node", title),
        None if asked == ns::COMMANDS && (is_admin(config, by) || !others.is_empty()) => ("command-list", "Commands"),
        None => return None,
    };
    Some(DiscoInfoResult {
        node: Some(asked.to_owned()),
        identities: vec![Identity {
            category: "automation".to_owned(),
            type_: kind.to_owned(),
            lang: None,
            name: Some(title.to_owned()),
        }],
        features: [ns::COMMANDS, ns::XDATA].map(str::to_owned).into(),
        extensions: Vec::new(),
    })
}

fn node(offer: &Offer) -> String {
    format!("{}#{}", ns::ADMIN, offer.name)
}

/// A command that is run, with what was filled in.
struct Run {
    command: Command,
    form: Form,
    /// Who runs it.
    by: BareJid,
}

impl Run {
    fn text(&self, var: &str) -> Result<String, StanzaError> {
        let filled = self.form.value(var).filter(|value| !value.is_empty());
        let missing = || StanzaError::new(Condition::BadRequest).with_text(format!("{var} is missing"));
        filled.map(str::to_owned).ok_or_else(missing)
    }

    fn lines(&self, var: &str) -> Vec<String> {
        let lines = self.form.values(var).unwrap_or_default();
        lines.iter().map(|line| line.trim().to_owned()).collect()
    }

    /// The addresses that were filled in, at least one.
    fn jids(&self) -> Result<Vec<Jid>, StanzaError> {
        let filled = self.lines("accountjids").into_iter().filter(|jid| !jid.is_empty());
        let malformed = |_| StanzaError::new(Condition::JidMalformed);
        let jids: Vec<Jid> = filled
            .map(|jid| Jid::new(&jid).map_err(malformed))
            .collect::<Result<_, _>>()?;
        match jids.is_empty() {
            true => Err(StanzaError::new(Condition::BadRequest).with_text("accountjids is missing")),
            false => Ok(jids),
        }
    }

    /// How many to show, where a number was filled in.
    fn most(&self, ours: usize) -> usize {
        let asked = self.form.value("max_items").and_then(|most| most.parse().ok());
        asked.unwrap_or(ours).min(ours)
    }

    /// Done; with a note where there is something to say.
    fn done(&self, note: Option<(&str, &str)>) -> Answer {
        let note = note.map(|(kind, text)| el("note", ns::COMMANDS).set("type", kind).with_text(text));
        Answer::Payload(said(&self.command, Status::Completed, None).children_from(note))
    }

    /// Done, and this came of it.
    fn found(&self, fields: impl IntoIterator<Item = Field>) -> Answer {
        let form = fields
            .into_iter()
            .fold(Form::new(FormKind::Result, ns::ADMIN), Form::with);
        Answer::Payload(said(&self.command, Status::Completed, Some(&form)))
    }
}

fn run(ctx: &mut Ctx<'_>, command: Command) -> Result<Answer, StanzaError> {
    if let Some(answer) = run_invite(ctx, &command) {
        return answer;
    }
    let by = ctx.from.to_bare();
    // Who acts for an account without a session is nobody to administer.
    if ctx.slot.is_none() || !is_admin(&ctx.hub.server.config, &by) {
        return Err(StanzaError::new(Condition::Forbidden));
    }
    let Some(offer) = OFFERS.iter().find(|offer| node(offer) == command.node) else {
        return Err(StanzaError::new(Condition::ItemNotFound).with_text("there is no such command"));
    };
    let filled = command.form.clone().filter(|form| form.kind == FormKind::Submit);
    match (command.action, filled) {
        (Action::Cancel, _) => Ok(Answer::Payload(said(&command, Status::Canceled, None))),
        (Action::Prev, _) | (_, None) if !offer.asks.is_empty() => {
            Ok(Answer::Payload(said(&command, Status::Executing, Some(&form(offer)))))
        }
        (_, filled) => {
            let form = filled.unwrap_or_else(|| Form::new(FormKind::Submit, ns::ADMIN));
            tracing::info!(%by, command = offer.name, accounts = ?form.values("accountjids"),
                account = ?form.value("accountjid"), "an administrator runs a command");
            (offer.run)(ctx, Run { command, form, by })
        }
    }
}

fn form(offer: &Offer) -> Form {
    let field = |asked: &Asked| {
        let mut field = Field::new(asked.kind, asked.var).label(asked.label);
        field.required = asked.required;
        let choices = ["25", "50", "75", "100", "150", "200", "none"];
        let choices = choices.iter().filter(|_| asked.kind == FieldKind::ListSingle);
        choices.fold(field, |field, choice| field.option(None, choice))
    };
    let mut form = Form::new(FormKind::Form, ns::ADMIN);
    form.title = Some(offer.title.to_owned());
    offer.asks.iter().map(field).fold(form, Form::with)
}

fn said(command: &Command, status: Status, form: Option<&Form>) -> Element {
    let session = command.session.as_deref().unwrap_or(&command.node);
    command_reply(&command.node, session, status, form)
}
