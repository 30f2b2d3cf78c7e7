//! `reef export` and `reef import`: accounts to a file that other servers read (XEP-0227), and back.
//!
//! The text comes and goes in parts, so that neither side holds all of it. A file is read three times: for its accounts and their
//! passwords, so that nothing is begun where one cannot be brought; for what is theirs; and for who follows, who is not to
//! be brought old posts.

use super::Exit;
use super::import::{Way, way};
use crate::admin::{self, Request, Response};
use crate::config::Config;
use crate::limits::{IMPORT_BYTES, IMPORT_PIECES};
use crate::part;
use crate::portable::{Piece, is_late, is_scram, pieces};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

type Part = Option<Arc<dyn part::Part>>;

/// Writes an account to a file that only its owner may read, or to standard output.
///
/// # Errors
/// The account, the file, or the server.
pub(super) fn export(config: &Config, part: Part, jid: &str, file: Option<&Path>) -> Result<(), Exit> {
    if !config.data_dir.join("store").is_dir() {
        let dir = config.data_dir.display();
        return Err(Exit::failed(format!(
            "{dir} has no store: name the data folder with --set data_dir=…, or --config"
        )));
    }
    let mut asked = way(config, part)?;
    let named = |error: io::Error| {
        Exit::failed(format!(
            "{}: {error}",
            file.map_or("".into(), |file| file.display().to_string())
        ))
    };
    let mut out: Box<dyn Write> = match file {
        Some(file) => Box::new(
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(file)
                .map_err(named)?,
        ),
        None => Box::new(io::stdout().lock()),
    };
    let written = write(&mut asked, jid, &mut out);
    asked.close();
    if let (Err(_), Some(file)) = (&written, file) {
        // Half of an account is none.
        let _ = std::fs::remove_file(file);
    }
    written.map_err(Exit::failed)
}

fn write(asked: &mut Way<'_>, jid: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut request = Some(Request::UserExport {
        jid: jid.to_owned(),
        from: None,
    });
    while let Some(page) = request {
        let response = asked.ask(page.clone())?;
        request = admin::next(&page, &response);
        match response {
            Response::Rows { rows, .. } => {
                let texts = rows.iter().filter_map(Value::as_str);
                texts.into_iter().try_for_each(|text| out.write_all(text.as_bytes()))?;
            }
            Response::Failed(why) => return Err(io::Error::other(why)),
            Response::Done(_) => return Err(io::Error::other("the server answers something else")),
        }
    }
    out.flush()
}

/// What came of an import.
#[derive(Default)]
struct Summary {
    accounts: u64,
    taken: u64,
    /// What was refused or not understood, and how often.
    left: BTreeMap<String, u64>,
    without_password: Vec<String>,
}

/// Brings the accounts of a file.
///
/// # Errors
/// The file, an account that has another password, or the server; what was brought until then stays, and importing again goes on.
pub(super) fn import(config: &Config, part: Part, file: &Path, force: bool) -> Result<Value, Exit> {
    let mut asked = way(config, part)?;
    let done = bring(&mut asked, &config.domain, file, force);
    asked.close();
    let Summary {
        accounts,
        taken,
        left,
        without_password,
    } = done.map_err(|why| Exit::failed(format!("{}: {why}", file.display())))?;
    let left: Vec<String> = left.iter().map(|(what, often)| format!("{what} ({often})")).collect();
    Ok(json!({ "accounts": accounts, "taken": taken, "left": left, "without_password": without_password }))
}

