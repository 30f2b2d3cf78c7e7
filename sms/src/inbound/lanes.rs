//! Texts of one phone in their order, those of others beside them: while they are heard, and again while they are answered.
//!
//! A text that is not answered lies in the store and is taken up again at the next start, before anything newer of its
//! number. Knows no meaning. Next: `ask.rs`.

use super::context::Hall;
use crate::limits::{ANSWERS_WAITING, HEARD_READ, LANE_WAITING, LANES};
use crate::tables::rows::{NumberId, RouteId};
use reef_engine::error::StoreError;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
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

/// Something that is heard.
type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The lanes.
pub struct Lanes {
    hearing: Vec<mpsc::Sender<Job>>,
    answering: Vec<mpsc::Sender<Text>>,
}

impl Lanes {
    /// Begins, with what the last run left: nothing may be heard before. Reads one row.
    ///
    /// # Errors
    /// The store's failures.
    pub fn start(hall: &Arc<Hall>, tasks: &mut JoinSet<()>) -> Result<Lanes, StoreError> {
        let (mut hearing, mut answering, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..LANES {
            let (sender, mut jobs) = mpsc::channel::<Job>(LANE_WAITING);
            tasks.spawn(async move {
                while let Some(job) = jobs.recv().await {
                    job.await;
                }
            });
            hearing.push(sender);
            let (old, older) = mpsc::channel(HEARD_READ);
            let (new, newer) = mpsc::channel(ANSWERS_WAITING);
            tasks.spawn(answer(hall.clone(), older, newer));
            left.push(old);
            answering.push(new);
        }
        if let Some(newest) = hall.parts.rows().newest_unanswered()? {
            tasks.spawn(take_up(hall.clone(), newest, left));
        }
        Ok(Lanes { hearing, answering })
    }

    /// Hears something behind what came before from the same phone; where too much waits, it is dropped.
    pub fn hear(&self, from: &str, job: impl Future<Output = ()> + Send + 'static) {
        if let Some(lane) = self.lane(from) {
            // Whoever it is from brings it again.
            let _ = lane.try_send(Box::pin(job));
        }
    }

    /// The same for what nobody brings again: waits while there is too much.
    pub async fn hear_in_time(&self, from: &str, job: impl Future<Output = ()> + Send + 'static) {
        if let Some(lane) = self.lane(from) {
            // It has ended with the process.
            let _ = lane.send(Box::pin(job)).await;
        }
    }

    fn lane(&self, from: &str) -> Option<&mpsc::Sender<Job>> {
        let mut hasher = DefaultHasher::new();
        from.hash(&mut hasher);
        self.hearing.get(hasher.finish() as usize % LANES)
    }

    /// Puts a text behind those of its number. Waits while there are too many.
    pub async fn push(&self, number: NumberId, heard: u64, route: RouteId, words: String) {
        let text = Text {
            number,
            heard,
            route,
            words,
        };
        if let Some(lane) = self.answering.get(number.0 as usize % LANES) {
            // It has ended: then it is taken up at the next start.
            let _ = lane.send(text).await;
        }
    }
}

/// Answers what the last run left, then what is heard now.
async fn answer(hall: Arc<Hall>, mut older: mpsc::Receiver<Text>, mut newer: mpsc::Receiver<Text>) {
    while let Some(text) = older.recv().await {
        hall.answer(text.number, text.heard, text.route, &text.words).await;
    }
    while let Some(text) = newer.recv().await {
        hall.answer(text.number, text.heard, text.route, &text.words).await;
    }
}

/// Texts that were kept and not answered, a page at a time, up to the newest of the last run.
async fn take_up(hall: Arc<Hall>, newest: u64, lanes: Vec<mpsc::Sender<Text>>) {
    let mut after = None;
    loop {
        let page = hall
            .insist(|hall| async move {
                let read = hall.read(move |hall, _| hall.parts.rows().unanswered(after, HEARD_READ));
                read.await
            })
            .await;
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "what phones said before is not answered: it cannot be read");
                return;
            }
        };
        let Some((last, _)) = page.last() else { return };
        after = Some(*last);
        for (heard, row) in page {
            if heard > newest {
                return;
            }
            let opened = hall.parts.keys.open(&row.sealed);
            let text = Text {
                number: row.number,
                heard,
                route: row.route,
                words: opened
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .unwrap_or_default(),
            };
            if let Some(lane) = lanes.get(row.number.0 as usize % LANES) {
                let _ = lane.send(text).await;
            }
        }
    }
}
