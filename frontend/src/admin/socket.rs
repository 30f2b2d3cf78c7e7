//! The administration socket: a Unix socket in the data folder that only its owner may open, one JSON value a line.
//!
//! Knows no request's meaning. The side that asks blocks; the side that serves runs on tokio and performs on its
//! blocking threads.

use super::perform::Performer;
use super::{Request, Response, next};
use std::io::{self, BufRead, BufReader, Lines, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::{Semaphore, watch};

/// Bytes of one request: a post with its frame.
const REQUEST_MAX: u64 = 4 << 20;
/// Operators that are served at once.
const OPERATORS_MAX: usize = 16;

/// Where it is.
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.sock")
}

/// Asks a running server, one request after the other, with all pages of each.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` where none runs; what `each` answers.
pub fn ask(data_dir: &Path, requests: &[Request], mut each: impl FnMut(Response) -> io::Result<()>) -> io::Result<()> {
    let mut connection = Connection::open(data_dir)?;
    for request in requests {
        let mut asked = Some(request.clone());
        while let Some(request) = asked {
            let response = connection.ask(&request)?;
            asked = next(&request, &response);
            each(response)?;
        }
    }
    Ok(())
}

/// A connection to a running server, for one request after the other.
pub struct Connection {
    stream: UnixStream,
    answers: Lines<BufReader<UnixStream>>,
}

impl Connection {
    /// Opens one.
    ///
    /// # Errors
    /// `NotFound` or `ConnectionRefused` where no server runs.
    pub fn open(data_dir: &Path) -> io::Result<Connection> {
        let stream = UnixStream::connect(socket_path(data_dir))?;
        let answers = BufReader::new(stream.try_clone()?).lines();
        Ok(Connection { stream, answers })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// The server is gone, or answers something that is none.
    pub fn ask(&mut self, request: &Request) -> io::Result<Response> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.stream.write_all(&line)?;
        let answer = self.answers.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        Ok(serde_json::from_str(&answer)?)
    }
}

/// Makes the socket: from then on a command asks this server instead of opening its store.
///
/// # Errors
/// The socket cannot be made.
pub(crate) fn listen(data_dir: &Path) -> io::Result<UnixListener> {
    let path = socket_path(data_dir);
    // The store's lock is ours, so a socket that is there belongs to nobody.
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves until `stopped` says so.
pub(crate) async fn serve(listener: UnixListener, performer: Arc<Performer>, mut stopped: watch::Receiver<bool>) {
    let operators = Arc::new(Semaphore::new(OPERATORS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let Ok((stream, _)) = accepted else { continue };
        let Ok(permit) = operators.clone().acquire_owned().await else {
            break;
        };
        let performer = performer.clone();
        tokio::spawn(async move {
            if let Err(error) = converse(stream, performer).await {
                tracing::debug!(%error, "an operator's connection ended");
            }
            drop(permit);
        });
    }
    // It is in a folder of ours; what remains of it stops nobody.
    let _ = std::fs::remove_file(socket_path(&performer.config.data_dir));
}

async fn converse(stream: tokio::net::UnixStream, performer: Arc<Performer>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = tokio::io::BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let read_bytes = (&mut read).take(REQUEST_MAX).read_until(b'\n', &mut line).await?;
        if read_bytes == 0 {
            return Ok(());
        }
        let response = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => {
                let performer = performer.clone();
                let performed = tokio::task::spawn_blocking(move || performer.perform(request)).await;
                performed.unwrap_or_else(|_| Response::Failed("the request has panicked: see the log".into()))
            }
            Err(error) => Response::Failed(format!("the request is not understood: {error}")),
        };
        let mut answer = serde_json::to_vec(&response)?;
        answer.push(b'\n');
        write.write_all(&answer).await?;
    }
}
