//! Accounts that another part makes for people who have no client: as open registration allows, and without a password until
//! one is given to them, with which they log in and set their own.
//!
//! Knows no part: who they are is its matter. Next: `tables/account.rs`.

use super::look::{account_of, active};
use super::way::commit;
use super::{Done, Host, Refused};
use crate::config::Registration;
use crate::sasl::{Credentials, Stored};
use crate::server::Server;
use crate::tables::{self, Op};
use jid::BareJid;
use reef_engine::clock::random;
use reef_engine::log::record::Change;
use reef_engine::model::Timestamp;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

/// Who comes by way of a part has no address: all share the rate of one.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl Host {
    /// Makes an account without a password, as `c2s.registration` and the rate of registrations allow. `maker` is who it is
    /// for, as the part knows them: who asks again for an account that has no password yet, is told that it is made.
    #[allow(
        clippy::disallowed_methods,
        reason = "the rate of registrations is a matter of real time"
    )]
    pub fn create_account(&self, name: &str, maker: u64, done: Done<BareJid>) {
        let name = name.to_owned();
        let taken = self.registrations.clone();
        self.look(done, move |server, told| {
            let wanted = wanted(server, &name, maker);
            let allowed = wanted.and_then(|wanted| match wanted {
                Wanted::New(_) if !taken.take(NOWHERE, Instant::now()) => Err(Refused::TooFast),
                wanted => Ok(wanted),
            });
            match allowed {
                Ok(Wanted::Made(account)) => told.tell(Ok(account)),
                Ok(Wanted::New(account)) => {
                    let user: Arc<str> = account.as_str().into();
                    let op = Op::CreateAccount {
                        user: user.clone(),
                        credentials: Stored::None { maker }.to_bytes(),
                    };
                    commit(server, change(&user, &op), &user, told, account);
                }
                Err(refused) => told.tell(Err(refused)),
            }
        });
    }

    /// Whether nobody may have an account of this name: a keyword, or what the server's services are called.
    pub fn is_reserved(&self, name: &str) -> bool {
        let server = self.server();
        server.is_none_or(|server| account_of(&server.domain, name).is_none_or(|jid| server.is_reserved(&jid)))
    }

    /// For whom an account was made that has no password of its own yet; none of every other. Blocks.
    ///
    /// # Errors
    /// There is no such account, it is suspended, or it cannot be read.
    pub fn maker(&self, account: &BareJid) -> Result<Option<u64>, Refused> {
        maker(&*self.server().ok_or(Refused::Busy)?, account)
    }

    /// Gives an account that has no password of its own one with which it logs in until then. Refused as `Taken` where it has
    /// one.
    pub fn pass(&self, account: &BareJid, password: &str, until: Timestamp, done: Done<()>) {
        let (account, password) = (account.clone(), password.to_owned());
        self.hash(done, move |server, told| {
            let given = maker(server, &account).and_then(|maker| match maker {
                Some(maker) => Ok(Stored::Passing {
                    maker,
                    until: until.0,
                    credentials: credentials(server, &password)?,
                }),
                None => Err(Refused::Taken),
            });
            match given {
                Ok(stored) => {
                    let user: Arc<str> = account.as_str().into();
                    let op = Op::SetCredentials {
                        user: user.clone(),
                        credentials: stored.to_bytes(),
                    };
                    commit(server, change(&user, &op), &user, told, ());
                }
                Err(refused) => told.tell(Err(refused)),
            }
        });
    }
}

fn change(user: &Arc<str>, op: &Op) -> Change {
    Change::Table {
        owner: user.clone(),
        op: op.encode(),
    }
}

/// An account that may be had.
enum Wanted {
    New(BareJid),
    /// It was made for the same maker before.
    Made(BareJid),
}

/// The account of a name that may be had.
fn wanted(server: &Server, name: &str, maker: u64) -> Result<Wanted, Refused> {
    if server.config.c2s.registration != Registration::Open {
        return Err(Refused::Forbidden);
    }
    let account = account_of(&server.domain, name).ok_or_else(|| Refused::invalid("this is no name"))?;
    if server.is_reserved(&account) {
        return Err(Refused::Taken);
    }
    // The record decides where two ask at once.
    match tables::account(server.engine.view(), account.as_str())? {
        Some(row) => match Stored::from_bytes(&row.credentials) {
            Ok(stored) if !row.suspended && stored.maker() == Some(maker) => Ok(Wanted::Made(account)),
            _ => Err(Refused::Taken),
        },
        None => Ok(Wanted::New(account)),
    }
}

/// Who made an account, unless it has a password of its own.
fn maker(server: &Server, account: &BareJid) -> Result<Option<u64>, Refused> {
    active(&server.engine, account)?;
    let row = tables::account(server.engine.view(), account.as_str())?.ok_or(Refused::NotFound)?;
    let stored = Stored::from_bytes(&row.credentials).map_err(|error| Refused::invalid(&error.to_string()))?;
    Ok(stored.maker())
}

fn credentials(server: &Server, password: &str) -> Result<Credentials, Refused> {
    let salt = random::<{ Credentials::SALT_BYTES }>()?.to_vec();
    let derived = Credentials::derive(password, server.config.c2s.scram_iterations, salt);
    derived.map_err(|error| Refused::invalid(&error.to_string()))
}
