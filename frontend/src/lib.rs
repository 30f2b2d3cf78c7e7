//! Reef's front end: XMPP for clients, over the engine. The modules stand in the order in which a client meets them.
//!
//! It knows the engine by its façade and its types, and nothing of RocksDB.
#![deny(unsafe_code)]

pub mod admin; //   what an operator asks
pub mod cli; //     what may be typed
pub mod config; //  what the operator says
pub mod part; //    another part of the server
pub mod server; //  what is started, in which order

pub mod memory; //  clients without sockets, for those who measure

mod host; //        accounts for the negotiation
pub mod listen; //  sockets
pub mod sasl; //    who are you
pub mod stream; //  from the first byte to `<success/>`
pub mod tls; //     certificates

mod http; //        metrics, health, public pages

mod atom; //        posts, as far as a server reads them
mod errors; //      engine errors → stanza errors
mod invite; //      what invites somebody
mod limits; //      fixed limits
mod peer; //        other servers
mod portable; //    accounts as files
mod router; //      between shards
mod schedule; //    what the kernel is told of threads
mod session; //     after login
mod tables; //      accounts, rosters, offline messages, archives
mod upload; //      files that accounts upload
mod uri; //         where posts are found
#[doc(hidden)]
pub mod xep; //     one file per XEP
