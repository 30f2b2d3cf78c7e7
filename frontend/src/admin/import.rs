//! Many followers at once: what an operator brings from elsewhere, a few thousand a request.
//!
//! Names are made canonical here; whoever is no JID is counted and told by his place, so that the command can name the line.

use super::Refused;
use super::perform::Performer;
use crossbeam::channel::bounded;
use jid::BareJid;
use reef_engine::error::Error;
use reef_engine::limits::FOLLOWERS_PER_RECORD;
use reef_engine::log::record::{Applied, Change, Imported, Outcome};
use reef_engine::model::NodeName;
use serde_json::{Value, json};
use std::sync::Arc;

/// Followers of one request.
pub(super) const FOLLOWERS_MAX: usize = 10_000;

impl Performer {
    /// Has these bare JIDs follow a node, local accounts and those of other servers; all is durable when this returns.
    pub(super) fn import_followers(&self, service: &str, node: &str, followers: &[String]) -> Result<Value, Refused> {
        if followers.len() > FOLLOWERS_MAX {
            return Err(Refused::new(format!(
                "a request brings at most {FOLLOWERS_MAX} followers"
            )));
        }
        let name = self.node_named(service, node)?;
        let (mut jids, mut bad) = (Vec::<Arc<str>>::with_capacity(followers.len()), Vec::new());
        for (place, follower) in followers.iter().enumerate() {
            match BareJid::new(follower) {
                Ok(jid) => jids.push(jid.as_str().into()),
                Err(_) => bad.push(place),
            }
        }
        let done = self.import(&name, &jids)?;
        Ok(json!({
            "imported": done.imported,
            "already": done.already,
            "refused": done.refused,
            "bad": bad.len(),
            "first_bad": bad.first(),
        }))
    }

    /// One record for each thousand, all on their way at once.
    fn import(&self, node: &NodeName, jids: &[Arc<str>]) -> Result<Imported, Refused> {
        let records = jids.chunks(FOLLOWERS_PER_RECORD);
        let (answer, answers) = bounded::<Result<Applied, Error>>(records.len().max(1));
        let (mut sum, mut waiting) = (Imported::default(), 0);
        let mut take = |fate: Result<Applied, Error>| -> Result<(), Refused> {
            if let Outcome::Imported(done) = fate?.outcome {
                sum.imported += done.imported;
                sum.already += done.already;
                sum.refused += done.refused;
            }
            Ok(())
        };
        let closed = |_| Refused::from(Error::Closed);
        for some in records {
            loop {
                let answer = answer.clone();
                let change = Change::ImportFollowers {
                    node: node.clone(),
                    subscribers: some.to_vec(),
                };
                let ticket = Box::new(move |fate| drop(answer.send(fate)));
                match self.engine.admission.submit("", change, ticket) {
                    Ok(()) => break,
                    // The queue is full: a place of ours becomes free with each answer.
                    Err(Error::Busy) if waiting > 0 => {
                        take(answers.recv().map_err(closed)?)?;
                        waiting -= 1;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            waiting += 1;
        }
        for _ in 0..waiting {
            take(answers.recv().map_err(closed)?)?;
        }
        Ok(sum)
    }
}
