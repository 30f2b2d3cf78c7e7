//! `reef demo`: what `make run` starts. Accounts, an author with followers, and a post that arrives live.
//!
//! Everything goes the way a client's would. Registration is open, and on loopback only.

use super::live::Follower;
use super::serve::{log, runtime, until_told};
use super::{Exit, print};
use crate::admin::{self, Request, Response};
use crate::config::{Config, Registration};
use crate::part::Maker;
use crate::server::Running;
use reef_engine::clock::{Clock, SystemClock};

/// The demo's people; the first is the author.
const PEOPLE: [&str; 3] = ["juliet", "romeo", "nurse"];
/// Their password.
const PASSWORD: &str = "reef";
/// A phone of the simulator, of a country that there is not.
const PHONE: &str = "+9991234567";
/// What the SMS gateway is told where nobody configured a route: phones that cost nothing and never sleep.
const PHONES: &str = "quiet = 'off'
    route = [{ name = 'simulator', kind = 'simulator', number = '40404', mo_trust = 'carrier' }]
    country = [{ prefix = '+999', sender = '40404', price = 0.0 }]";

pub(super) fn demo(config: &mut Config, maker: Maker) -> Result<(), Exit> {
    log();
    config.c2s.registration = Registration::Open;
    let listens = config.c2s.listen.iter().chain(&config.c2s.listen_tls);
    if let Some(address) = listens.into_iter().find(|address| !address.ip().is_loopback()) {
        return Err(Exit::wrong_use(format!(
            "the demo registers anyone, so it listens on loopback only, not on {address}"
        )));
    }
    if !config.sms.contains_key("route") {
        let phones = PHONES.parse::<toml::Table>().map_err(Exit::failed)?;
        // What was said of anything else holds.
        let said = std::mem::replace(&mut config.sms, phones);
        config.sms.extend(said);
    }
    let part = maker(config).map_err(Exit::wrong_use)?;
    runtime()?.block_on(async {
        let running = Running::start_with(config.clone(), part).await.map_err(Exit::failed)?;
        let made = prepare(&running).await?;
        print::line("ready");
        explain(&running, config, made);
        show(&running, config).await?;
        until_told(running).await
    })
}

/// Makes what is not there yet; whether anything was.
async fn prepare(running: &Running) -> Result<bool, Exit> {
    let performer = running.performer();
    let domain = performer.config.domain.clone();
    tokio::task::spawn_blocking(move || {
        let mut made = false;
        let [author, followers @ ..] = PEOPLE;
        let author = format!("{author}@{domain}");
        for person in PEOPLE {
            let jid = format!("{person}@{domain}");
            if let Response::Failed(_) = performer.perform(Request::UserShow { jid: jid.clone() }) {
                done(performer.perform(Request::UserAdd {
                    jid,
                    password: PASSWORD.into(),
                }))?;
                made = true;
            }
        }
        if made {
            let jid = jid::BareJid::new(&author).map_err(Exit::failed)?;
            let entry = admin::text_entry(&jid, "Hello from the reef", SystemClock.now().0);
            let entry = String::from_utf8_lossy(&reef_stanza::self_contained(&entry, None)).into_owned();
            let node = reef_stanza::ns::MICROBLOG.to_owned();
            done(performer.perform(Request::Post {
                jid: author.clone(),
                node: node.clone(),
                item: None,
                entry,
            }))?;
            for follower in followers {
                let follower = format!("{follower}@{domain}");
                done(performer.perform(Request::NodeFollow {
                    service: author.clone(),
                    node: node.clone(),
                    follower,
                }))?;
            }
        }
        Ok(made)
    })
    .await
    .map_err(Exit::failed)?
}

/// A follower logs in as any client does, the author posts, and the post arrives.
async fn show(running: &Running, config: &Config) -> Result<(), Exit> {
    let Some(address) = running.c2s_tls.first() else {
        return Ok(());
    };
    let (domain, [author, follower, _]) = (&config.domain, PEOPLE);
    let certificate = match config.tls.cert.as_os_str() {
        own if own.is_empty() => config.data_dir.join("tls/cert.pem"),
        given => given.into(),
    };
    let mut client = Follower::login(*address, &certificate, &format!("{follower}@{domain}"), PASSWORD).await?;
    let (performer, jid) = (running.performer(), format!("{author}@{domain}"));
    let said = "O Romeo, Romeo! wherefore art thou Romeo?";
    let posted = tokio::task::spawn_blocking(move || {
        let author = jid::BareJid::new(&jid).map_err(Exit::failed)?;
        let entry = admin::text_entry(&author, said, SystemClock.now().0);
        let entry = String::from_utf8_lossy(&reef_stanza::self_contained(&entry, None)).into_owned();
        let node = reef_stanza::ns::MICROBLOG.to_owned();
        done(performer.perform(Request::Post {
            jid,
            node,
            item: None,
            entry,
        }))
    });
    posted.await.map_err(Exit::failed)??;
    let got = client.hears(said).await?;
    print::line(&format!(
        "{follower}, logged in over TLS, has just received live: {got}"
    ));
    client.leave().await
}

fn done(response: Response) -> Result<(), Exit> {
    match response {
        Response::Failed(why) => Err(Exit::failed(why)),
        _ => Ok(()),
    }
}

fn explain(running: &Running, config: &Config, made: bool) {
    let domain = &config.domain;
    let [author, follower, _] = PEOPLE;
    let port = running.c2s.first().map_or(5222, |address| address.port());
    if made {
        print::line(&format!(
            "made {} at {domain}, all with the password `{PASSWORD}`",
            PEOPLE.join(", ")
        ));
        print::line(&format!("{follower} and nurse follow {author}, who has posted once"));
    }
    let page = running
        .http
        .first()
        .map(|address| crate::uri::page_url(&format!("http://{address}"), author));
    for line in [
        format!(
            "log in with any XMPP client: {follower}@{domain}, port {port} on 127.0.0.1, STARTTLS, self-signed certificate"
        ),
        format!("post as {author}:  reef post {author}@{domain} 'Good night, good night!'"),
        format!("who follows:     reef node followers {author}@{domain}"),
        format!("text as a phone: reef sms simulate {PHONE} 'FOLLOW {author}'"),
        format!(
            "on the web:      {}",
            page.as_deref().unwrap_or("http.listen is taken or empty")
        ),
        "stop with Ctrl-C".to_owned(),
    ] {
        print::line(&line);
    }
}
