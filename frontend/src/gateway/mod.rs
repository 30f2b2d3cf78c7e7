//! The SMS gateway as a part of the server: where the front end and `reef_sms` meet, and nowhere else.
//!
//! What accounts do by phone goes to the front end as theirs (`network.rs`); what they ask of the gateway comes from its
//! contact (`contact.rs`). Knows no route.

mod commands; // XEP-0050
mod contact; //  what is said to its address
mod disco; //    XEP-0030
mod network; //  what the gateway needs of the front end
mod part; //     what the front end needs of the gateway
mod register; // XEP-0077

#[cfg(test)]
mod tests;

pub(crate) use part::make;
