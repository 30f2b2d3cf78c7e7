//! Accounts that another part makes for people who have no client: as open registration allows, and without a password until
//! one is set.
//!
//! Knows no part: who they are is its matter. Next: `tables/account.rs`.

use super::look::{account_of, active};
use super::way::commit;
use super::{Done, Host, Refused};
use crate::config::Registration;
use crate::sasl::Credentials;
use crate::server::Server;
use crate::tables::{self, Op};
use jid::BareJid;
use reef_engine::clock::random;
use reef_engine::log::record::Change;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

/// Who comes by way of a part has no address: all share the rate of one.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl Host {
    /// Makes an account whose credentials are none: nobody logs in until a password is set. As `c2s.registration` and the rate
    /// of registrations allow.
    #[allow(
        clippy::disallowed_methods,
        reason = "the rate of registrations is a matter of real time"
    )]
    pub fn create_account(&self, name: &str, done: Done<BareJid>) {
        let name = name.to_owned();
        let taken = self.registrations.clone();
        self.look(done, move |server, told| {
            let checked = wanted(server, &name).and_then(|account| match taken.take(NOWHERE, Instant::now()) {
                true => Ok(account),
                false => Err(Refused::TooFast),
            });
            match checked {
                Ok(account) => {
                    let user: Arc<str> = account.as_str().into();
                    let op = Op::CreateAccount {
                        user: user.clone(),
                        credentials: Credentials::NONE.to_vec(),
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

    /// Sets an account's password.
    pub fn set_password(&self, account: &BareJid, password: &str, done: Done<()>) {
        let (account, password) = (account.clone(), password.to_owned());
        self.hash(done, move |server, told| {
            let made = active(&server.engine, &account).and_then(|()| credentials(server, &password));
            match made {
                Ok(credentials) => {
                    let user: Arc<str> = account.as_str().into();
                    let op = Op::SetCredentials {
                        user: user.clone(),
                        credentials,
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

/// The account of a name that may be had.
fn wanted(server: &Server, name: &str) -> Result<BareJid, Refused> {
    if server.config.c2s.registration != Registration::Open {
        return Err(Refused::Forbidden);
    }
    let account = account_of(&server.domain, name).ok_or_else(|| Refused::invalid("this is no name"))?;
    if server.is_reserved(&account) {
        return Err(Refused::Taken);
    }
    // The record decides where two ask at once.
    match tables::account(server.engine.view(), account.as_str())? {
        Some(_) => Err(Refused::Taken),
        None => Ok(account),
    }
}

fn credentials(server: &Server, password: &str) -> Result<Vec<u8>, Refused> {
    let salt = random::<{ Credentials::SALT_BYTES }>()?.to_vec();
    let derived = Credentials::derive(password, server.config.c2s.scram_iterations, salt);
    let derived = derived.map_err(|error| Refused::invalid(&error.to_string()))?;
    Ok(derived.to_bytes())
}
