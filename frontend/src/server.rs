//! The server: what all shards share, and how it starts and stops.
//!
//! The order of starting is the order of dependence: data folder, certificate, engine, shards, listeners. Next: `main.rs`
//! says what is started; `session/` is what runs.

mod listeners; // where they connect

use crate::admin::{self, Live, Performer};
use crate::config::{Config, Durability};
use crate::host::Accounts;
use crate::http::Streams;
use crate::limits::{HASHES_WAITING, PART_STOP_SECONDS, PEER_READS, WEB_STOP_SECONDS};
use crate::part::{Host, Part};
use crate::peer::name::{PARTS, SERVICES, UPLOAD};
use crate::peer::stream::S2s;
use crate::peer::{self, Agreement, Arrivals, Mirror, Peers};
use crate::router::{Bell, Router};
use crate::session;
use crate::session::{Over, Thread, WAKER};
use crate::stream::{C2s, limits_feature};
use crate::tables::{FrontTables, OutgoingLimits};
use crate::tls::{self, Tls};
use crate::upload::{self, Uploads};
use crate::xep::xep0115_caps::{self, CapsCache};
use crate::xep::{self, Routes};
use jid::BareJid;
use reef_engine::clock::{SystemClock, random};
use reef_engine::limits::Limits;
use reef_engine::log::record::Applied;
use reef_engine::outbox::Readers;
use reef_engine::publish::Rate;
use reef_engine::{Engine, Options};
use reef_stanza::{Budget, Condition, StanzaError, StreamNamespace};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use xmpp_parsers::disco::DiscoInfoResult;

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
    /// What the server says it is; the hash in its stream features stands for exactly this.
    pub(crate) info: DiscoInfoResult,
    /// Derives keys from passwords.
    pub(crate) hashers: Readers,
    /// `<stream:features/>` after SASL.
    pub(crate) bound_features: Vec<u8>,
    /// The same where a session was bound or resumed within the login.
    pub(crate) inline_features: Vec<u8>,
    /// What a stanza of one who has logged in may cost.
    pub(crate) budget: Arc<Budget>,
    /// Streams to other servers and from them.
    pub(crate) s2s: Arc<S2s>,
    /// The ways to other servers.
    pub(crate) peers: Peers,
    /// What nodes elsewhere say to those who follow them here.
    pub(crate) mirror: Mirror,
    /// Who follows, as other servers have it.
    pub(crate) agreement: Agreement,
    /// Permits to read the store for peers.
    pub(crate) peer_reads: Arc<Semaphore>,
    /// What accounts upload.
    pub(crate) uploads: Arc<Uploads>,
    /// Another part of the server, if there is one.
    pub(crate) part: Option<Arc<dyn Part>>,
    /// For what waits.
    pub(crate) runtime: tokio::runtime::Handle,
}

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

    /// The other part of the server, if a domain is its address.
    pub(crate) fn part_at(&self, domain: &str) -> Option<&Arc<dyn Part>> {
        let (name, rest) = domain.split_once('.')?;
        self.part
            .as_ref()
            .filter(|part| part.service() == name && self.is_domain(rest))
    }

    /// Whether nobody may register an account.
    pub(crate) fn is_reserved(&self, account: &BareJid) -> bool {
        let name = account.node().map_or("", |name| name.as_str());
        let part = self.part.iter();
        let mut reserved = part.flat_map(|part| part.reserved().iter().copied().chain([part.service()]));
        SERVICES.contains(&name) || reserved.any(|word| word.eq_ignore_ascii_case(name))
    }

    /// Whether a domain is the one that is served, one of its services, or the other part's.
    pub(crate) fn is_ours(&self, domain: &str) -> bool {
        self.is_domain(domain) || self.is_service(domain) || self.part_at(domain).is_some()
    }

    /// How much may wait for other servers.
    pub(crate) fn waiting(&self) -> OutgoingLimits {
        let limits = &self.config.limits;
        OutgoingLimits {
            per_account: limits.queued_per_account,
            per_peer: limits.queued_per_peer,
            bytes_per_peer: limits.queued_bytes_per_peer,
        }
    }

    /// The JIDs of its services, as far as there is something to be had from them.
    pub(crate) fn services(&self) -> impl Iterator<Item = String> {
        let offered = SERVICES.iter().filter(|name| **name != UPLOAD || self.uploads.offered);
        offered.map(|name| format!("{name}.{}", self.domain))
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
    /// The other part of the server.
    #[error("{0}")]
    Part(String),
    /// Streams to other servers.
    #[error("there can be no streams to other servers: {0}")]
    Peers(String),
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
    streams: Option<Arc<Streams>>,
    shutdown: watch::Sender<bool>,
    /// Where clients connect: the addresses with the ports that were given.
    pub c2s: Vec<SocketAddr>,
    /// The same for direct TLS.
    pub c2s_tls: Vec<SocketAddr>,
    /// The same for HTTP.
    pub http: Vec<SocketAddr>,
    /// The same for HTTP with TLS.
    pub https: Vec<SocketAddr>,
    /// Where other servers connect.
    pub s2s: Vec<SocketAddr>,
    /// The same for direct TLS.
    pub s2s_tls: Vec<SocketAddr>,
    /// Where components connect.
    pub components: Vec<SocketAddr>,
}

