//! What accounts ask of the gateway: to link a phone, to prove it, its settings; and commands as a phone would send them.
//!
//! A number comes in as somebody types it and goes out masked alone. Knows no XMPP. Nothing here waits: answers come later.

use super::whole::{Gateway, Serving};
use crate::config::{Hours, Trust, Zone};
use crate::inbound::{Hall, account_says};
use crate::limits::{ACCOUNT_CODES_PER_DAY, CODES_PER_DAY};
use crate::number::Phone;
use crate::tables::rows::{Class, Code, NumberId, State};
use crate::tables::{Change, Do, NewCode, Op, Say};
use reef_engine::clock::random;
use reef_engine::error::{Error, Reject};
use std::sync::Arc;

/// Called once; a refusal is one line for people.
pub type Answer<T> = Box<dyn FnOnce(Result<T, String>) + Send>;

/// How a number is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The phone texts a code to a number of ours.
    FromPhone {
        /// The code.
        code: String,
        /// Where to.
        to: String,
    },
    /// The phone got a code, which is typed here.
    TypedHere,
}

/// A linked number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Linked {
    /// It, masked.
    pub number: String,
    /// How it is.
    pub state: String,
    /// Its zone, where it is known.
    pub zone: String,
    /// When it is left alone.
    pub quiet: String,
    /// Segments a day.
    pub limit: u16,
    /// Whether it gets direct messages.
    pub messages: bool,
    /// Whether it gets answers to others.
    pub replies: bool,
    /// Whether it has a PIN.
    pub pin: bool,
}

/// How an account stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Its number.
    pub linked: Option<Linked>,
    /// Whether a code that is typed here is waited for.
    pub awaits_code: bool,
}

const NOT_SERVING: &str = "the gateway is stopping";
const NOT_LINKED: &str = "no phone is linked";
const BUSY: &str = "the server is busy: try again later";

fn refused(error: &Error) -> String {
    match error {
        Error::Rejected(Reject::TooFast(_)) => "too many codes for today: try again tomorrow".into(),
        Error::Rejected(Reject::Forbidden) => {
            "this phone has said STOP: START from the phone itself lifts that, and nothing else".into()
        }
        Error::Rejected(Reject::Conflict) => "another phone is linked with this account: unlink it first".into(),
        Error::Rejected(reject) => reject.to_string(),
        _ => BUSY.into(),
    }
}

impl Gateway {
    /// Runs a job of an account, if the gateway serves.
    fn job<T: Send + 'static, F>(&self, answer: Answer<T>, job: impl FnOnce(Serving) -> F)
    where
        F: Future<Output = Result<T, String>> + Send + 'static,
    {
        let Some(serving) = self.serving() else {
            return answer(Err(NOT_SERVING.into()));
        };
        let runtime = serving.runtime.clone();
        let work = job(serving);
        runtime.spawn(async move { answer(work.await) });
    }

    /// A message from an account to the gateway's address: a command; what it says comes from there.
    pub fn say(&self, account: &str, text: &str) {
        let (account, text) = (account.to_owned(), text.to_owned());
        self.job(Box::new(drop), |serving| async move {
            let said = account_says(&serving.hall, &account, &text).await;
            if !said.is_empty() {
                serving.hall.parts.network.tell(&account, &said);
            }
            Ok(())
        });
    }

    /// How an account stands.
    pub fn status(&self, account: &str, answer: Answer<Status>) {
        let account = account.to_owned();
        self.job(answer, |serving| async move { status(&serving.hall, account).await });
    }

    /// Begins to link a number.
    pub fn link(&self, account: &str, number: &str, answer: Answer<Proof>) {
        let (account, number) = (account.to_owned(), number.to_owned());
        self.job(answer, |serving| async move {
            let proof = link(&serving.hall, account.into(), &number).await;
            (serving.hall.wake)();
            proof
        });
    }

    /// Ends that with the code that the phone got.
    pub fn prove(&self, account: &str, code: &str, answer: Answer<()>) {
        let (account, code) = (account.to_owned(), code.trim().to_owned());
        self.job(answer, |serving| async move {
            prove(&serving.hall, account.into(), &code).await
        });
    }

    /// Links it no longer.
    pub fn unlink(&self, account: &str, answer: Answer<()>) {
        let name = account.to_owned();
        self.change(account, answer, move |hall, _| match hall.may_unlink(&name) {
            true => Ok(vec![Change::Account(None)]),
            false => Err(UNREACHABLE.into()),
        });
    }

