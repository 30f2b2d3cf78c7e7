//! An operator's export and import of an account (XEP-0227): pages of its text, and pieces of one.
//!
//! Pieces are brought in their order, many at a time; each is judged alone, and what is refused is told and does not stop the
//! others.

use super::perform::Performer;
use super::{Refused, Response};
use crate::atom;
use crate::portable::{self, Taken};
use crate::sasl::{Credentials, Stored};
use crate::tables::{self, Op};
use crossbeam::channel::{Receiver, Sender, bounded};
use reef_engine::clock::random;
use reef_engine::error::{Error, Reject};
use reef_engine::log::record::{Applied, Change};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Milliseconds after which a post is published that came too fast.
const PAUSE_MS: u64 = 100;
/// Records that are on their way at a time.
const ON_THEIR_WAY: usize = 256;

impl Performer {
    /// A page of an account's text.
    pub(super) fn user_export(&self, jid: &str, from: Option<&str>) -> Result<Response, Refused> {
        let user = self.account(jid)?;
        let (text, next) = portable::page(&self.engine, &self.config.domain, user.as_str(), from)?;
        Ok(Response::Rows {
            rows: vec![Value::String(text)],
            next,
        })
    }

    /// Makes the account that pieces are brought to, or finds it with this password.
    pub(super) fn import_begin(
        &self,
        jid: &str,
        (password, scram): (Option<&str>, &[String]),
        force: bool,
    ) -> Result<Value, Refused> {
        let user: Arc<str> = self.account(jid)?.as_str().into();
        let scram: Vec<_> = scram
            .iter()
            .filter_map(|element| atom::parse(element.as_bytes()))
            .collect();
        let known = tables::account(self.engine.view(), &user)?;
        let stored = known.as_ref().and_then(|row| Stored::from_bytes(&row.credentials).ok());
        let proven = portable::credentials(&scram);
        let (ours, derived) = match (&proven, password, &stored) {
            (Some(proven), ..) => (stored == Some(Stored::Lasting(proven.clone())), Some(proven.clone())),
            (None, Some(password), Some(Stored::Lasting(own))) if own.verify(password) => (true, None),
            (None, Some(password), _) => (false, Some(self.derived(password)?)),
            (None, None, _) => (false, None),
        };
        let open = matches!(stored, None | Some(Stored::None { .. }));
        if known.is_some() && !ours && !open && !force {
            return Err(Refused::new(format!(
                "{user} exists with another password: --force puts the file over it"
            )));
        }
        let credentials = derived.map(|derived| derived.to_bytes());
        let said = json!({ "jid": &*user, "made": known.is_none(), "password": ours || credentials.is_some() });
        let op = match (known, credentials) {
            (None, credentials) => Op::CreateAccount {
                user: user.clone(),
                credentials: credentials.unwrap_or_else(|| Stored::None { maker: 0 }.to_bytes()),
            },
            (Some(_), Some(credentials)) if !ours => Op::SetCredentials {
                user: user.clone(),
                credentials,
            },
            (Some(_), _) => return Ok(said),
        };
        let change = Change::Table {
            owner: user.clone(),
            op: op.encode(),
        };
        let applied = self.engine.admission.submit_and_wait(&user, change)?;
        self.live.carried(&applied, None);
        Ok(said)
    }

    fn derived(&self, password: &str) -> Result<Credentials, Refused> {
        let salt = random::<{ Credentials::SALT_BYTES }>()?.to_vec();
        Credentials::derive(password, self.config.c2s.scram_iterations, salt).map_err(Refused::new)
    }

    /// Brings pieces of an account; what is refused or not understood is told.
    pub(super) fn import_pieces(&self, jid: &str, pieces: &[String]) -> Result<Value, Refused> {
        let user: Arc<str> = self.account(jid)?.as_str().into();
        if tables::account(self.engine.view(), &user)?.is_none() {
            return Err(Refused::new(format!("{user} does not exist")));
        }
        let (mut changes, mut passed) = (Vec::new(), Vec::new());
        for piece in pieces {
            let Some(element) = atom::parse(piece.as_bytes()) else {
                passed.push("a piece that cannot be read".to_owned());
                continue;
            };
            match portable::take(&self.engine, &self.config, &user, &element)? {
                Taken::Changes(some) => changes.extend(some),
                Taken::Passed(what) => passed.push(what),
            }
        }
        let (taken, refused) = self.bring(changes)?;
        Ok(json!({ "taken": taken, "refused": refused, "passed": passed }))
    }

    /// Commits changes in their order, many on their way; how many were, and why others were not.
    fn bring(&self, changes: Vec<(Arc<str>, Change)>) -> Result<(u64, Vec<String>), Refused> {
        let (answer, answers) = bounded(ON_THEIR_WAY);
        let (mut fates, mut waiting) = (Fates::default(), 0);
        for (by, change) in changes {
            if waiting == ON_THEIR_WAY {
                fates.take(self, &answers)?;
                waiting -= 1;
            }
            loop {
                match self.engine.admission.submit(&by, change.clone(), ticket(&answer)) {
                    Ok(()) => break waiting += 1,
                    Err(Error::Busy) if waiting > 0 => {
                        fates.take(self, &answers)?;
                        waiting -= 1;
                    }
                    Err(Error::Busy | Error::Rejected(Reject::TooFast(_))) => pause(),
                    Err(Error::Rejected(reject)) => break fates.refused.push(reject.to_string()),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        for _ in 0..waiting {
            fates.take(self, &answers)?;
        }
        Ok((fates.taken, fates.refused))
    }
}

type Fate = Result<Applied, Error>;

fn ticket(answer: &Sender<Fate>) -> Box<dyn FnOnce(Fate) + Send> {
    let answer = answer.clone();
    Box::new(move |fate| drop(answer.send(fate)))
}

#[allow(clippy::disallowed_methods, reason = "an operator's thread, which waits for a rate")]
fn pause() {
    std::thread::sleep(Duration::from_millis(PAUSE_MS));
}

/// What became of changes.
#[derive(Default)]
struct Fates {
    taken: u64,
    refused: Vec<String>,
}

impl Fates {
    fn take(&mut self, performer: &Performer, answers: &Receiver<Fate>) -> Result<(), Refused> {
        match answers.recv().map_err(|_| Refused::from(Error::Closed))? {
            Ok(applied) => {
                performer.live.carried(&applied, None);
                self.taken += 1;
            }
            // It is made by an earlier piece, and configured by the next.
            Err(Error::Rejected(Reject::NodeExists)) => {}
            Err(Error::Rejected(reject)) => self.refused.push(reject.to_string()),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
