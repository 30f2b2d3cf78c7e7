//! The server: what all shards share, and how it starts and stops.
//!
//! The order of starting is the order of dependence: data folder, certificate, engine, shards, listeners. Next: `main.rs`
//! says what is started; `session/` is what runs.

use crate::admin::{self, Live, Performer};
use crate::config::{Config, Durability, HttpConfig};
use crate::host::Accounts;
use crate::http::serve_http;
use crate::limits::HASHES_WAITING;
use crate::listen::serve_c2s;
use crate::router::{Bell, Router};
use crate::session;
use crate::session::{Thread, WAKER};
use crate::stream::{C2s, Mode};
use crate::tables::FrontTables;
use crate::tls::{self, Tls};
use crate::xep::Routes;
use crate::xep::xep0115_caps::{self, CapsCache};
use jid::BareJid;
use reef_engine::clock::{SystemClock, random};
use reef_engine::limits::Limits;
use reef_engine::log::record::Applied;
use reef_engine::outbox::Readers;
use reef_engine::publish::Rate;
use reef_engine::{Engine, Options};
use reef_stanza::{Budget, StreamNamespace};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What all shards share.
pub(crate) struct Server {
    pub(crate) config: Config,
    /// The domain, normalised.
    pub(crate) domain: String,
    /// What web addresses begin with, where there is one that others reach.
    pub(crate) web: Option<Arc<str>>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) router: Router,
    pub(crate) routes: Routes,
    pub(crate) caps: CapsCache,
    /// Derives keys from passwords.
    pub(crate) hashers: Readers,
    /// `<stream:features/>` after SASL.
    pub(crate) bound_features: Vec<u8>,
    /// What a stanza of one who has logged in may cost.
    pub(crate) budget: Arc<Budget>,
}

/// The services that come with a domain: nodes of communities, and of comments on posts.
const SERVICES: [&str; 2] = ["pubsub", "comments"];

impl Server {
    /// Whether a domain is the one that is served.
    pub(crate) fn is_domain(&self, domain: &str) -> bool {
        domain == self.domain || domain.eq_ignore_ascii_case(&self.domain)
    }

    /// Whether a domain is one of the server's services.
    pub(crate) fn is_service(&self, domain: &str) -> bool {
        let service = domain.split_once('.').filter(|(_, rest)| self.is_domain(rest));
        service.is_some_and(|(name, _)| SERVICES.contains(&name))
    }

    /// The JIDs of its services.
    pub(crate) fn services(&self) -> impl Iterator<Item = String> {
        SERVICES.iter().map(|name| format!("{name}.{}", self.domain))
    }

    /// A number that nobody can guess.
    pub(crate) fn random(&self) -> u64 {
        random().map_or_else(|_| self.engine.clock.now().0, u64::from_be_bytes)
    }
}

