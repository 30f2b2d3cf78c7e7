//! `reef sms`: words for the gateway, which knows what they mean.
//!
//! A number that an operator types goes no further than to it: it is in no log. Next: `Part::ask`.

use super::args::{NumberCommand, RouteCommand, SmsCommand};
use crate::admin::Request;
use serde_json::{Value, json};

/// The request for a command: `{"route":"list"}`, `{"route":"pause","name":…}`, `{"number":"show","e164":…}`,
/// `{"number":"reassigned","file":…}`,
/// `{"queue":"show"}`, `{"simulate":PHONE,"text":…}`.
pub(super) fn request(command: SmsCommand) -> Request {
    let words = match command {
        SmsCommand::Route(RouteCommand::List) => json!({ "route": "list" }),
        SmsCommand::Route(RouteCommand::Pause { name }) => json!({ "route": "pause", "name": name }),
        SmsCommand::Route(RouteCommand::Resume { name }) => json!({ "route": "resume", "name": name }),
        SmsCommand::Number(command) => number(command),
        SmsCommand::Simulate { number, text } => json!({ "simulate": number, "text": text }),
        SmsCommand::Queue => json!({ "queue": "show" }),
    };
    Request::Part { words }
}

fn number(command: NumberCommand) -> Value {
    let (verb, number) = match command {
        NumberCommand::Show { number } => ("show", number),
        NumberCommand::Stop { number } => ("stop", number),
        NumberCommand::Start { number } => ("start", number),
        NumberCommand::Export { number } => ("export", number),
        NumberCommand::Erase { number } => ("erase", number),
        NumberCommand::Reassigned { file } => {
            // The server has a folder of its own.
            let file = std::path::absolute(&file).unwrap_or(file);
            return json!({ "number": "reassigned", "file": file });
        }
    };
    json!({ "number": verb, "e164": number })
}
