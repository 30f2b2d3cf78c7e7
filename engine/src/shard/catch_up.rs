//! Live and catching up: coming online, being resumed and having been too slow are the same case.
//!
//! A session that catches up is handed pages from its cursor and goes live in the turn in which its cursor equals the
//! watermark. The driver reads the pages: [`Shard::wanted`] asks, [`Shard::page`] answers.

use super::posts::gets;
use super::recent::RecentPosts;
use super::session::{CatchUp, Key, State};
use super::{Drained, Manner, Shard};
use crate::index::Index;
use crate::limits::CATCH_UPS_DELAYED;
use crate::log::Pressure;
use crate::model::{Post, Seq, SubscriberId};
use crate::outbox::{Page, PageRequest, Run};
use std::collections::VecDeque;
use std::sync::Arc;

impl CatchUp {
    /// Is at `upto` where nothing that `id` follows came until then: there is no page to read.
    fn pass_over(&mut self, recent: &RecentPosts, index: &Index, id: SubscriberId, upto: Seq) {
        if self.cursor < upto && recent.nothing_since(index, id, self.cursor, upto) {
            (self.cursor, self.next) = (upto, upto);
        }
    }
}

impl Shard {
    /// Begins to catch up from `cursor`; `most` items at most, or all.
    pub(super) fn catch_up(&mut self, key: Key, cursor: Seq, most: Option<usize>) {
        self.runs += 1;
        let number = self.runs;
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let mut cursor = cursor;
        if matches!(session.state, State::Quiet) {
            if let Some(place) = session.place.get() {
                // It followed before on the same stream, which still holds what was handed to it.
                cursor = cursor.max(place);
            } else {
                session.handed = cursor;
                session.confirmed = cursor;
                session.listed = Some(cursor).into();
            }
            self.leave_to_log(key);
        }
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        self.catching_up += usize::from(!matches!(session.state, State::CatchingUp(_)));
        session.state = State::CatchingUp(Box::new(CatchUp {
            cursor,
            next: cursor,
            buffer: VecDeque::new(),
            run: Run {
                number,
                began: cursor,
                skip: None,
                seen: Seq(0),
                most,
            },
            edges: session.edges,
            asked: false,
            reading: false,
            wait: Seq(0),
        }));
        self.mark_unsettled(key);
        self.mark_dirty(key, true);
    }

    /// From where on a session is brought what it follows, by catching up or live, while it has not gone live yet.
    pub fn began(&self, key: Key) -> Option<Seq> {
        match &self.sessions.get(key)?.state {
            State::CatchingUp(catch_up) => Some(catch_up.run.began),
            State::Quiet | State::Live => None,
        }
    }

    /// Takes from the queue of one who begins to follow what was notified to him meanwhile and comes from the log.
    fn leave_to_log(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let id = session.subscriber;
        for entry in std::mem::take(&mut session.ring).iter() {
            let post = self.posts.get(entry.number).and_then(|held| held.post.as_ref());
            if post.is_some_and(|post| gets(&self.index, post, id)) {
                self.posts.release(entry.number);
            } else if let Some(session) = self.sessions.get_mut(key) {
                session.ring.push(entry);
            }
        }
    }

    /// Drops what waits and stops following: the log has it.
    pub(super) fn let_go(&mut self, key: Key) {
        let Some(session) = self.sessions.get(key) else { return };
        let place = match session.state {
            State::Quiet => session.place.get(),
            _ => Some(self.reached(session)),
        };
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        session.place = place.into();
        self.catching_up -= usize::from(matches!(session.state, State::CatchingUp(_)));
        session.state = State::Quiet;
        for entry in std::mem::take(&mut session.ring).iter() {
            self.posts.release(entry.number);
        }
    }

    pub(super) fn drain_page(&mut self, key: Key, write: &mut impl FnMut(&Arc<Post>, Manner) -> bool) -> Drained {
        let Some(session) = self.sessions.get_mut(key) else {
            return Drained::Empty;
        };
        let mut handed = 0;
        let mut drained = Drained::Empty;
        while let State::CatchingUp(catch_up) = &mut session.state
            && let Some(post) = catch_up.buffer.front()
        {
            let older = session.ring.front().and_then(|entry| self.posts.get(entry.number));
            if older.is_some_and(|held| held.seq < post.seq) {
                break;
            }
            if !write(post, Manner::Delayed) {
                drained = Drained::Full;
                break;
            }
            let seq = post.seq;
            catch_up.buffer.pop_front();
            catch_up.cursor = seq;
            session.hand(seq);
            handed += 1;
        }
        self.delivered += handed;
        drained
    }

