//! `reef serve`: starts the server, says `ready`, and stops when it is told to.

use super::{Exit, print};
use crate::config::Config;
use crate::part::Part;
use crate::server::Running;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// What a server is built on; few threads, since sessions have their own.
pub(super) fn runtime() -> Result<Runtime, Exit> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Exit::failed)
}

/// Logs to standard error: `REEF_LOG` says what, by default warnings and what an operator wants to know.
pub(super) fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("REEF_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second logger in one process is a test's.
    let _ = logger.try_init();
}

pub(super) fn serve(config: Config, part: Option<Arc<dyn Part>>) -> Result<(), Exit> {
    log();
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    let (files, _) = rlimit::Resource::NOFILE.get().unwrap_or_default();
    tracing::info!(domain = config.domain, files, "starting");
    runtime()?.block_on(async {
        let running = Running::start_with(config, part).await.map_err(Exit::failed)?;
        print::line("ready");
        until_told(running).await
    })
}

/// Serves until a signal comes or the store fails; then says goodbye to everyone.
pub(super) async fn until_told(running: Running) -> Result<(), Exit> {
    let (mut terminate, mut hangup) = signals()?;
    let mut watch = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = tokio::signal::ctrl_c() => break,
            _ = hangup.recv() => match running.reload() {
                Ok(()) => tracing::info!("the certificate was read again"),
                Err(error) => tracing::error!(%error, "the certificate cannot be read: the former stays"),
            },
            _ = watch.tick() => if running.failed() {
                return Err(Exit::failed("the store failed, or a part of the server: see the log, check the disk, start again"));
            },
        }
    }
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

fn signals() -> Result<(tokio::signal::unix::Signal, tokio::signal::unix::Signal), Exit> {
    let terminate = signal(SignalKind::terminate()).map_err(Exit::failed)?;
    Ok((terminate, signal(SignalKind::hangup()).map_err(Exit::failed)?))
}