    /// Changes settings.
    pub fn set(&self, account: &str, settings: Vec<Set>, answer: Answer<()>) {
        self.change(account, answer, move |hall, id| {
            settings.into_iter().map(|set| set.change(hall, id)).collect()
        });
    }

    /// The names of those whose posts the account's phone gets.
    pub fn gets(&self, account: &str, answer: Answer<Vec<String>>) {
        let account = account.to_owned();
        self.job(answer, |serving| async move {
            let id = number_of(&serving.hall, account).await?;
            Ok(serving.hall.gets(id).await)
        });
    }

    fn change(
        &self,
        account: &str,
        answer: Answer<()>,
        changes: impl FnOnce(&Hall, NumberId) -> Result<Vec<Change>, String> + Send + 'static,
    ) {
        let account = account.to_owned();
        self.job(answer, |serving| async move {
            let hall = &serving.hall;
            let number = number_of(hall, account.clone()).await?;
            let op = Op::Do(Do {
                number,
                epoch: None,
                heard: None,
                changes: changes(hall, number)?,
                say: Vec::new(),
                by: account.into(),
            });
            hall.commit(op).await.map_err(|error| refused(&error))?;
            (hall.wake)();
            Ok(())
        });
    }
}

/// A setting of an account's phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Set {
    /// The time zone; empty: the country's.
    Zone(String),
    /// When it is left alone; empty or `off`: never.
    Quiet(String),
    /// Segments a day.
    Limit(String),
    /// Direct messages.
    Messages(bool),
    /// Answers to others.
    Replies(bool),
    /// The PIN, or none.
    Pin(Option<String>),
    /// Everything but answers.
    On(bool),
}

impl Set {
    fn change(self, hall: &Hall, id: NumberId) -> Result<Change, String> {
        Ok(match self {
            Set::Zone(zone) if zone.is_empty() => Change::Zone(None),
            Set::Zone(zone) => {
                Zone::named(&zone).ok_or("zones are named like Europe/Berlin")?;
                Change::Zone(Some(zone.into()))
            }
            Set::Quiet(hours) if hours.is_empty() => Change::Quiet(Some(Hours::default())),
            Set::Quiet(hours) => Change::Quiet(Some(hours.parse()?)),
            Set::Limit(limit) => {
                let limit = limit.trim().parse().ok().filter(|limit| (1..=200).contains(limit));
                Change::Limit(Some(limit.ok_or("the limit is 1 to 200 texts a day")?))
            }
            Set::Messages(on) => Change::Messages(on),
            Set::Replies(on) => Change::Replies(on),
            Set::On(on) => Change::On(None, on),
            Set::Pin(None) => Change::Pin(None),
            Set::Pin(Some(pin)) => {
                let digits = (4..=8).contains(&pin.len()) && pin.bytes().all(|byte| byte.is_ascii_digit());
                let number = hall.parts.rows().number(id).ok().flatten().ok_or(NOT_LINKED)?;
                match digits {
                    true => Change::Pin(Some(hall.pin(&number, &pin))),
                    false => return Err("a PIN has 4 to 8 digits".into()),
                }
            }
        })
    }
}

async fn number_of(hall: &Arc<Hall>, account: String) -> Result<NumberId, String> {
    let found = hall.read(move |hall, _| hall.parts.rows().of_account(&account)).await;
    found.map_err(|error| refused(&error))?.ok_or_else(|| NOT_LINKED.into())
}

async fn status(hall: &Arc<Hall>, account: String) -> Result<Status, String> {
    let found = hall.read(move |hall, _| {
        let rows = hall.parts.rows();
        let code: Option<Code> = rows.code(&account)?;
        let awaits_code = code.is_some_and(|code| !code.from_phone && code.until > hall.now());
        let id = rows.of_account(&account)?;
        let number = id.map(|id| rows.number(id)).transpose()?.flatten();
        let linked = number.map(|number| {
            let phone = hall.parts.keys.phone(&number.sealed);
            Linked {
                number: phone.map(|phone| phone.masked()).unwrap_or_default(),
                state: described(number.state).into(),
                zone: number.zone.as_deref().unwrap_or_default().into(),
                quiet: number.quiet.unwrap_or(hall.parts.settings.quiet).to_string(),
                limit: number.limit.unwrap_or(hall.parts.settings.daily_segments),
                messages: number.messages,
                replies: number.replies,
                pin: number.pin.is_some(),
            }
        });
        Ok(Status { linked, awaits_code })
    });
    found.await.map_err(|error| refused(&error))
}