    /// All that was there is handed out: goes live, takes the final stretch, or asks for a page. True where there is
    /// more to drain now.
    pub(super) fn turn(&mut self, key: Key) -> bool {
        let watermark = self.watermark();
        let Some(session) = self.sessions.get_mut(key) else {
            return false;
        };
        let State::CatchingUp(catch_up) = &mut session.state else {
            return false;
        };
        if catch_up.asked {
            return false;
        }
        catch_up.cursor = catch_up.cursor.max(catch_up.next);
        catch_up.pass_over(&self.recent, &self.index, session.subscriber, watermark);
        let cursor = catch_up.cursor;
        if cursor >= watermark {
            let may = watermark >= session.edges.max(catch_up.wait);
            if may && self.serve_live(key.index, cursor) {
                return self.sessions.get(key).is_some_and(|s| !s.ring.is_empty());
            }
            return self.ask(key, may.then_some(watermark.next()));
        }
        if session.edges <= cursor
            && catch_up.run.skip.is_some()
            && let Some(rest) = self.recent.since(&self.index, session.subscriber, cursor, watermark)
        {
            catch_up.buffer = rest;
            catch_up.next = watermark;
            return true;
        }
        self.ask(key, None)
    }

    /// Asks for a page, or for another look when the watermark has come to `wait`.
    fn ask(&mut self, key: Key, wait: Option<Seq>) -> bool {
        if let Some(session) = self.sessions.get_mut(key)
            && let State::CatchingUp(catch_up) = &mut session.state
        {
            catch_up.asked = true;
            catch_up.wait = wait.unwrap_or(catch_up.wait);
            self.wants.push_back(key);
        }
        false
    }

    /// The next page to read, while not too many are being read. The driver answers with [`Shard::page`].
    pub fn wanted(&mut self) -> Option<(Key, PageRequest)> {
        let watermark = self.watermark();
        let most = match self.pressure {
            Pressure::None => self.limits.catch_ups_parallel,
            _ => self.limits.catch_ups_parallel.min(CATCH_UPS_DELAYED),
        };
        for _ in 0..self.wants.len() {
            if self.reading >= most {
                return None;
            }
            let key = self.wants.pop_front()?;
            let Some(session) = self.sessions.get_mut(key) else {
                continue;
            };
            let State::CatchingUp(catch_up) = &mut session.state else {
                continue;
            };
            // Asked for by an earlier run of the same session.
            if !catch_up.asked || catch_up.reading {
                continue;
            }
            // Who waited for the watermark may have missed nothing meanwhile, too.
            catch_up.pass_over(&self.recent, &self.index, session.subscriber, watermark);
            if catch_up.cursor >= watermark {
                if watermark >= session.edges.max(catch_up.wait) {
                    catch_up.asked = false;
                    self.mark_dirty(key, true);
                } else {
                    self.wants.push_back(key);
                }
                continue;
            }
            self.reading += 1;
            catch_up.reading = true;
            let run = catch_up.run.clone();
            catch_up.edges = session.edges;
            let following = self.lists.take(run.number, session.edges);
            return Some((
                key,
                PageRequest {
                    subscriber: session.subscriber,
                    cursor: catch_up.cursor,
                    upto: watermark,
                    run,
                    following,
                },
            ));
        }
        None
    }

    /// A page came; `None` where it could not be read now: it is asked for again.
    pub fn page(&mut self, key: Key, page: Option<Page>) {
        let watermark = self.watermark();
        self.reading = self.reading.saturating_sub(1);
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let State::CatchingUp(catch_up) = &mut session.state else {
            return;
        };
        if !catch_up.reading {
            return;
        }
        match page {
            Some(page) if page.run.number == catch_up.run.number && page.from == catch_up.cursor => {
                self.metrics.pages.inc();
                catch_up.asked = false;
                catch_up.reading = false;
                if page.next < watermark && catch_up.edges == session.edges {
                    self.lists.keep(page.run.number, session.edges, page.following);
                }
                catch_up.next = page.next;
                catch_up.run = page.run;
                catch_up.buffer = page.posts.into();
                self.mark_dirty(key, true);
            }
            // A session may have parted and come back while the page was read: that page is not for its new run.
            Some(_) => {}
            None => {
                catch_up.reading = false;
                self.wants.push_back(key);
            }
        }
    }
}
