//! One SMPP session towards the simulated SMSC, over loopback: messages a second with windows of 1, 10 and 100 and answers after
//! 0 and 50 ms; and beside it, in the same run, a bare client that does nothing but write and count.
//!
//! With answers after a time, the most that can be is window / time; without, it is what the bare client reaches. Knows `reef_smpp`.

use anyhow::{Context, Result, bail, ensure};
use bytes::{Buf, BytesMut};
use reef_smpp::esme::{Esme, EsmeConfig, Event, Submit};
use reef_smpp::pdu::{Address, Bind, Body, Kind, Message, Mode, Pdu, Tlvs};
use reef_smpp::smsc::{Smsc, SmscConfig};
use reef_smpp::text::{Form, Part, parts};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

const TEXT: &str =
    "@alice: a post of a hundred characters, which is about what people write when they have to be brief. ok";
/// The longest that anything here may stand still.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was measured with one window and one answer time.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Submits unanswered at once.
    pub window: usize,
    /// Answer time.
    pub delay: Duration,
    /// Messages a second of the session.
    pub session: f64,
    /// Of the bare client.
    pub bare: f64,
}

impl Report {
    /// The session's part of what can be.
    pub fn part(&self) -> f64 {
        if self.delay.is_zero() {
            return self.session / self.bare;
        }
        self.session * self.delay.as_secs_f64() / self.window as f64
    }
}

/// Measures each for so long, bare client and session in turn, so many times; the best of each counts.
///
/// # Errors
/// Something was refused, lost, or stood still.
pub fn run(time: Duration, rounds: usize) -> Result<Vec<Report>> {
    let here = runtime("esme")?;
    let mut reports = Vec::new();
    for delay in [Duration::ZERO, Duration::from_millis(50)] {
        for window in [1, 10, 100] {
            reports.push(best(&here, window, delay, time, rounds)?);
        }
    }
    Ok(reports)
}

fn best(here: &Runtime, window: usize, delay: Duration, time: Duration, rounds: usize) -> Result<Report> {
    let mut report = Report {
        window,
        delay,
        session: 0.0,
        bare: 0.0,
    };
    for _ in 0..rounds {
        // The SMSC has a core of its own, as far as there is one.
        let there = runtime("smsc")?;
        let config = SmscConfig {
            delay,
            keep: 0,
            words: false,
            ..SmscConfig::default()
        };
        let smsc = there.block_on(async {
            there
                .spawn(Smsc::start(SocketAddr::from(([127, 0, 0, 1], 0)), config))
                .await
        })??;
        let address = smsc.address();
        report.bare = report
            .bare
            .max(here.block_on(async { here.spawn(bare(address, window, time)).await })??);
        report.session = report
            .session
            .max(here.block_on(async { here.spawn(session(address, window, time)).await })??);
        drop(smsc);
        there.shutdown_background();
    }
    Ok(report)
}

fn runtime(name: &str) -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(1).thread_name(name).enable_all().build()?)
}

fn part() -> Result<Part> {
    parts(TEXT, Form::default(), 1)?
        .parts
        .pop()
        .context("a text has a part")
}

fn address(number: &str) -> Result<Address> {
    Address::new(number).context("a number")
}

/// The session, with a driver that does what the gateway's scheduler does at least: hands over what there is room for, and takes
/// events.
async fn session(to: SocketAddr, window: usize, time: Duration) -> Result<f64> {
    let config = EsmeConfig {
        window,
        queue: window,
        ..EsmeConfig::new(&to.to_string(), "bench", "")
    };
    let (sender, mut events) = mpsc::channel(4096);
    let esme = Esme::start(config, sender)?;
    ensure!(matches!(events.recv().await, Some(Event::Bound { .. })), "not bound");
    let (part, source, destination) = (part()?, address("40404")?, address("+491700000001")?);
    let (began, mut tokens, mut answered) = (Instant::now(), 0, 0_u64);
    while began.elapsed() < time {
        while esme.free() > 0 {
            tokens += 1;
            let submit = Submit {
                token: tokens,
                source: source.clone(),
                destination: destination.clone(),
                part: part.clone(),
                validity: None,
                receipt: false,
                user_message_reference: None,
                may: Box::new(|| true),
            };
            esme.try_submit(submit).ok().context("there was room")?;
        }
        let mut event = timeout(PATIENCE, events.recv()).await?;
        while let Some(happened) = event {
            match happened {
                Event::Answered { status: 0, .. } => answered += 1,
                Event::Written { .. } => {}
                other => bail!("{other:?}"),
            }
            event = events.try_recv().ok();
        }
    }
    let rate = answered as f64 / began.elapsed().as_secs_f64();
    let rest = async { while events.recv().await.is_some() {} };
    tokio::join!(esme.stop(), rest);
    Ok(rate)
}

/// As little as a client can do: the same octets with another number each time, and answers counted by their lengths.
async fn bare(to: SocketAddr, window: usize, time: Duration) -> Result<f64> {
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let mut out = BytesMut::new();
    let bind = Bind {
        mode: Mode::Transceiver,
        system_id: "bare".to_owned(),
        password: String::new(),
        system_type: String::new(),
    };
    Pdu::new(0, 1, Body::Bind(bind)).write(&mut out);
    let submit = submit()?;
    stream.write_all(&out).await?;
    out.clear();
    let mut read = BytesMut::with_capacity(64 << 10);
    while answers(&mut read) == 0 {
        ensure!(stream.read_buf(&mut read).await? > 0, "closed");
    }
    let (began, mut sequence, mut under_way, mut answered) = (Instant::now(), 1_u32, 0, 0_u64);
    while began.elapsed() < time {
        while under_way < window {
            sequence += 1;
            out.extend_from_slice(&submit[..12]);
            out.extend_from_slice(&sequence.to_be_bytes());
            out.extend_from_slice(&submit[16..]);
            under_way += 1;
        }
        stream.write_all(&out).await?;
        out.clear();
        ensure!(timeout(PATIENCE, stream.read_buf(&mut read)).await?? > 0, "closed");
        let came = answers(&mut read);
        under_way -= came;
        answered += came as u64;
    }
    Ok(answered as f64 / began.elapsed().as_secs_f64())
}

fn submit() -> Result<BytesMut> {
    let part = part()?;
    let message = Message {
        source: address("40404")?,
        destination: address("+491700000001")?,
        esm_class: 0,
        registered: 0,
        data_coding: part.data_coding,
        validity: String::new(),
        octets: part.octets.into(),
        tlvs: Tlvs::default(),
    };
    let mut octets = BytesMut::new();
    Pdu::new(0, 0, Body::Message(Kind::Submit, message)).write(&mut octets);
    Ok(octets)
}

/// Takes whole commands off what was read; how many.
fn answers(read: &mut BytesMut) -> usize {
    let mut found = 0;
    while let Some(length) = read
        .first_chunk::<4>()
        .map(|length| u32::from_be_bytes(*length) as usize)
        && read.len() >= length
    {
        read.advance(length);
        found += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_answers_in_every_case() {
        for report in run(Duration::from_millis(120), 1).unwrap() {
            assert!(report.session > 0.0 && report.bare > 0.0, "{report:?}");
        }
    }
}