/// Why the server does not start; one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error("the data folder {0} cannot be made: {1}")]
    DataDir(String, std::io::Error),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The store.
    #[error(transparent)]
    Store(#[from] reef_engine::error::StoreError),
    /// The domain.
    #[error("the domain is none: {0}")]
    Domain(#[from] jid::Error),
    /// A listener.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The system has no thread, descriptor or randomness to give.
    #[error("the system refuses: {0}")]
    System(#[from] std::io::Error),
}

/// A running server.
pub struct Running {
    pub(crate) server: Arc<Server>,
    pub(crate) tls: Arc<Tls>,
    shards: Vec<JoinHandle<()>>,
    listeners: JoinSet<()>,
    shutdown: watch::Sender<bool>,
    /// Where clients connect: the addresses with the ports that were given.
    pub c2s: Vec<SocketAddr>,
    /// The same for direct TLS.
    pub c2s_tls: Vec<SocketAddr>,
    /// The same for HTTP.
    pub http: Vec<SocketAddr>,
}

/// Opens the engine as the configuration says; the shards' polls and bells come with it.
fn open(config: &Config) -> Result<(Arc<Engine>, Vec<Half>), StartError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut halves = Vec::new();
    for _ in 0..cores {
        let poll = mio::Poll::new()?;
        let bell = Bell::new(mio::Waker::new(poll.registry(), WAKER)?);
        halves.push((poll, bell));
    }
    let wakers = halves.iter().map(|(_, bell)| bell.wake()).collect();
    let (engine, seats) = Engine::open(engine_options(config, wakers))?;
    let halves = halves.into_iter().zip(seats);
    Ok((
        engine,
        halves.map(|((poll, bell), seat)| Half { poll, bell, seat }).collect(),
    ))
}

struct Half {
    poll: mio::Poll,
    bell: Bell,
    seat: reef_engine::Seat,
}

fn rate(per_second: u32, burst: u32) -> Rate {
    Rate { per_second, burst }
}

/// How the engine is opened, also by tools that run beside no server.
pub(crate) fn engine_options(config: &Config, wakers: Vec<reef_engine::fanout::Wake>) -> Options {
    let limits = &config.limits;
    let most = |limit: u32| if limit == 0 { usize::MAX } else { limit as usize };
    Options {
        dir: config.data_dir.join("store"),
        limits: Limits {
            queue_posts: most(limits.queue_posts),
            catch_up_posts: most(limits.catch_up_posts),
            catch_ups_parallel: most(limits.catch_ups_parallel),
            devices_per_account: most(limits.devices_per_account),
            device_days: limits.device_days,
            nodes_per_account: limits.nodes_per_account,
            comment_nodes_per_account: limits.comment_nodes_per_account,
            items_per_node: limits.items_per_node,
            item_bytes: limits.item_bytes,
            affiliations_per_node: limits.affiliations_per_node,
            items_per_account: limits.items_per_account,
            bytes_per_account: limits.bytes_per_account,
            subscriptions_per_account: limits.subscriptions_per_account,
            commit_queue_age_ms: u64::from(limits.commit_queue_age_ms),
            account_rate: rate(limits.publish_per_second, limits.publish_burst),
            node_rate: rate(limits.node_publish_per_second, limits.node_publish_burst),
            host_rate: rate(limits.host_publish_per_second, limits.host_publish_burst),
            ..Limits::default()
        },
        sync: config.store.durability == Durability::Fsync,
        tables: Arc::new(FrontTables),
        clock: Arc::new(SystemClock),
        wakers,
        applier_starts: crate::schedule::short_slices,
    }
}

impl Running {
    /// Starts everything; when it returns, every listener accepts.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        let dir = &config.data_dir;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|e| StartError::DataDir(dir.display().to_string(), e))?;
        if config.store.durability == Durability::Os {
            tracing::warn!("durability is `os`: an acknowledged post may be lost when the machine fails");
        }
        let tls = Arc::new(Tls::load(&config.tls, dir, &config.domain)?);
        let secret = tls::load_or_create(&dir.join("sasl-secret"), || random::<32>().unwrap_or_default().to_vec())?;
        let (engine, halves) = open(&config)?;
        let (router, boxes) = Router::new(halves.iter().map(|half| half.bell.clone()).collect());
        let caps = xep0115_caps::server_caps(&config.domain);
        let server = Arc::new(Server {
            domain: config.domain.clone(),
            web: crate::uri::web_base(&config).map(Arc::from),
            engine,
            router,
            routes: Routes::all(),
            caps: CapsCache::default(),
            hashers: Readers::start("hasher", 1, HASHES_WAITING)?,
            bound_features: bound_features(&caps),
            budget: Arc::new(Budget {
                stanza_bytes: config.limits.stanza_bytes,
                ..Budget::AFTER_AUTH
            }),
            config,
        });
        let mut shards = Vec::new();
        for (number, (half, mail)) in halves.into_iter().zip(boxes).enumerate() {
            let Half { poll, bell, seat } = half;
            shards.push(session::start(
                server.clone(),
                Thread {
                    number,
                    seat,
                    poll,
                    bell,
                    mail,
                },
            )?);
        }
        let (shutdown, stopped) = watch::channel(false);
        let mut secret_bytes = [0; 32];
        secret_bytes.iter_mut().zip(secret).for_each(|(to, from)| *to = from);
        let mut c2s = C2s::new(Accounts::new(server.clone()), &server.config, tls.clone(), secret_bytes)?;
        c2s.features_extra = caps;
        let mut running = Running {
            server,
            tls,
            shards,
            listeners: JoinSet::new(),
            shutdown,
            c2s: Vec::new(),
            c2s_tls: Vec::new(),
            http: Vec::new(),
        };
        running.listen(Arc::new(c2s), &stopped).await?;
        running.listen_http(&stopped).await?;
        let performer = running.performer();
        running.listeners.spawn(async move {
            if let Err(error) = admin::serve(performer, stopped).await {
                tracing::error!(%error, "administration has no socket");
            }
        });
        Ok(running)
    }

    async fn listen(&mut self, c2s: Arc<C2s<Accounts>>, stopped: &watch::Receiver<bool>) -> Result<(), StartError> {
        let config = self.server.config.c2s.clone();
        let plain = config.listen.iter().map(|address| (*address, Mode::StartTls));
        let direct = config.listen_tls.iter().map(|address| (*address, Mode::DirectTls));
        for (address, mode) in plain.chain(direct) {
            let failed = |e| StartError::Listen(address, e);
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            match mode {
                Mode::StartTls => self.c2s.push(bound),
                Mode::DirectTls => self.c2s_tls.push(bound),
            }
            self.listeners
                .spawn(serve_c2s(listener, mode, c2s.clone(), stopped.clone()));
        }
        Ok(())
    }

    /// HTTP. Where nobody chose its address and that is taken, the server goes on without.
    async fn listen_http(&mut self, stopped: &watch::Receiver<bool>) -> Result<(), StartError> {
        let chosen = self.server.config.http.listen != HttpConfig::default().listen;
        for address in self.server.config.http.listen.clone() {
            match TcpListener::bind(address).await {
                Ok(listener) => {
                    let bound = listener.local_addr().map_err(|e| StartError::Listen(address, e))?;
                    self.http.push(bound);
                    let serve = serve_http(listener, self.server.clone(), stopped.clone());
                    self.listeners.spawn(serve);
                }
                Err(error) if chosen => return Err(StartError::Listen(address, error)),
                Err(error) => tracing::warn!(%address, %error, "no metrics over http: set http.listen"),
            }
        }
        Ok(())
    }

    /// Performs an operator's requests on this server.
    pub fn performer(&self) -> Arc<Performer> {
        performer(&self.server)
    }

    /// Whether the store failed, or a thread that cannot be done without: then the process is to end.
    pub fn failed(&self) -> bool {
        self.server.engine.failed()
    }

    /// Reads the certificate again.
    ///
    /// # Errors
    /// It cannot be read; the former stays.
    pub fn reload(&self) -> Result<(), tls::TlsError> {
        self.tls.reload()
    }

    /// Tells everyone, writes every cursor, and closes the store.
    pub async fn stop(mut self) {
        // Nobody listens any more where this fails.
        let _ = self.shutdown.send(true);
        while self.listeners.join_next().await.is_some() {}
        let (shards, server) = (self.shards, self.server);
        let ended = tokio::task::spawn_blocking(move || {
            server.router.stop();
            for shard in 0..server.router.shards() {
                // Waits where a shard's box is full: every cursor is to be written.
                server.router.answer(shard, Box::new(session::Hub::stop));
            }
            for shard in shards {
                // A panic was logged where it happened.
                let _ = shard.join();
            }
            server.engine.close();
        });
        if ended.await.is_err() {
            tracing::error!("stopping failed");
        }
    }
}

