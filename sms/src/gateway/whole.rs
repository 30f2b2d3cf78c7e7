//! The gateway from its configuration to its end: tables from the first moment, routes once the engine is open.
//!
//! Knows no XMPP. Whoever composes the server holds one. Next: `desk.rs` and `admin.rs` are what others ask of it.

use super::commit::{Commits, Wrap};
use super::core::Core;
use super::parts::Parts;
use super::routes::{self, Served};
use super::thread::{self, Tell, Window};
use super::voids::Voids;
use crate::config::Settings;
use crate::grammar::Stops;
use crate::inbound::counts::Counts;
use crate::inbound::{Hall, Lanes};
use crate::limits::TELLS;
use crate::network::Network;
use crate::number::Keys;
use crate::tables::read::Rows;
use crate::tables::{self, ANOTHER_KEY, Families, Op};
use reef_engine::Engine;
use reef_engine::clock::Clock;
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::model::Timestamp;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;

/// What a gateway is made with.
pub struct Setup {
    /// The domain that is served.
    pub domain: String,
    /// Where the key of numbers lies.
    pub data_dir: PathBuf,
    /// `[sms]`.
    pub config: toml::Table,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where its families begin.
    pub families: Families,
    /// How its operations are marked in records.
    pub wrap: Wrap,
}

/// The gateway.
pub struct Gateway {
    pub(super) setup: Setup,
    pub(super) settings: Arc<Settings>,
    /// Read or made when it is needed. Held while it is.
    keys: Mutex<Option<Arc<Keys>>>,
    /// Once it serves. Held for a clone.
    serving: Mutex<Option<Serving>>,
}

/// What there is while it serves.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) hall: Arc<Hall>,
    pub(super) lanes: Arc<Lanes>,
    pub(super) runtime: Handle,
    pub(super) tell: mpsc::Sender<Tell>,
    pub(super) window: Window,
    pub(super) routes: Arc<Served>,
    tasks: Arc<Mutex<JoinSet<()>>>,
    thread: Arc<Mutex<Option<std::thread::JoinHandle<()>>>>,
}

impl Gateway {
    /// Reads the configuration; `None` where no route is configured.
    ///
    /// # Errors
    /// What is wrong, in one line.
    pub fn new(setup: Setup) -> Result<Option<Arc<Gateway>>, String> {
        let settings = Settings::read(setup.config.clone()).map_err(|wrong| wrong.to_string())?;
        if settings.route.is_empty() {
            return Ok(None);
        }
        for route in &settings.route {
            let secrets = route.secret().and_then(|_| route.authorization());
            secrets.map_err(|why| format!("sms: route {:?}: {why}", route.name))?;
        }
        Ok(Some(Arc::new(Gateway {
            setup,
            settings: Arc::new(settings),
            keys: Mutex::new(None),
            serving: Mutex::new(None),
        })))
    }

    /// Applies an operation.
    ///
    /// # Errors
    /// A refusal, or the store's failure.
    pub fn apply(&self, apply: &mut Apply<'_, '_>, op: &[u8]) -> Result<Vec<u8>, ApplyError> {
        tables::apply(self.setup.families, apply, op)
    }

    /// In the commit that keeps a chat message for an account that is not here: its phone gets it.
    ///
    /// # Errors
    /// The store's failure.
    pub fn missed(&self, apply: &mut Apply<'_, '_>, user: &str, from: &str, body: &str) -> Result<(), ApplyError> {
        let own = from.split_once('@').filter(|(_, host)| *host == self.setup.domain);
        let name = own.map_or(from, |(name, _)| name);
        let text: Arc<str> = format!("DM @{name}: {body}").into();
        let expires = Timestamp(apply.at.0 + self.settings.message_expiry.as_millis() as u64);
        tables::missed(self.setup.families, apply, user, &text, expires)
    }

    /// In the commit that removes an account.
    ///
    /// # Errors
    /// The store's failure.
    pub fn removed(&self, apply: &mut Apply<'_, '_>, user: &str) -> Result<(), ApplyError> {
        tables::removed(self.setup.families, apply, user)
    }

    fn key_path(&self) -> PathBuf {
        match self.settings.key_file.as_os_str().is_empty() {
            true => self.setup.data_dir.join("sms-key"),
            false => self.settings.key_file.clone(),
        }
    }

    /// What to do where the key of numbers is missing, as it is after a restore.
    pub fn lacks_key(&self) -> Option<String> {
        let path = self.key_path();
        (!path.exists()).then(|| {
            format!(
                "numbers of phones are sealed with {}, which backups leave out: put it there before the server is started",
                path.display()
            )
        })
    }

