//! The command line of `reef`: what may be typed, and what is printed for it.
//!
//! Knows no XMPP. `serve` and `demo` start a server; the rest asks a running one over its administration socket, or opens
//! the store itself where none runs.

mod args;
mod check;
mod demo;
mod import;
mod live;
mod portable;
mod print;
mod run;
mod serve;
mod sms;

pub use args::Args;
pub use run::run;

/// Why a command fails: exit code and one line that says what to do.
#[derive(Debug)]
pub struct Exit {
    /// 2 on wrong use, else 1.
    pub code: u8,
    /// The line.
    pub line: String,
}

impl Exit {
    pub(crate) fn failed(why: impl std::fmt::Display) -> Exit {
        Exit {
            code: 1,
            line: why.to_string(),
        }
    }

    pub(crate) fn wrong_use(why: impl std::fmt::Display) -> Exit {
        Exit {
            code: 2,
            line: why.to_string(),
        }
    }
}
