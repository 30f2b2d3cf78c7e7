//! What the contact needs of the gateway: a phone's link with an account, and its settings, in the gateway's own words.
//!
//! Knows no XMPP. A number comes in as somebody types it, and never goes out but masked. Next: `contact.rs` asks.

/// What follows, called once, on any thread: it must not wait. A refusal is one line for people.
pub(crate) type Answer<T> = Box<dyn FnOnce(Result<T, String>) + Send>;

/// The gateway, as accounts use it. None of it waits.
pub(crate) trait Desk: Send + Sync + 'static {
    /// Carries out what an account says, as if its phone had said it. Answers come as words of the gateway's address.
    fn say(&self, account: &str, text: &str);

    /// How an account stands.
    fn status(&self, account: &str, answer: Answer<Status>);

    /// Begins to link a number.
    fn link(&self, account: &str, number: &str, answer: Answer<Proof>);

    /// Ends that with the code that its phone got.
    fn prove(&self, account: &str, code: &str, answer: Answer<()>);

    /// Links it no longer.
    fn unlink(&self, account: &str, answer: Answer<()>);

    /// Changes settings of the number.
    fn set(&self, account: &str, settings: Vec<Setting>, answer: Answer<()>);

    /// The names of those whose posts the number gets.
    fn gets(&self, account: &str, answer: Answer<Vec<String>>);
}

/// How a link is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
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

/// A number's link with an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// The number, masked.
    pub(crate) linked: Option<Linked>,
    /// Whether a code that is typed here is waited for.
    pub(crate) awaits_code: bool,
}

/// A linked number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Linked {
    /// It, masked.
    pub(crate) number: String,
    /// How it is: one word or two.
    pub(crate) state: String,
    /// Its time zone, if that is known.
    pub(crate) zone: String,
    /// When it is left alone, as `21:00-08:00`; empty: never.
    pub(crate) quiet: String,
    /// Segments a day.
    pub(crate) limit: String,
    /// Whether it gets direct messages.
    pub(crate) messages: bool,
    /// Whether it gets posts that answer others.
    pub(crate) replies: bool,
    /// Whether it has a PIN.
    pub(crate) pin: bool,
}

/// A setting, as somebody fills it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// The time zone; empty: that of the number's country.
    Zone(String),
    /// When it is left alone, as `21:00-08:00`; empty: never.
    Quiet(String),
    /// Segments a day.
    Limit(String),
    /// Whether it gets direct messages.
    Messages(bool),
    /// Whether it gets posts that answer others.
    Replies(bool),
    /// The PIN; none: it is asked for none.
    Pin(Option<String>),
    /// Whether it gets anything at the moment.
    On(bool),
}