/// Opens the engine as the configuration says; the shards' polls and bells come with it.
fn open(config: &Config, part: Option<Arc<dyn Part>>) -> Result<(Arc<Engine>, Vec<Half>), StartError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut halves = Vec::new();
    for _ in 0..cores {
        let poll = mio::Poll::new()?;
        let bell = Bell::new(mio::Waker::new(poll.registry(), WAKER)?);
        halves.push((poll, bell));
    }
    let wakers = halves.iter().map(|(_, bell)| bell.wake()).collect();
    let (engine, seats) = Engine::open(engine_options(config, part, wakers))?;
    let halves = halves.into_iter().zip(seats);
    Ok((
        engine,
        halves.map(|((poll, bell), seat)| Half { poll, bell, seat }).collect(),
    ))
}

/// What all shards share, their threads, and what is said of capabilities.
type Serving = (Arc<Server>, Vec<JoinHandle<()>>, Vec<u8>);

/// What all shards share, and their threads; with it what is said of capabilities.
fn serving(config: Config, tls: &Arc<Tls>, part: Option<Arc<dyn Part>>) -> Result<Serving, StartError> {
    let (engine, halves) = open(&config, part.clone())?;
    let uploads = Uploads::open(&config)?;
    let (router, boxes) = Router::new(halves.iter().map(|half| half.bell.clone()).collect());
    let info = xep::server_info(&config);
    let caps = xep0115_caps::server_caps(&info);
    let arrivals = Arc::new(Arrivals::default());
    let s2s = streams(&config, tls, part.as_deref(), arrivals.clone())?;
    let server = Arc::new(Server {
        domain: config.domain.clone(),
        web: crate::uri::web_base(&config).map(Arc::from),
        engine,
        router,
        routes: Routes::all(),
        caps: CapsCache::default(),
        info,
        hashers: Readers::start("hasher", 1, HASHES_WAITING)?,
        bound_features: bound_features(&caps, config.limits.stanza_bytes, BINDS),
        inline_features: bound_features(&caps, config.limits.stanza_bytes, ""),
        budget: Arc::new(Budget {
            stanza_bytes: config.limits.stanza_bytes,
            ..Budget::AFTER_AUTH
        }),
        s2s,
        peers: Peers::new(&config.domain, config.components().map(str::to_owned).collect()),
        mirror: Mirror::default(),
        agreement: Agreement::default(),
        peer_reads: Arc::new(Semaphore::new(PEER_READS)),
        uploads: Arc::new(uploads),
        part,
        runtime: tokio::runtime::Handle::current(),
        config,
    });
    arrivals.open(&server);
    server.peers.start(&server);
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
    Ok((server, shards, caps))
}

