//! The listeners: where clients, other servers and browsers connect.
//!
//! A default address that is taken is no reason not to serve; one that somebody chose is. Knows nothing of what is said there.

use super::{Running, StartError};
use crate::config::{HttpConfig, S2sConfig};
use crate::host::Accounts;
use crate::http::{Streams, serve_http};
use crate::listen::serve_c2s;
use crate::peer::stream::{serve_components, serve_s2s};
use crate::stream::{C2s, Mode};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

impl Running {
    /// Clients.
    pub(super) async fn listen(
        &mut self,
        c2s: Arc<C2s<Accounts>>,
        stopped: &watch::Receiver<bool>,
    ) -> Result<(), StartError> {
        let config = self.server.config.c2s.clone();
        let plain = config.listen.iter().map(|address| (*address, Mode::StartTls));
        let direct = config.listen_tls.iter().map(|address| (*address, Mode::DirectTls));
        for (address, mode) in plain.chain(direct) {
            let failed = |e| StartError::Listen(address, e);
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            let list = if mode == Mode::DirectTls {
                &mut self.c2s_tls
            } else {
                &mut self.c2s
            };
            list.push(bound);
            self.listeners
                .spawn(serve_c2s(listener, mode, c2s.clone(), stopped.clone()));
        }
        Ok(())
    }

    /// Other servers. Where nobody chose its address and that is taken, the server goes on without: it still dials.
    pub(super) async fn listen_s2s(&mut self, stopped: &watch::Receiver<bool>) -> Result<(), StartError> {
        let s2s = self.server.s2s.clone();
        let config = self.server.config.s2s.clone();
        let chosen = config.listen != S2sConfig::default().listen;
        let plain = config.listen.iter().map(|address| (*address, Mode::StartTls));
        let direct = config.listen_tls.iter().map(|address| (*address, Mode::DirectTls));
        for (address, mode) in plain.chain(direct) {
            let listener = match TcpListener::bind(address).await {
                Ok(listener) => listener,
                Err(error) if chosen || mode == Mode::DirectTls => return Err(StartError::Listen(address, error)),
                Err(error) => {
                    tracing::warn!(%address, %error, "no other server can connect: set s2s.listen");
                    continue;
                }
            };
            let bound = listener.local_addr().map_err(|e| StartError::Listen(address, e))?;
            let list = if mode == Mode::DirectTls {
                &mut self.s2s_tls
            } else {
                &mut self.s2s
            };
            list.push(bound);
            self.listeners
                .spawn(serve_s2s(listener, mode, s2s.clone(), stopped.clone()));
        }
        Ok(())
    }

    /// Components, where there are any.
    pub(super) async fn listen_components(&mut self, stopped: &watch::Receiver<bool>) -> Result<(), StartError> {
        let config = &self.server.config;
        let listen = config.components.listen.iter().filter(|_| !config.component.is_empty());
        for address in listen.copied().collect::<Vec<_>>() {
            let failed = |e| StartError::Listen(address, e);
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            self.components.push(listener.local_addr().map_err(failed)?);
            let serve = serve_components(listener, self.server.s2s.clone(), stopped.clone());
            self.listeners.spawn(serve);
        }
        Ok(())
    }

    /// HTTP. Where nobody chose its address and that is taken, the server goes on without.
    pub(super) async fn listen_http(
        &mut self,
        streams: &Arc<Streams>,
        stopped: &watch::Receiver<bool>,
    ) -> Result<(), StartError> {
        let chosen = self.server.config.http.listen != HttpConfig::default().listen;
        let config = self.server.config.http.clone();
        let plain = config.listen.iter().map(|address| (*address, false));
        let direct = config.listen_tls.iter().map(|address| (*address, true));
        for (address, secure) in plain.chain(direct) {
            match TcpListener::bind(address).await {
                Ok(listener) => {
                    let bound = listener.local_addr().map_err(|e| StartError::Listen(address, e))?;
                    let list = if secure { &mut self.https } else { &mut self.http };
                    list.push(bound);
                    let tls = secure.then(|| self.tls.clone());
                    let serve = serve_http(listener, tls, self.server.clone(), streams.clone(), stopped.clone());
                    self.listeners.spawn(serve);
                }
                Err(error) if chosen || secure => return Err(StartError::Listen(address, error)),
                Err(error) => tracing::warn!(%address, %error, "nothing is served over http: set http.listen"),
            }
        }
        Ok(())
    }
}
