//! A whole gateway over a real engine, with people named alice and bob: whatever its routes are.

#![allow(clippy::unwrap_used, reason = "a test's own house: what fails ends the test")]

use super::{FIRST, Gate, Names, SmsTables, limits};
use bytes::Bytes;
use reef_engine::clock::Clock;
use reef_engine::{Engine, Options};
use reef_sms::gateway::{Gateway, Setup};
use std::path::Path;
use std::sync::Arc;

pub(crate) struct House {
    pub(crate) engine: Arc<Engine>,
    pub(crate) names: Arc<Names>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) gate: Gate,
}

impl House {
    /// In a folder, by a clock, with these settings; it does not serve yet.
    pub(crate) fn new(dir: &Path, clock: Arc<dyn Clock>, config: &str) -> House {
        let setup = Setup {
            domain: "here".into(),
            data_dir: dir.into(),
            config: config.parse().unwrap(),
            clock: clock.clone(),
            families: FIRST,
            wrap: Bytes::from,
        };
        let gateway = Gateway::new(setup).unwrap().unwrap();
        let gate = Gate::default();
        let options = Options {
            dir: dir.join("store"),
            limits: limits(),
            sync: false,
            tables: Arc::new(SmsTables(Arc::default(), gate.clone())),
            clock,
            wakers: vec![Arc::new(|| {})],
            applier_starts: || {},
        };
        let (engine, seats) = Engine::open(options).unwrap();
        drop(seats);
        let names = Arc::new(Names::new(&engine, &["alice@here", "bob@here"]));
        House {
            engine,
            names,
            gateway,
            gate,
        }
    }

    /// Serves from now on.
    pub(crate) fn open(&self) {
        let runtime = tokio::runtime::Handle::current();
        self.gateway.start(self.names.clone(), runtime).unwrap();
    }
}
