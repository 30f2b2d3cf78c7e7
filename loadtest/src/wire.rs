//! A plain XMPP stream for followers: as little as logs in, so that ten thousand of them cost little.
//!
//! It looks for what it waits for in the bytes and parses nothing. Knows no scenario.

use anyhow::{Context, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use memchr::memmem;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A stream without TLS: the server must allow it on loopback.
pub(crate) struct Wire {
    pub(crate) socket: TcpStream,
    domain: String,
    buffer: Vec<u8>,
}

/// How long a server may take to answer one step of a login.
const PATIENCE: Duration = Duration::from_secs(120);

impl Wire {
    /// Connects and opens a stream.
    pub(crate) async fn connect(server: &str, domain: &str) -> Result<Wire> {
        let socket = TcpStream::connect(server)
            .await
            .with_context(|| format!("connecting to {server}"))?;
        socket.set_nodelay(true)?;
        let mut wire = Wire {
            socket,
            domain: domain.to_owned(),
            buffer: Vec::new(),
        };
        wire.open().await?;
        Ok(wire)
    }

    async fn open(&mut self) -> Result<()> {
        let header = format!(
            "<?xml version='1.0'?><stream:stream to='{}' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
            self.domain
        );
        self.send(&header).await?;
        self.until("</stream:features>").await.map(drop)
    }

    /// Writes text.
    pub(crate) async fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.socket.write_all(text.as_bytes()).await?)
    }

    /// Reads until `needle` has come; what came up to and with it.
    pub(crate) async fn until(&mut self, needle: &str) -> Result<Vec<u8>> {
        let wait = async {
            loop {
                if let Some(at) = memmem::find(&self.buffer, needle.as_bytes()) {
                    let rest = self.buffer.split_off(at + needle.len());
                    return Ok(std::mem::replace(&mut self.buffer, rest));
                }
                let mut chunk = [0; 4096];
                match self.socket.read(&mut chunk).await? {
                    0 => bail!(
                        "the server closed the stream: {}",
                        String::from_utf8_lossy(&self.buffer)
                    ),
                    n => self.buffer.extend_from_slice(chunk.get(..n).unwrap_or_default()),
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .with_context(|| format!("waiting for {needle}"))?
    }

    /// Asks and waits for the answer with this id, which must be a result.
    pub(crate) async fn ask(&mut self, id: &str, iq: &str) -> Result<()> {
        self.send(iq).await?;
        // Servers quote either way.
        let answer = tokio::time::timeout(PATIENCE, self.answer(id))
            .await
            .with_context(|| format!("answer to {id}"))??;
        if !answer.contains("result") {
            bail!("refused: {answer}");
        }
        Ok(())
    }

    async fn answer(&mut self, id: &str) -> Result<String> {
        loop {
            let got = self.until(">").await?;
            let text = String::from_utf8_lossy(&got).into_owned();
            if text.contains("<iq") && (text.contains(&format!("id='{id}'")) || text.contains(&format!("id=\"{id}\"")))
            {
                return Ok(text);
            }
        }
    }

    /// Registers an account (XEP-0077); one that is there already is as good.
    pub(crate) async fn register(&mut self, user: &str, password: &str) -> Result<()> {
        let iq = format!(
            "<iq type='set' id='reg'><query xmlns='jabber:iq:register'><username>{user}</username>\
             <password>{password}</password></query></iq>"
        );
        match self.ask("reg", &iq).await {
            Err(error) if error.to_string().contains("refused") => {
                let rest = self.until("</iq>").await?;
                let conflict = memmem::find(&rest, b"conflict").is_some();
                if conflict { Ok(()) } else { Err(error) }
            }
            other => other,
        }
    }

    /// Logs in with PLAIN and binds.
    pub(crate) async fn login(&mut self, user: &str, password: &str, resource: &str) -> Result<()> {
        let plain = STANDARD.encode(format!("\0{user}\0{password}"));
        self.send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
        ))
        .await?;
        loop {
            let answer = self.until(">").await?;
            if memmem::find(&answer, b"<success").is_some() {
                break;
            }
            if memmem::find(&answer, b"<failure").is_some() {
                bail!(
                    "login of {user} refused: {}",
                    String::from_utf8_lossy(&self.until("</failure>").await?)
                );
            }
        }
        self.open().await?;
        let bind = format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>{resource}</resource></bind></iq>"
        );
        self.ask("bind", &bind).await?;
        self.until("</iq>").await.map(drop)
    }

    /// The socket, and what was read beyond.
    pub(crate) fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.socket, self.buffer)
    }
}
