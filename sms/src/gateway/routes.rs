//! The ways of a gateway: each begins, what it says goes to the thread, what it hears to the listener.
//!
//! The one place that knows all kinds of routes.

use super::thread::Tell;
use crate::config::{Kind, Route};
use crate::inbound::{Hall, Lanes};
use crate::limits::ROUTE_EVENTS;
use crate::route::http::{self, Http};
use crate::route::listen::Listener;
use crate::route::smpp::{Smpp, told};
use crate::route::{Told, Way};
use crate::tables::rows::RouteId;
use reef_smpp::esme::Event;
use reef_smpp::smsc::{Smsc, SmscConfig};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What serves routes beside their ways.
#[derive(Default)]
pub(super) struct Served {
    /// Simulators, by the names of their routes.
    pub(super) simulators: Vec<(String, Arc<Smsc>)>,
}

/// How often texts whose parts did not come are looked for.
const EXPIRE: Duration = Duration::from_secs(30);

type Ways = Vec<(RouteId, Box<dyn Way>)>;

/// Begins all routes. Within a runtime.
///
/// # Errors
/// Why one cannot be, in one line.
pub(super) fn start(
    hall: &Arc<Hall>,
    lanes: &Arc<Lanes>,
    tell: &mpsc::Sender<Tell>,
    tasks: &mut JoinSet<()>,
) -> Result<(Ways, Served), String> {
    let (mut ways, mut served): (Ways, Served) = (Vec::new(), Served::default());
    let routes: Vec<(RouteId, Route)> = hall
        .routes
        .iter()
        .copied()
        .zip(hall.parts.settings.route.iter().cloned())
        .collect();
    for (number, (id, route)) in routes.into_iter().enumerate() {
        let (events, said) = mpsc::channel(ROUTE_EVENTS);
        let address = match route.kind {
            Kind::Smpp => route.address.clone(),
            Kind::Simulator => {
                let simulator = simulator(&route)?;
                let address = simulator.address().to_string();
                served.simulators.push((route.name.clone(), Arc::new(simulator)));
                address
            }
            Kind::Http => {
                ways.push((id, Box::new(by_http(number, &route, hall, tell, tasks)?)));
                continue;
            }
        };
        let clock = hall.parts.commits.engine.clock.clone();
        let way = Smpp::start(&route, &address, clock, events)?;
        ways.push((id, Box::new(way)));
        tasks.spawn(listen(number, hall.clone(), lanes.clone(), id, said, tell.clone()));
    }
    Ok((ways, served))
}

/// A provider; what phones say to it comes by `web.rs`.
fn by_http(
    number: usize,
    route: &Route,
    hall: &Arc<Hall>,
    tell: &mpsc::Sender<Tell>,
    tasks: &mut JoinSet<()>,
) -> Result<Http, String> {
    let (events, mut said) = mpsc::channel(ROUTE_EVENTS);
    let clock = hall.parts.commits.engine.clock.clone();
    let way = Http::start(route, clock, events).map_err(|error| format!("sms: route {:?}: {error}", route.name))?;
    let (hall, tell, name) = (hall.clone(), tell.clone(), route.name.clone());
    tasks.spawn(async move {
        while let Some(event) = said.recv().await {
            let told = match event {
                http::Event::OptedOut(phone) => {
                    hall.opted_out_in_time(&phone).await;
                    continue;
                }
                http::Event::Told(told) => told,
            };
            if let Told::Down(why) = &told {
                tracing::warn!(route = name, why, "a provider takes no messages for now");
            }
            if tell.send(Tell::Route(number, told)).await.is_err() {
                return;
            }
        }
    });
    Ok(way)
}

/// The bundled SMSC, on loopback.
fn simulator(route: &Route) -> Result<Smsc, String> {
    let address = if route.address.is_empty() {
        "127.0.0.1:0"
    } else {
        &route.address
    };
    let wrong = |error: String| format!("sms: route {:?}: {error}", route.name);
    let address = address
        .parse()
        .map_err(|_| wrong(format!("{address:?} is no address and port")))?;
    let config = SmscConfig::default();
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(Smsc::start(address, config)))
        .map_err(|error| wrong(error.to_string()))
}

/// Takes what a session says, until it ends.
async fn listen(
    number: usize,
    hall: Arc<Hall>,
    lanes: Arc<Lanes>,
    id: RouteId,
    mut events: mpsc::Receiver<Event>,
    tell: mpsc::Sender<Tell>,
) {
    let mut listener = Listener::new(hall, lanes, id).await;
    let mut expire = tokio::time::interval(EXPIRE);
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            _ = expire.tick() => {
                listener.expire().await;
                continue;
            }
        };
        let Some(event) = event else { return };
        if let Event::Lost { why, again, .. } = &event {
            tracing::info!(route = number, ?why, ?again, "a route was lost");
        }
        if let Some(told) = told(&event)
            && tell.send(Tell::Route(number, told)).await.is_err()
        {
            return;
        }
        match event {
            Event::Deliver(deliver, respond) => listener.deliver(deliver, respond).await,
            Event::Malformed { header, .. } => {
                tracing::warn!(
                    route = number,
                    command = header.command,
                    "a message that cannot be read was refused"
                );
            }
            _ => {}
        }
    }
}
