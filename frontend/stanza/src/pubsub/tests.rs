//! Requests as the XEP and Movim write them, and golden replies and events.

mod golden;
mod refusals;
mod requests;

use super::*;
use crate::StanzaError;

fn pubsub(xml: &str) -> Element {
    format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{xml}</pubsub>")
        .parse()
        .unwrap()
}

fn owner(xml: &str) -> Element {
    format!("<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>{xml}</pubsub>")
        .parse()
        .unwrap()
}

/// The names of the error's children, in order.
fn names(error: &StanzaError) -> Vec<String> {
    error
        .to_element()
        .children()
        .map(|child| child.name().to_owned())
        .collect()
}