/// Makes streams to other servers ready, for the domain, its services, and the other part, which refuses what comes.
fn streams(
    config: &Config,
    tls: &Arc<Tls>,
    part: Option<&dyn Part>,
    inbox: Arc<Arrivals>,
) -> Result<Arc<S2s>, StartError> {
    let services = SERVICES
        .iter()
        .copied()
        .chain(part.map(Part::service))
        .map(|name| format!("{name}.{}", config.domain));
    let components = config.components().map(str::to_owned);
    let domains = std::iter::once(config.domain.clone()).chain(services).chain(components);
    let made = || random::<32>().unwrap_or_default().to_vec();
    let secret = tls::load_or_create(&config.data_dir.join("dialback-secret"), made)?;
    let streams = S2s::new(config, domains.collect(), tls.clone(), fixed(&secret), inbox);
    streams.map_err(|error| StartError::Peers(error.to_string()))
}

/// 32 bytes of a secret.
fn fixed(secret: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(secret).for_each(|(to, from)| *to = *from);
    bytes
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
pub(crate) fn engine_options(
    config: &Config,
    part: Option<Arc<dyn Part>>,
    wakers: Vec<reef_engine::fanout::Wake>,
) -> Options {
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
            items_per_peer: limits.items_per_peer,
            bytes_per_peer: limits.bytes_per_peer,
            nodes_per_peer: limits.nodes_per_peer,
            subscriptions_per_peer: limits.subscriptions_per_peer,
            mirror_items: limits.mirror_items,
            commit_queue_age_ms: u64::from(limits.commit_queue_age_ms),
            account_rate: rate(limits.publish_per_second, limits.publish_burst),
            node_rate: rate(limits.node_publish_per_second, limits.node_publish_burst),
            host_rate: rate(limits.host_publish_per_second, limits.host_publish_burst),
            ..Limits::default()
        },
        sync: config.store.durability == Durability::Fsync,
        tables: Arc::new(FrontTables::new(&config.domain, part)),
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
        Running::start_with(config, None).await
    }

    /// The same with another part of the server.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn start_with(config: Config, part: Option<Arc<dyn Part>>) -> Result<Running, StartError> {
        let dir = &config.data_dir;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|e| StartError::DataDir(dir.display().to_string(), e))?;
        if config.store.durability == Durability::Os {
            tracing::warn!("durability is `os`: an acknowledged post may be lost when the machine fails");
        }
        let tls = Arc::new(Tls::load(&config.tls, dir, &config.domain)?);
        let secret = tls::load_or_create(&dir.join("sasl-secret"), || random::<32>().unwrap_or_default().to_vec())?;
        let (server, shards, caps) = serving(config, &tls, part)?;
        let (shutdown, stopped) = watch::channel(false);
        let mut c2s = C2s::new(
            Accounts::new(server.clone()),
            &server.config,
            tls.clone(),
            fixed(&secret),
        )?;
        c2s.features_extra = caps;
        let mut running = Running {
            server,
            tls,
            shards,
            listeners: JoinSet::new(),
            streams: None,
            shutdown,
            c2s: Vec::new(),
            c2s_tls: Vec::new(),
            http: Vec::new(),
            https: Vec::new(),
            s2s: Vec::new(),
            s2s_tls: Vec::new(),
            components: Vec::new(),
        };
        running.start_part()?;
        running.listen_s2s(&stopped).await?;
        running.listen_components(&stopped).await?;
        let c2s = Arc::new(c2s);
        let streams = Streams::new(running.server.clone(), c2s.clone(), stopped.clone());
        running.listen(c2s, &stopped).await?;
        running.listen_http(&streams, &stopped).await?;
        running.streams = Some(streams);
        running
            .listeners
            .spawn(upload::sweep(running.server.clone(), stopped.clone()));
        match admin::listen(&running.server.config.data_dir) {
            Ok(listener) => drop(
                running
                    .listeners
                    .spawn(admin::serve(listener, running.performer(), stopped)),
            ),
            Err(error) => tracing::error!(%error, "administration has no socket"),
        }
        Ok(running)
    }

    fn start_part(&self) -> Result<(), StartError> {
        let Some(part) = &self.server.part else { return Ok(()) };
        // Its way to other servers is known by that.
        if !PARTS.contains(&part.service()) {
            return Err(StartError::Part(format!("`{}` is no name of a part", part.service())));
        }
        part.start(Host::new(&self.server)).map_err(StartError::Part)
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
        self.tls.reload()?;
        self.server.s2s.reload()
    }

    /// Tells everyone, writes every cursor, and closes the store.
    pub async fn stop(mut self) {
        // While their streams still listen: what is on its way is confirmed, and not sent again.
        self.server.peers.stop().await;
        // Nobody listens any more where this fails.
        let _ = self.shutdown.send(true);
        while self.listeners.join_next().await.is_some() {}
        if let Some(part) = &self.server.part {
            let patience = Duration::from_secs(PART_STOP_SECONDS);
            if tokio::time::timeout(patience, part.stop()).await.is_err() {
                tracing::warn!(
                    part = part.service(),
                    "it takes too long to stop: the server does not wait"
                );
            }
        }
        self.server.s2s.hold();
        let (shards, server, streams) = (self.shards, self.server, self.streams);
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
        if let Some(streams) = streams {
            // Whoever does not take its farewell in that time does not hear it.
            let _ = tokio::time::timeout(Duration::from_secs(WEB_STOP_SECONDS), streams.ended()).await;
        }
    }
}

