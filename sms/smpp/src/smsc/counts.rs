//! What the SMSC tells of itself: texts that came, and how often what happened.
//!
//! Plain data; `world` fills it.

use std::time::Duration;

/// A text that was submitted, put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// When its last part came, from the start of the SMSC.
    pub at: Duration,
    /// From whom, with `+` where it is international.
    pub from: String,
    /// To whom, likewise.
    pub to: String,
    /// What.
    pub text: String,
    /// In how many parts.
    pub parts: usize,
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What happened so far.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counts {
            /// Names and numbers.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

counts! {
    /// Connections that were bound.
    binds,
    /// Binds that were refused.
    refused_binds,
    /// Submits that came.
    submits,
    /// Submits that were taken.
    taken,
    /// Submits that were refused because of rate or window.
    throttled,
    /// Texts put together.
    texts,
    /// Receipts said.
    receipts,
    /// Messages from phones said, parts each for itself; what comes again counts again.
    messages,
    /// Messages and receipts that were taken.
    acknowledged,
    /// Messages and receipts that were refused for good.
    rejected,
    /// Enquiries that came.
    enquiries,
    /// Commands that were refused as a whole.
    nacks,
}