fn bring(asked: &mut Way<'_>, domain: &str, file: &Path, force: bool) -> Result<Summary, String> {
    let mut summary = Summary::default();
    let found = accounts(domain, file, &mut summary)?;
    if found.is_empty() {
        return Err(format!("no account of {domain} is in it"));
    }
    for (jid, (password, scram)) in found {
        let begun = Request::UserImportBegin {
            jid: jid.clone(),
            password,
            scram,
            force,
        };
        let said = done(asked, begun)?;
        summary.accounts += 1;
        if said.get("password") != Some(&Value::Bool(true)) {
            summary.without_password.push(jid);
        }
    }
    for late in [false, true] {
        let mut batch = Batch::default();
        let mut each = |piece: Piece| match piece {
            Piece::User(name, host, _) => {
                batch.send(asked, &mut summary)?;
                batch.jid = (host == domain).then(|| format!("{name}@{host}"));
                Ok(())
            }
            Piece::Of(element) if batch.jid.is_some() && !is_scram(&element) && is_late(&element) == late => {
                batch.add(String::from_utf8_lossy(&reef_stanza::self_contained(&element, None)).into_owned());
                match batch.is_full() {
                    true => batch.send(asked, &mut summary),
                    false => Ok(()),
                }
            }
            Piece::Of(_) | Piece::Passed(_) => Ok(()),
        };
        pieces(open(file)?, &mut each)?;
        batch.send(asked, &mut summary)?;
    }
    Ok(summary)
}

type Proofs = (Option<String>, Vec<String>);

/// The accounts of a file, with what proves their passwords.
fn accounts(domain: &str, file: &Path, summary: &mut Summary) -> Result<Vec<(String, Proofs)>, String> {
    let mut found: Vec<(String, Proofs)> = Vec::new();
    let mut ours = false;
    let mut each = |piece: Piece| {
        match piece {
            Piece::User(name, host, password) => {
                ours = host == domain;
                match ours {
                    true => found.push((format!("{name}@{host}"), (password, Vec::new()))),
                    false => {
                        *summary
                            .left
                            .entry(format!("accounts of {host}, which is not served here"))
                            .or_default() += 1
                    }
                }
            }
            Piece::Of(element) if ours && is_scram(&element) => {
                let text = String::from_utf8_lossy(&reef_stanza::self_contained(&element, None)).into_owned();
                found
                    .last_mut()
                    .into_iter()
                    .for_each(|(_, (_, scram))| scram.push(text.clone()));
            }
            Piece::Passed(what) => *summary.left.entry(what).or_default() += 1,
            Piece::Of(_) => {}
        }
        Ok(())
    };
    pieces(open(file)?, &mut each)?;
    Ok(found)
}

fn open(file: &Path) -> Result<BufReader<File>, String> {
    Ok(BufReader::new(File::open(file).map_err(|error| error.to_string())?))
}

fn done(asked: &mut Way<'_>, request: Request) -> Result<Value, String> {
    match asked.ask(request).map_err(|error| error.to_string())? {
        Response::Done(said) => Ok(said),
        Response::Failed(why) => Err(why),
        Response::Rows { .. } => Err("the server answers something else".to_owned()),
    }
}

/// Pieces of one account that are brought at once.
#[derive(Default)]
struct Batch {
    jid: Option<String>,
    pieces: Vec<String>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, piece: String) {
        self.bytes += piece.len();
        self.pieces.push(piece);
    }

    fn is_full(&self) -> bool {
        self.bytes >= IMPORT_BYTES || self.pieces.len() >= IMPORT_PIECES
    }

    fn send(&mut self, asked: &mut Way<'_>, summary: &mut Summary) -> Result<(), String> {
        let pieces = std::mem::take(&mut self.pieces);
        self.bytes = 0;
        let Some(jid) = self.jid.clone().filter(|_| !pieces.is_empty()) else {
            return Ok(());
        };
        let said = done(asked, Request::UserImport { jid, pieces })?;
        summary.taken += said.get("taken").and_then(Value::as_u64).unwrap_or(0);
        for kind in ["refused", "passed"] {
            let some = said.get(kind).and_then(Value::as_array).into_iter().flatten();
            for what in some.filter_map(Value::as_str) {
                *summary.left.entry(format!("{kind}: {what}")).or_default() += 1;
            }
        }
        Ok(())
    }
}