    /// The key of numbers, from its file, which is made where there is none, and no number was sealed yet.
    fn keys(&self, engine: &Engine) -> Result<Arc<Keys>, String> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = &*keys {
            return Ok(keys.clone());
        }
        let rows = Rows {
            view: engine.view(),
            families: self.setup.families,
        };
        let sealed = rows.key_check().map_err(|error| error.to_string())?;
        if let (Some(_), Some(why)) = (sealed, self.lacks_key()) {
            return Err(why);
        }
        let loaded = Arc::new(Keys::load(&self.key_path()).map_err(|error| error.to_string())?);
        if sealed.is_some_and(|sealed| sealed != loaded.tag(b"")) {
            return Err(ANOTHER_KEY.to_owned());
        }
        *keys = Some(loaded.clone());
        Ok(loaded)
    }

    pub(super) fn parts(
        &self,
        network: Arc<dyn Network>,
        commits: Commits,
        voids: Arc<Voids>,
    ) -> Result<Parts, String> {
        Ok(Parts {
            settings: self.settings.clone(),
            keys: self.keys(&commits.engine)?,
            families: self.setup.families,
            network,
            commits,
            voids,
        })
    }

    fn slot(&self) -> MutexGuard<'_, Option<Serving>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is while it serves.
    pub(super) fn serving(&self) -> Option<Serving> {
        self.slot().clone()
    }

    /// Begins to serve. Waits for one commit.
    ///
    /// # Errors
    /// Why it cannot, in one line.
    pub fn start(self: &Arc<Gateway>, network: Arc<dyn Network>, runtime: Handle) -> Result<(), String> {
        let (bell, engine) = (Arc::new(Notify::new()), network.engine());
        let ring = bell.clone();
        let commits = Commits {
            engine: engine.clone(),
            wrap: self.setup.wrap,
            ring: Arc::new(move || ring.notify_one()),
        };
        let begin = Op::Begin {
            routes: self
                .settings
                .route
                .iter()
                .map(|route| route.name.as_str().into())
                .collect(),
            check: self.keys(&engine)?.tag(b""),
        };
        let begun = commits.wait(&begin).map_err(|error| format!("sms: {error}"))?;
        let (tell, told) = mpsc::channel(TELLS);
        let (parts, wake) = (self.parts(network, commits, Arc::default())?, tell.clone());
        let hall = Arc::new(Hall {
            parts: Arc::new(parts),
            routes: begun.routes,
            stops: Stops::new(&self.settings.stop_words),
            domain: self.setup.domain.clone(),
            // Full is awake.
            wake: Arc::new(move || _ = wake.try_send(Tell::Wake)),
            counts: Counts::default(),
        });
        let mut tasks = JoinSet::new();
        let _in_runtime = runtime.enter();
        let lanes = Arc::new(Lanes::start(&hall, &mut tasks).map_err(|error| format!("sms: {error}"))?);
        let (ways, served) = routes::start(&hall, &lanes, &tell, &mut tasks)?;
        let core =
            Core::new(hall.parts.clone(), ways, self.setup.clock.now()).map_err(|error| format!("sms: {error}"))?;
        let window = Window::default();
        let ring = bell.clone();
        engine.on_commit(Arc::new(move || ring.notify_one()));
        let thread = self.drive(core, told, bell, window.clone())?;
        *self.slot() = Some(Serving {
            hall,
            lanes,
            runtime,
            tell,
            window,
            routes: Arc::new(served),
            tasks: Arc::new(Mutex::new(tasks)),
            thread: Arc::new(Mutex::new(Some(thread))),
        });
        Ok(())
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "the gateway's one thread: it reads the store, and drives all routes"
    )]
    fn drive(
        &self,
        core: Core,
        told: mpsc::Receiver<Tell>,
        bell: Arc<Notify>,
        window: Window,
    ) -> Result<std::thread::JoinHandle<()>, String> {
        let (clock, wrong) = (self.setup.clock.clone(), |error| format!("sms: {error}"));
        // Its own: the server's may end before it does.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(wrong)?;
        std::thread::Builder::new()
            .name("sms".into())
            .spawn(move || thread::run(core, &*clock, told, &bell, &window, &runtime))
            .map_err(wrong)
    }

    /// Ends: what is under way is waited for, as long as a session allows; the engine is let go.
    pub async fn stop(&self) {
        let Some(serving) = self.slot().take() else { return };
        let (done, waits) = oneshot::channel();
        if serving.tell.send(Tell::Stop(done)).await.is_ok() {
            let _ = waits.await;
        }
        let mut tasks = std::mem::take(&mut *serving.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
        let thread = serving.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It has said that it is done; a panic was logged where it happened.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}
