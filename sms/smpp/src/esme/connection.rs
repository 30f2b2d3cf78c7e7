//! Octets and events carried between a session and the world, until it ends.
//!
//! All that one wake brings is written at once. What is to be submitted waits outside while something is still unwritten, so that
//! `may` is asked right before the write. Knows no reconnecting: `keep` does that.

use super::event::{Event, Why};
use super::place::Queued;
use super::session::{Phase, Session};
use crate::pdu::{Kind, next_frame};
use bytes::BytesMut;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// Octets read at once.
const READ: usize = 64 << 10;
/// Less room than that is not worth a read.
const READ_MIN: usize = 4 << 10;
/// Unwritten octets above which nothing more is read: the SMSC asks, and does not take the answers.
const OUT_MAX: usize = 1 << 20;
/// How long the last words of a session may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a connection talks to.
pub(super) struct Outside<'a> {
    pub(super) submits: Option<&'a mut mpsc::Receiver<Queued>>,
    pub(super) events: &'a mpsc::Sender<Event>,
    pub(super) answers: &'a mut mpsc::Receiver<(Kind, u32, u32)>,
    pub(super) stop: &'a mut watch::Receiver<bool>,
}

/// Carries until it ends, and why it did. Events may be left in the session.
pub(super) async fn carry(
    session: &mut Session,
    stream: impl AsyncRead + AsyncWrite,
    outside: &mut Outside<'_>,
    on_bound: impl Fn(),
) -> Why {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut read = BytesMut::with_capacity(READ);
    let mut unflushed = false;
    let mut sleep = std::pin::pin!(sleep_until(session.deadline()));
    let mut bound = false;
    while session.phase != Phase::Ended {
        bound = told(session, bound, &on_bound);
        if !unflushed {
            more(session, &mut outside.submits);
            unflushed = !session.out.is_empty();
        }
        // Mostly it goes at once, before anybody is woken for what happened.
        if unflushed && let Some(outcome) = at_once(send(&mut writer, &mut session.out)).await {
            unflushed = sent(session, outcome);
        }
        hand_out(session, outside.events);
        aim(sleep.as_mut(), session.deadline());
        make_room(&mut read);
        let may_submit = session.takes() && !unflushed;
        let may_read = session.out.len() < OUT_MAX;
        tokio::select! {
            outcome = send(&mut writer, &mut session.out), if unflushed => unflushed = sent(session, outcome),
            outcome = reader.read_buf(&mut read), if may_read => came(session, &mut read, outcome),
            Some(queued) = receive(&mut outside.submits), if may_submit => session.submit(queued, Instant::now()),
            Some((kind, sequence, status)) = outside.answers.recv() => {
                session.answer(kind, sequence, status);
                while let Ok((kind, sequence, status)) = outside.answers.try_recv() {
                    session.answer(kind, sequence, status);
                }
            }
            Ok(permit) = outside.events.reserve(), if !session.events.is_empty() => {
                if let Some(event) = session.events.pop_front() {
                    permit.send(event);
                }
            }
            () = sleep.as_mut() => session.time(Instant::now()),
            () = stopped(outside.stop), if session.phase == Phase::Bound || matches!(session.phase, Phase::Binding(_)) => {
                session.stop(Instant::now());
            }
        }
    }
    // What is to be said last: an answer to an unbind, a nack. Whoever does not take it has lost nothing.
    let _ = timeout(LAST_WORDS, async {
        send(&mut writer, &mut session.out).await?;
        writer.shutdown().await
    })
    .await;
    session.why.clone().unwrap_or(Why::Stopped)
}

/// Calls `on_bound` once the session is.
fn told(session: &Session, before: bool, on_bound: &impl Fn()) -> bool {
    let bound = session.phase == Phase::Bound;
    if bound && !before {
        on_bound();
    }
    before || bound
}

/// Events go as far as there is room for them; if nobody is there to take them, the session has no purpose.
fn hand_out(session: &mut Session, events: &mpsc::Sender<Event>) {
    while !session.events.is_empty() {
        match events.try_reserve() {
            Ok(permit) => {
                if let Some(event) = session.events.pop_front() {
                    permit.send(event);
                }
            }
            Err(TrySendError::Full(())) => return,
            Err(TrySendError::Closed(())) => {
                session.events.clear();
                session.stop(Instant::now());
            }
        }
    }
}

/// Sets the alarm, where it has rung or is too late; one that is too early rings for nothing, which is cheaper than setting it for
/// each answer.
fn aim(mut sleep: Pin<&mut Sleep>, deadline: Instant) {
    if sleep.is_elapsed() || deadline < sleep.deadline() {
        sleep.as_mut().reset(deadline);
    }
}

/// Takes what was read.
fn came(session: &mut Session, read: &mut BytesMut, outcome: io::Result<usize>) {
    let now = Instant::now();
    match outcome {
        Ok(0) if matches!(session.phase, Phase::Unbinding(_)) => session.end(Why::Stopped),
        Ok(0) => session.end(Why::Broken("closed by the SMSC".to_owned())),
        Err(error) => session.end(Why::Broken(error.to_string())),
        Ok(_) => {
            while session.phase != Phase::Ended {
                match next_frame(read) {
                    Ok(Some(frame)) => session.frame(frame, now),
                    Ok(None) => break,
                    Err(bad) => session.bad_length(bad),
                }
            }
        }
    }
}

/// Submits that wait, as far as the window goes.
fn more(session: &mut Session, submits: &mut Option<&mut mpsc::Receiver<Queued>>) {
    let Some(submits) = submits else { return };
    let mut now = None;
    while session.takes() {
        let Ok(queued) = submits.try_recv() else { return };
        // All of one wake are written at once: the clock is read once, too.
        session.submit(queued, *now.get_or_insert_with(Instant::now));
    }
}

async fn receive(submits: &mut Option<&mut mpsc::Receiver<Queued>>) -> Option<Queued> {
    submits.as_mut()?.recv().await
}

/// Whether something is still unwritten after a write.
fn sent(session: &mut Session, outcome: io::Result<()>) -> bool {
    if let Err(error) = &outcome {
        session.end(Why::Broken(error.to_string()));
    }
    outcome.is_err()
}

/// Room to read into; frames that were taken off give theirs back when nobody has them any more.
fn make_room(read: &mut BytesMut) {
    if read.capacity() - read.len() < READ_MIN {
        read.reserve(READ / 2);
    }
}

/// What a future has without waiting.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Writes and flushes all. What was written is taken off, so that nothing is lost where this is given up in the middle.
async fn send(writer: &mut (impl AsyncWrite + Unpin), out: &mut BytesMut) -> io::Result<()> {
    while !out.is_empty() {
        if writer.write_buf(out).await? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    writer.flush().await
}

/// Waits until it shall stop, or nobody is there who could say so.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // What it returns refers to a lock, which must not be held while anything is waited for.
    let _ = stop.wait_for(|stop| *stop).await;
}