/// A state, for people.
pub(super) fn described(state: State) -> &'static str {
    match state {
        State::New => "new",
        State::Pending => "asked",
        State::Active => "on",
        State::Off => "off",
        State::Stopped => "stopped",
        State::Dormant => "dormant: START from the phone brings it back",
        State::Bad => "unreachable",
    }
}

/// Why a phone stays linked.
const UNREACHABLE: &str = "this account has no password of its own: set one first, or nobody could log in any more";

/// Six digits that nobody can guess.
fn six_digits() -> Result<String, String> {
    let bytes: [u8; 8] = random().map_err(|_| BUSY)?;
    Ok(format!("{:06}", u64::from_be_bytes(bytes) % 1_000_000))
}

async fn link(hall: &Arc<Hall>, account: Arc<str>, number: &str) -> Result<Proof, String> {
    let phone = Phone::typed(number).map_err(|error| error.to_string())?;
    let settings = &hall.parts.settings;
    let country = settings
        .country_of(phone.e164())
        .filter(|country| country.price.is_some());
    let country = country.ok_or("texts are not sent to that country from here")?;
    let at = settings
        .route
        .iter()
        .position(|route| country.route.is_empty() || route.name == country.route);
    let route = at.and_then(|at| Some((*hall.routes.get(at)?, settings.route.get(at)?)));
    let (id, route) = route.ok_or("there is no route to that country")?;
    let (code, keys) = (six_digits()?, &hall.parts.keys);
    let from_phone = route.mo_trust == Trust::Carrier;
    let until = hall.after(settings.code_expiry.as_millis() as u64);
    let say = (!from_phone).then(|| Say {
        class: Class::First,
        text: format!(
            "{}: your code is {code}. If you did not ask for it, ignore this.",
            settings.brand
        )
        .into(),
        expires: until,
    });
    let op = Op::Code {
        account: account.clone(),
        made: Some(NewCode {
            code: keys.tag(code.as_bytes()),
            hash: keys.hash(&phone),
            sealed: keys.seal(phone.e164().as_bytes()).map_err(|error| error.to_string())?,
            route: id,
            from_phone,
            until,
            most: CODES_PER_DAY,
            most_of_account: ACCOUNT_CODES_PER_DAY,
            say,
        }),
    };
    hall.commit(op).await.map_err(|error| refused(&error))?;
    let to = match country.sender.as_str() {
        "" => route.number.clone(),
        sender => sender.to_owned(),
    };
    Ok(match from_phone {
        true => Proof::FromPhone { code, to },
        false => Proof::TypedHere,
    })
}

async fn prove(hall: &Arc<Hall>, account: Arc<str>, code: &str) -> Result<(), String> {
    const WRONG: &str = "that code is not right, or too old";
    let who = account.clone();
    let found = hall.read(move |hall, _| hall.parts.rows().code(&who)).await;
    let row = found.map_err(|error| refused(&error))?.ok_or(WRONG)?;
    if row.from_phone {
        return Err("text that code from the phone instead".into());
    }
    if row.until <= hall.now() {
        return Err(WRONG.into());
    }
    if row.code != hall.parts.keys.tag(code.as_bytes()) {
        hall.commit(Op::WrongCode { account })
            .await
            .map_err(|error| refused(&error))?;
        return Err(WRONG.into());
    }
    hall.bring_follows(&account, row.number).await;
    let mut changes = vec![
        Change::Proved(account.clone(), row.code),
        Change::Account(Some(account.clone())),
        Change::Doubted(false),
        Change::State(State::Active),
    ];
    changes.extend(hall.consent("a code by text message", "the code, typed by the account"));
    let op = Op::Do(Do {
        number: row.number,
        epoch: None,
        heard: None,
        changes,
        say: Vec::new(),
        by: account,
    });
    match hall.commit(op).await {
        Ok(_) => Ok(()),
        // It was used up meanwhile.
        Err(Error::Rejected(Reject::ItemNotFound)) => Err(WRONG.into()),
        Err(error) => Err(refused(&error)),
    }
}
