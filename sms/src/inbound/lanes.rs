//! What was kept is answered: texts of one number in their order, those of others beside them.
//!
//! A text that is not answered lies in the store and is taken up again at the next start. Knows no meaning. Next: `ask.rs`.

use super::context::Hall;
use crate::limits::{LANE_WAITING, LANES};
use crate::tables::rows::{NumberId, RouteId};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A text to be answered.
#[derive(Debug)]
struct Text {
    number: NumberId,
    heard: u64,
    route: RouteId,
    words: String,
}

/// The lanes.
pub struct Lanes {
    lanes: Vec<mpsc::Sender<Text>>,
}

impl Lanes {
    /// Begins, with what the last run left.
    pub fn start(hall: &Arc<Hall>, tasks: &mut JoinSet<()>) -> Lanes {
        let mut lanes = Vec::new();
        for _ in 0..LANES {
            let (sender, mut waiting) = mpsc::channel::<Text>(LANE_WAITING);
            let hall = hall.clone();
            tasks.spawn(async move {
                while let Some(text) = waiting.recv().await {
                    hall.answer(text.number, text.heard, text.route, &text.words).await;
                }
            });
            lanes.push(sender);
        }
        Lanes { lanes }
    }

    /// Texts that were kept and not answered.
    pub async fn take_up(&self, hall: &Arc<Hall>) {
        let left = hall.read(|hall, _| hall.parts.rows().unanswered(usize::MAX)).await;
        for (heard, row) in left.unwrap_or_default() {
            let opened = hall
                .parts
                .keys
                .open(&row.sealed)
                .and_then(|bytes| String::from_utf8(bytes).ok());
            let words = opened.unwrap_or_default();
            self.push(row.number, heard, row.route, words).await;
        }
    }

    /// Puts a text behind those of its number. Waits while there are too many.
    pub async fn push(&self, number: NumberId, heard: u64, route: RouteId, words: String) {
        let lane = number.0 as usize % LANES;
        if let Some(lane) = self.lanes.get(lane) {
            let text = Text {
                number,
                heard,
                route,
                words,
            };
            // It has ended: then it is taken up at the next start.
            let _ = lane.send(text).await;
        }
    }
}
