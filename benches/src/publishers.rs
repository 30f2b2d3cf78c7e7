//! Many publishers at once through the engine's API: each has one post under way and publishes the next when that is durable.
//!
//! Knows admission and its tickets, nothing of the store.

use crate::post_item;
use reef_engine::error::Error;
use reef_engine::{Engine, Seat};
use std::sync::mpsc::sync_channel;

/// `publishers` authors publish `each` posts, one after the other; how many were acked. What `seats` hold is thrown away.
///
/// # Errors
/// A refusal.
pub fn publish_at_once(engine: &Engine, seats: &[Seat], publishers: usize, each: usize) -> Result<usize, Error> {
    // Each publisher has one at a time.
    let (acked, acks) = sync_channel(publishers);
    let authors: Vec<String> = (0..publishers).map(|n| format!("author{n}@bench")).collect();
    let post = |author: usize, number: usize| {
        let acked = acked.clone();
        let ticket = Box::new(move |fate: Result<_, Error>| {
            // The last acks come when nobody waits any more only after a refusal.
            let _ = acked.send(fate.map(|_| (author, number)));
        });
        let name = authors.get(author).map_or("", String::as_str);
        let change = post_item(name, &format!("p{number}"));
        engine.admission.submit(name, change, ticket)
    };
    for author in 0..publishers {
        post(author, 0)?;
    }
    let mut done = 0;
    while done < publishers * each {
        let (author, number) = acks.recv().map_err(|_| Error::Busy)??;
        done += 1;
        if number + 1 < each {
            post(author, number + 1)?;
        }
        seats.iter().for_each(|seat| seat.batches.try_iter().for_each(drop));
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine;

    #[test]
    fn each_post_of_each_publisher_is_acked_once() {
        let dir = tempfile::TempDir::new().unwrap();
        let (engine, seats) = engine(dir.path()).unwrap();
        assert_eq!(publish_at_once(&engine, &seats, 50, 20).unwrap(), 1000);
        assert_eq!(engine.metrics.posts.get(), 1000);
    }
}
