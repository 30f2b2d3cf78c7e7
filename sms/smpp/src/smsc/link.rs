//! One connection of the SMSC: frames in, what is due out, until one of both has enough.
//!
//! What is due later waits in the order of its time. Knows no texts: `world` judges and keeps.

use super::say::Say;
use super::world::World;
use crate::pdu::command::{BAD_COMMAND, BAD_LENGTH, BAD_PASSWORD, BAD_SYSTEM_ID, OK, SYSTEM_ERROR, is_response};
use crate::pdu::{Bind, Body, Kind, Message, Mode, Pdu, next_frame};
use bytes::BytesMut;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// What a connection is to say and has not yet.
const SAYS: usize = 1000;
/// Messages said and unanswered.
pub(super) const UNCONFIRMED: usize = 100;
/// Octets read at once, and said before more is read.
const READ: usize = 64 << 10;

/// Takes connections until it is dropped.
pub(super) async fn accept(listener: TcpListener, world: Arc<World>) {
    let mut links = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    links.spawn(serve(stream, world.clone()));
                }
            }
            Some(_) = links.join_next() => {}
        }
    }
}

/// What is said later.
pub(super) enum Due {
    Answer(Pdu),
    Say(Say),
    Unbind,
}

/// One connection.
pub(super) struct Link {
    pub(super) world: Arc<World>,
    pub(super) says: mpsc::Sender<Say>,
    pub(super) mode: Option<Mode>,
    pub(super) id: Option<u64>,
    pub(super) out: BytesMut,
    pub(super) due: BTreeMap<(Instant, u64), Due>,
    pub(super) counter: u64,
    pub(super) under_way: usize,
    pub(super) submits: u64,
    pub(super) sequence: u32,
    pub(super) unconfirmed: HashMap<u32, Message>,
    pub(super) heard: Instant,
    pub(super) ended: bool,
}

async fn serve(mut stream: TcpStream, world: Arc<World>) {
    let (says, mut said) = mpsc::channel(SAYS);
    let mut link = Link::new(world, says);
    // A connection that breaks is a connection that ends.
    let _ = stream.set_nodelay(true);
    let _ = link.run(&mut stream, &mut said).await;
    let unsaid: Vec<Say> = std::iter::from_fn(|| said.try_recv().ok()).collect();
    let unconfirmed = link
        .unconfirmed
        .drain()
        .map(|(_, message)| Say::Message(Box::new(message)));
    let due = std::mem::take(&mut link.due).into_values().filter_map(|due| match due {
        Due::Say(say) => Some(say),
        Due::Answer(_) | Due::Unbind => None,
    });
    let kept = unconfirmed
        .chain(due)
        .chain(unsaid)
        .filter(|say| matches!(say, Say::Message(_)));
    link.world.leave(link.id.unwrap_or(0), kept);
}

impl Link {
    fn new(world: Arc<World>, says: mpsc::Sender<Say>) -> Link {
        Link {
            world,
            says,
            mode: None,
            id: None,
            out: BytesMut::new(),
            due: BTreeMap::new(),
            counter: 0,
            under_way: 0,
            submits: 0,
            sequence: 0,
            unconfirmed: HashMap::new(),
            heard: Instant::now(),
            ended: false,
        }
    }

    async fn run(&mut self, stream: &mut TcpStream, said: &mut mpsc::Receiver<Say>) -> io::Result<()> {
        let mut read = BytesMut::with_capacity(READ);
        let (mut reader, mut writer) = stream.split();
        while !self.ended {
            self.say_due();
            let silence = self.heard + self.world.config.enquire;
            let next = self
                .due
                .first_key_value()
                .map_or(silence, |((at, _), _)| (*at).min(silence));
            let may_say = self.unconfirmed.len() < UNCONFIRMED;
            if read.capacity() - read.len() < READ / 8 {
                read.reserve(READ / 2);
            }
            tokio::select! {
                written = writer.write_buf(&mut self.out), if !self.out.is_empty() => drop(written?),
                count = reader.read_buf(&mut read), if self.out.len() < READ => {
                    if count? == 0 {
                        return Ok(());
                    }
                    self.heard = Instant::now();
                    self.frames(&mut read);
                }
                Some(say) = said.recv(), if may_say => self.say(say),
                () = sleep_until(next) => self.enquire(),
            }
        }
        writer.write_all(&self.out).await?;
        writer.shutdown().await
    }

    fn frames(&mut self, read: &mut BytesMut) {
        while !self.ended {
            match next_frame(read) {
                Ok(Some(frame)) => match frame.read() {
                    Ok(pdu) => self.pdu(pdu, frame.header.command),
                    Err(malformed) => self.nack(malformed.header.sequence, SYSTEM_ERROR),
                },
                Ok(None) => return,
                Err(bad) => {
                    self.nack(bad.sequence, BAD_LENGTH);
                    self.ended = true;
                }
            }
        }
    }

    fn pdu(&mut self, pdu: Pdu, command: u32) {
        let Pdu { status, sequence, body } = pdu;
        match body {
            Body::Bind(bind) => self.bind(&bind, sequence),
            Body::EnquireLink => {
                self.world.count(|counts| counts.enquiries += 1);
                if !self.world.faults().enquire_silence {
                    self.write(OK, sequence, Body::EnquireLinkResp);
                }
            }
            Body::Unbind => {
                self.write(OK, sequence, Body::UnbindResp);
                self.ended = true;
            }
            Body::Message(kind @ (Kind::Submit | Kind::Data), message) => self.submit(kind, message, sequence),
            Body::UnbindResp => self.ended = true,
            _ if is_response(command) => self.confirmed(sequence, status),
            _ => self.nack(sequence, BAD_COMMAND),
        }
    }

    fn bind(&mut self, bind: &Bind, sequence: u32) {
        let config = &self.world.config;
        let status = match &config.account {
            Some((name, _)) if *name != bind.system_id => BAD_SYSTEM_ID,
            Some((_, password)) if *password != bind.password => BAD_PASSWORD,
            _ => OK,
        };
        let resp = Body::BindResp(bind.mode, config.system_id.clone());
        self.write(status, sequence, resp);
        if status == OK {
            self.mode = Some(bind.mode);
            self.id = Some(self.world.join(self.says.clone(), bind.mode.receives()));
        } else {
            self.world.count(|counts| counts.refused_binds += 1);
        }
    }

    /// Asks whether who is bound is there, when it is time for that.
    fn enquire(&mut self) {
        let now = Instant::now();
        if now < self.heard + self.world.config.enquire {
            return;
        }
        self.heard = now;
        if self.mode.is_none() {
            // Whoever does not bind in that time is not kept.
            self.ended = true;
        } else {
            self.sequence += 1;
            self.write(OK, self.sequence, Body::EnquireLink);
        }
    }

    fn nack(&mut self, sequence: u32, status: u32) {
        self.world.count(|counts| counts.nacks += 1);
        self.write(status, sequence, Body::GenericNack);
    }

    pub(super) fn write(&mut self, status: u32, sequence: u32, body: Body) {
        Pdu::new(status, sequence, body).write(&mut self.out);
    }
}
