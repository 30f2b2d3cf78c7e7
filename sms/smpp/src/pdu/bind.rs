//! Bind requests: who one is, and what for. Passwords of 16 characters are said and taken, where the standard ends at 8.
//!
//! Written and read here, because rusmpp holds to the standard in that. `Debug` never shows a password.

use super::command::{BIND_RECEIVER, BIND_TRANSCEIVER, BIND_TRANSMITTER};
use bytes::{BufMut, BytesMut};
use std::fmt;

/// `interface_version` 3.4.
const VERSION: u8 = 0x34;
/// Characters of what a bind says, without the octets that end them: generous to those who bind here.
const FIELD_MAX: usize = 64;

/// What a session is bound for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Both ways.
    Transceiver,
    /// Submits only.
    Transmitter,
    /// Receives only.
    Receiver,
}

impl Mode {
    /// The command that binds so.
    pub fn command(self) -> u32 {
        match self {
            Mode::Transceiver => BIND_TRANSCEIVER,
            Mode::Transmitter => BIND_TRANSMITTER,
            Mode::Receiver => BIND_RECEIVER,
        }
    }

    /// What a command binds as.
    pub(super) fn of(command: u32) -> Option<Mode> {
        let all = [Mode::Transceiver, Mode::Transmitter, Mode::Receiver];
        all.into_iter().find(|mode| mode.command() == command)
    }

    /// Whether it submits.
    pub fn submits(self) -> bool {
        self != Mode::Receiver
    }

    /// Whether it receives.
    pub fn receives(self) -> bool {
        self != Mode::Transmitter
    }
}

/// A bind request.
#[derive(Clone, PartialEq, Eq)]
pub struct Bind {
    /// What for.
    pub mode: Mode,
    /// Who.
    pub system_id: String,
    /// Proof.
    pub password: String,
    /// Kind of system; mostly empty.
    pub system_type: String,
}

impl Bind {
    pub(super) fn write(&self, out: &mut BytesMut) {
        for text in [&self.system_id, &self.password, &self.system_type] {
            put_text(text, out);
        }
        // Version, type and plan of no address range, and none.
        out.put_slice(&[VERSION, 0, 0, 0]);
    }

    pub(super) fn read(mode: Mode, body: &[u8]) -> Option<Bind> {
        let mut rest = body;
        let [system_id, password, system_type] = [
            text(&mut rest, FIELD_MAX)?,
            text(&mut rest, FIELD_MAX)?,
            text(&mut rest, FIELD_MAX)?,
        ];
        Some(Bind {
            mode,
            system_id,
            password,
            system_type,
        })
    }
}

impl fmt::Debug for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bind { mode, system_id, .. } = self;
        write!(f, "Bind({mode:?}, {system_id:?})")
    }
}

/// Appends a text and the octet that ends it.
pub(super) fn put_text(text: &str, out: &mut BytesMut) {
    out.put_slice(text.as_bytes());
    out.put_u8(0);
}

/// Takes a text that an octet 0, or the body, ends; `None` where it is longer than that or no text.
pub(super) fn text(rest: &mut &[u8], max: usize) -> Option<String> {
    let length = rest.iter().position(|octet| *octet == 0).unwrap_or(rest.len());
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after.get(1..).unwrap_or_default();
    (length <= max).then(|| String::from_utf8(text.to_vec()).ok()).flatten()
}