/// Sessions hear of what an operator changed.
struct Sessions(Arc<Server>);

impl Live for Sessions {
    fn carried(&self, applied: &Applied, ended: Option<(&str, Over)>) {
        session::carry_out(&self.0, applied);
        let Some((user, over)) = ended.and_then(|(jid, over)| Some((BareJid::new(jid).ok()?, over))) else {
            return;
        };
        let job = move |hub: &mut session::Hub| hub.end_user_after_answer(&user, over, None);
        self.0.router.answer(0, Box::new(job));
    }

    fn peer(&self, name: &str) -> Option<serde_json::Value> {
        self.0.peers.shown(name).map(|shown| shown.to_json())
    }

    fn peers(&self) -> Vec<String> {
        self.0.peers.active()
    }

    fn retry(&self, name: &str) -> bool {
        self.0.peers.retry(name)
    }

    fn returned(&self, stanza: &[u8]) {
        if let Some((to, error)) = peer::returned_row(stanza, &StanzaError::new(Condition::RemoteServerTimeout)) {
            let shard = self.0.router.shard_of(to.to_bare().as_str());
            let job = move |hub: &mut session::Hub| hub.route(to, error);
            self.0.router.answer(shard, Box::new(job));
        }
    }
}

/// Who performs an operator's requests.
pub(crate) fn performer(server: &Arc<Server>) -> Arc<Performer> {
    let (engine, config) = (server.engine.clone(), server.config.clone());
    Arc::new(Performer {
        engine,
        config,
        part: server.part.clone(),
        live: Box::new(Sessions(server.clone())),
    })
}

/// What makes a session of a stream (RFC 6120 §7, RFC 3921 §3).
const BINDS: &str = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
    <session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>";

/// What is offered once somebody has logged in (RFC 6120 §7, RFC 6121 §2.6.1, XEP-0198 §2, XEP-0352 §4.1, XEP-0478 §3).
fn bound_features(caps: &[u8], stanza_bytes: usize, binds: &str) -> Vec<u8> {
    debug_assert_eq!(StreamNamespace::Client.as_str(), "jabber:client");
    let mut features = b"<stream:features>".to_vec();
    features.extend_from_slice(binds.as_bytes());
    features.extend_from_slice(b"<sm xmlns='urn:xmpp:sm:3'/><ver xmlns='urn:xmpp:features:rosterver'/>");
    features.extend_from_slice(b"<csi xmlns='urn:xmpp:csi:0'/>");
    features.extend_from_slice(limits_feature(stanza_bytes).as_bytes());
    features.extend_from_slice(caps);
    features.extend_from_slice(b"</stream:features>");
    features
}
