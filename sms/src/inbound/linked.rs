//! A phone that got posts before it had an account: the account follows whom the phone gets, so that it may go on reading.
//!
//! Knows no route. Next: the social network, which follows.

use super::context::Hall;
use crate::limits::ERASED_EDGES;
use crate::network::Action;
use crate::tables::rows::NumberId;
use reef_engine::store::rows::node_row;
use std::sync::Arc;

impl Hall {
    /// Has an account follow whom its new phone gets. Following again changes nothing; who may not be followed is left out.
    pub(crate) async fn bring_follows(self: &Arc<Hall>, account: &str, id: NumberId) {
        let found = self.read(move |hall, engine| {
            let mut authors = Vec::new();
            for node in hall.parts.rows().gets(id, ERASED_EDGES)? {
                authors.extend(node_row(engine.view(), node)?.map(|row| row.name.service));
            }
            Ok(authors)
        });
        for jid in found.await.unwrap_or_default() {
            if let Err(error) = self.act(account, Action::Follow { jid }).await {
                tracing::warn!(%error, account, "a new account does not follow whom its phone gets");
            }
        }
    }
}
