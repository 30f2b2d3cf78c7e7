//! What is in a frame, and what is put into one.
//!
//! A body that cannot be read is `Malformed`, a value that holds the header: whoever reads answers it and goes on. Responses are read
//! leniently: those with an error may be a header only, and a message id that is missing or too long is none.

use super::bind::{Bind, Mode, put_text, text};
use super::command::{self, RESPONSE};
use super::frame::{Frame, HEADER, Header};
use super::message::{Kind, Message};
use bytes::{BufMut, BytesMut};

/// Characters of a message id.
const MESSAGE_ID_MAX: usize = 64;

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    /// 0 in requests.
    pub status: u32,
    /// What a response has in common with its request.
    pub sequence: u32,
    /// The rest.
    pub body: Body,
}

/// What a command says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A bind.
    Bind(Bind),
    /// Its answer: from which system.
    BindResp(Mode, String),
    /// A message.
    Message(Kind, Message),
    /// Its answer, with the id it got.
    MessageResp(Kind, Option<String>),
    /// The session shall end.
    Unbind,
    /// It may.
    UnbindResp,
    /// Is somebody there?
    EnquireLink,
    /// Yes.
    EnquireLinkResp,
    /// What came was no command that is known, or was refused as a whole.
    GenericNack,
    /// A command that nobody answers: `alert_notification`.
    Notice,
    /// A command that is not known.
    Unknown(u32),
}

/// A body that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body of command {:#010x} cannot be read", header.command)]
pub struct Malformed {
    /// Its header.
    pub header: Header,
}

impl Frame {
    /// What is in it.
    ///
    /// # Errors
    /// Its body cannot be read.
    pub fn read(&self) -> Result<Pdu, Malformed> {
        let Header { status, sequence, .. } = self.header;
        let body = self.body().ok_or(Malformed { header: self.header })?;
        Ok(Pdu { status, sequence, body })
    }

    fn body(&self) -> Option<Body> {
        let command = self.header.command;
        if let Some(mode) = Mode::of(command) {
            return Bind::read(mode, &self.body).map(Body::Bind);
        }
        if let Some(kind) = Kind::of(command) {
            return Message::read(kind, &self.body).map(|message| Body::Message(kind, message));
        }
        let id = || text(&mut self.body.as_ref(), MESSAGE_ID_MAX).filter(|text| !text.is_empty());
        Some(match command {
            command::GENERIC_NACK => Body::GenericNack,
            command::UNBIND => Body::Unbind,
            command::ENQUIRE_LINK => Body::EnquireLink,
            command::ALERT_NOTIFICATION => Body::Notice,
            response if command::is_response(response) => match response & !RESPONSE {
                command::UNBIND => Body::UnbindResp,
                command::ENQUIRE_LINK => Body::EnquireLinkResp,
                request => match (Mode::of(request), Kind::of(request)) {
                    (Some(mode), _) => Body::BindResp(mode, id().unwrap_or_default()),
                    (_, Some(kind)) => Body::MessageResp(kind, id()),
                    _ => Body::Unknown(response),
                },
            },
            other => Body::Unknown(other),
        })
    }
}

impl Pdu {
    /// A command of this number.
    pub fn new(status: u32, sequence: u32, body: Body) -> Pdu {
        Pdu { status, sequence, body }
    }

    /// Appends it to what is to be written.
    pub fn write(&self, out: &mut BytesMut) {
        let begin = out.len();
        out.put_u32(0);
        out.put_u32(self.body.command());
        out.put_u32(self.status);
        out.put_u32(self.sequence);
        match &self.body {
            Body::Bind(bind) => bind.write(out),
            Body::Message(kind, message) => message.write(*kind, out),
            // §4.1.2: without a body where it is an error.
            Body::BindResp(_, system_id) if self.status == command::OK => put_text(system_id, out),
            Body::MessageResp(kind, id) if self.status == command::OK || *kind != Kind::Submit => {
                put_text(id.as_deref().unwrap_or_default(), out);
            }
            _ => {}
        }
        let length = u32::try_from(out.len() - begin).unwrap_or(u32::MAX);
        debug_assert!(out.len() - begin >= HEADER);
        if let Some(place) = out.get_mut(begin..begin + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }
}

impl Body {
    fn command(&self) -> u32 {
        match self {
            Body::Bind(bind) => bind.mode.command(),
            Body::BindResp(mode, _) => mode.command() | RESPONSE,
            Body::Message(kind, _) => kind.command(),
            Body::MessageResp(kind, _) => kind.command() | RESPONSE,
            Body::Unbind => command::UNBIND,
            Body::UnbindResp => command::UNBIND | RESPONSE,
            Body::EnquireLink => command::ENQUIRE_LINK,
            Body::EnquireLinkResp => command::ENQUIRE_LINK | RESPONSE,
            Body::GenericNack => command::GENERIC_NACK,
            Body::Notice => command::ALERT_NOTIFICATION,
            Body::Unknown(command) => *command,
        }
    }
}