/// Sessions hear of what an operator changed.
struct Sessions(Arc<Server>);

impl Live for Sessions {
    fn carried(&self, applied: &Applied, removed: Option<&str>) {
        session::carry_out(&self.0.router, applied);
        let Some(removed) = removed.and_then(|jid| BareJid::new(jid).ok()) else {
            return;
        };
        let job = move |hub: &mut session::Hub| hub.end_user_after_answer(&removed);
        self.0.router.answer(0, Box::new(job));
    }
}

fn performer(server: &Arc<Server>) -> Arc<Performer> {
    let (engine, config) = (server.engine.clone(), server.config.clone());
    Arc::new(Performer {
        engine,
        config,
        live: Box::new(Sessions(server.clone())),
    })
}

/// What is offered once somebody has logged in (RFC 6120 §7, RFC 6121 §2.6.1, XEP-0198 §2).
fn bound_features(caps: &[u8]) -> Vec<u8> {
    debug_assert_eq!(StreamNamespace::Client.as_str(), "jabber:client");
    let mut features = b"<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
        <session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>\
        <sm xmlns='urn:xmpp:sm:3'/><ver xmlns='urn:xmpp:features:rosterver'/>"
        .to_vec();
    features.extend_from_slice(caps);
    features.extend_from_slice(b"</stream:features>");
    features
}
