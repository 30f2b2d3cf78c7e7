//! From a command to requests, and from their answers to what is printed.

use super::args::{Args, Command, NodeCommand, PeerCommand, UserCommand};
use super::{Exit, check, demo, import, portable, print, serve, sms};
use crate::admin::{self, Performer, Request, Response, Unserved};
use crate::config::Config;
use crate::part::{Maker, Part};
use crate::server::engine_options;
use jid::BareJid;
use reef_engine::Engine;
use reef_engine::clock::{Clock, SystemClock};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// Runs a command, with the other part of the server that `maker` makes.
///
/// # Errors
/// The exit code and the one line for standard error.
pub fn run(args: Args, maker: Maker) -> Result<(), Exit> {
    // Variables that are no UTF-8 cannot be ours.
    let environment = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    let mut config = Config::load(args.config.as_deref(), &args.sets, environment).map_err(Exit::wrong_use)?;
    let part = maker(&config).map_err(Exit::wrong_use)?;
    let requests = match args.command {
        Command::Serve => return serve::serve(config, part),
        Command::Demo => return demo::demo(&mut config, maker),
        Command::CheckConfig => {
            print::line(&format!(
                "the configuration is right: {} in {}",
                config.domain,
                config.data_dir.display()
            ));
            return check::check(&config);
        }
        Command::Restore { dir } => return restore(&config, part, &dir),
        Command::Export { jid, file } => return portable::export(&config, part, &jid, file.as_deref()),
        Command::Import { file, force } => {
            let done = portable::import(&config, part, &file, force)?;
            return print::response(Response::Done(done), args.json).map_err(Exit::failed);
        }
        Command::User(command) => vec![user(command)?],
        Command::Node(NodeCommand::ImportFollowers { node, file }) => {
            let (service, node) = parts(&node);
            let done = import::import((&config, part), service, node, &file)?;
            return print::response(Response::Done(done), args.json).map_err(Exit::failed);
        }
        Command::Node(command) => vec![node(command)?],
        Command::Peer(command) => vec![peer(command)],
        Command::Sms(command) => vec![sms::request(command)],
        Command::Post { jid, node, text, atom } => posts(&jid, &node, text, atom.as_deref())?,
        Command::Backup { dir } => {
            let dir = std::path::absolute(&dir).map_err(Exit::failed)?;
            vec![Request::Backup {
                dir: dir.display().to_string(),
            }]
        }
        Command::Verify => vec![Request::Verify],
        Command::Compact => vec![Request::Compact],
    };
    ask(&config, part, requests, args.json)
}

fn user(command: UserCommand) -> Result<Request, Exit> {
    Ok(match command {
        UserCommand::Add { jid, .. } => Request::UserAdd {
            jid,
            password: password()?,
        },
        UserCommand::Passwd { jid, .. } => Request::UserPasswd {
            jid,
            password: password()?,
        },
        UserCommand::Remove { jid } => Request::UserRemove { jid },
        UserCommand::List => Request::UserList { after: None },
        UserCommand::Show { jid } => Request::UserShow { jid },
        UserCommand::Suspend { jid } => Request::UserSuspend { jid, suspended: true },
        UserCommand::Resume { jid } => Request::UserSuspend { jid, suspended: false },
        UserCommand::Invite { jid, contact, days } => Request::UserInvite { jid, contact, days },
        UserCommand::Reports => Request::UserReports { after: None },
        UserCommand::ForgetReports { jid } => Request::UserForgetReports { jid },
    })
}

fn peer(command: PeerCommand) -> Request {
    match command {
        PeerCommand::List => Request::PeerList,
        PeerCommand::Show { peer } => Request::PeerShow { peer },
        PeerCommand::Retry { peer } => Request::PeerRetry { peer },
        PeerCommand::Pause { peer } => Request::PeerPause { peer, paused: true },
        PeerCommand::Resume { peer } => Request::PeerPause { peer, paused: false },
        PeerCommand::Drop { peer } => Request::PeerDrop { peer },
    }
}

fn node(command: NodeCommand) -> Result<Request, Exit> {
    Ok(match command {
        NodeCommand::List { service } => Request::NodeList { service, after: None },
        NodeCommand::Show { node } => named(&node, |service, node| Request::NodeShow { service, node }),
        NodeCommand::Followers { node } => named(&node, |service, node| Request::NodeFollowers {
            service,
            node,
            after: None,
        }),
        NodeCommand::ImportFollowers { .. } => return Err(Exit::wrong_use("an import is no single request")),
        NodeCommand::Create { node, options } => {
            let settings = pairs(&options)?;
            named(&node, |service, node| Request::NodeCreate {
                service,
                node,
                settings,
            })
        }
        NodeCommand::Configure { node, options } => {
            let settings = pairs(&options)?;
            named(&node, |service, node| Request::NodeConfigure {
                service,
                node,
                settings,
            })
        }
        NodeCommand::Pause { node } => named(&node, |service, node| Request::NodePause {
            service,
            node,
            paused: true,
        }),
        NodeCommand::Resume { node } => named(&node, |service, node| Request::NodePause {
            service,
            node,
            paused: false,
        }),
        NodeCommand::Purge { node } => named(&node, |service, node| Request::NodePurge { service, node }),
        NodeCommand::Delete { node } => named(&node, |service, node| Request::NodeDelete { service, node }),
        NodeCommand::Retract { node, id } => named(&node, |service, node| Request::NodeRetract {
            service,
            node,
            item: id,
        }),
    })
}

/// `service/node`, or a JID alone for its microblog. A bare JID has no slash, so the first one parts them.
fn named(node: &str, request: impl FnOnce(String, String) -> Request) -> Request {
    let (service, node) = parts(node);
    request(service.to_owned(), node.to_owned())
}

fn parts(node: &str) -> (&str, &str) {
    node.split_once('/').unwrap_or((node, reef_stanza::ns::MICROBLOG))
}

fn pairs(options: &[String]) -> Result<Vec<(String, String)>, Exit> {
    let pair = |option: &String| {
        let parts = option
            .split_once('=')
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        parts.ok_or_else(|| Exit::wrong_use(format!("`{option}` is no OPTION=VALUE")))
    };
    options.iter().map(pair).collect()
}

fn password() -> Result<String, Exit> {
    let mut typed = String::new();
    io::stdin()
        .take(4096)
        .read_to_string(&mut typed)
        .map_err(Exit::failed)?;
    let password = typed.lines().next().unwrap_or_default();
    if password.is_empty() {
        return Err(Exit::wrong_use(
            "standard input has no password: pipe one in, `echo -n secret | reef user add …`",
        ));
    }
    Ok(password.to_owned())
}

fn posts(jid: &str, node: &str, text: Option<String>, atom: Option<&Path>) -> Result<Vec<Request>, Exit> {
    let author = BareJid::new(jid).map_err(|e| Exit::wrong_use(format!("`{jid}` is no JID: {e}")))?;
    let request = |item: Option<String>, entry: &minidom::Element| Request::Post {
        jid: jid.to_owned(),
        node: node.to_owned(),
        item,
        entry: String::from_utf8_lossy(&reef_stanza::self_contained(entry, None)).into_owned(),
    };
    if let Some(text) = text {
        return Ok(vec![request(
            None,
            &admin::text_entry(&author, &text, SystemClock.now().0),
        )]);
    }
    let Some(file) = atom else { return Ok(Vec::new()) };
    let name = file.display();
    let feed = std::fs::read_to_string(file).map_err(|e| Exit::failed(format!("{name} cannot be read: {e}")))?;
    let entries = admin::entries(&feed).map_err(|e| Exit::failed(format!("{name}: {e}")))?;
    Ok(entries
        .into_iter()
        .map(|(id, entry)| request(Some(id), &entry))
        .collect())
}

/// Asks the running server, or a store that none has.
fn ask(config: &Config, part: Option<Arc<dyn Part>>, requests: Vec<Request>, json: bool) -> Result<(), Exit> {
    match admin::ask(&config.data_dir, &requests, |response| print::response(response, json)) {
        Err(error) if absent(&error) => {}
        Err(error) if error.kind() == io::ErrorKind::Other => return Err(Exit::failed(error)),
        Err(error) => {
            return Err(Exit::failed(format!(
                "the server at {} does not answer: {error}",
                config.data_dir.display()
            )));
        }
        Ok(()) => return Ok(()),
    }
    let makes = requests
        .iter()
        .any(|request| matches!(request, Request::UserAdd { .. }));
    if !makes && !config.data_dir.join("store").is_dir() {
        let dir = config.data_dir.display();
        return Err(Exit::failed(format!(
            "{dir} has no store: name the data folder with --set data_dir=…, or --config"
        )));
    }
    let performer = offline(config, part)?;
    for mut request in requests {
        loop {
            let response = performer.perform(request.clone());
            let next = admin::next(&request, &response);
            print::response(response, json).map_err(Exit::failed)?;
            match next {
                Some(again) => request = again,
                None => break,
            }
        }
    }
    performer.engine.close();
    Ok(())
}

pub(super) fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// Opens the store, since no server has it.
pub(super) fn offline(config: &Config, part: Option<Arc<dyn Part>>) -> Result<Performer, Exit> {
    std::fs::create_dir_all(&config.data_dir)
        .map_err(|e| Exit::failed(format!("{}: {e}", config.data_dir.display())))?;
    let options = engine_options(config, part.clone(), vec![Arc::new(|| {})]);
    let (engine, seats) = Engine::open(options).map_err(Exit::failed)?;
    drop(seats);
    Ok(Performer {
        engine,
        config: config.clone(),
        part,
        live: Box::new(Unserved),
    })
}

/// Puts a backup where no data is.
fn restore(config: &Config, part: Option<Arc<dyn Part>>, from: &Path) -> Result<(), Exit> {
    let to = &config.data_dir;
    if !from.join("store").is_dir() {
        return Err(Exit::failed(format!(
            "{} is no backup: it has no folder `store`",
            from.display()
        )));
    }
    if to.join("store").exists() {
        return Err(Exit::failed(format!(
            "{} has a store: move it away first",
            to.display()
        )));
    }
    admin::copy(from, to).map_err(|e| Exit::failed(format!("the backup cannot be copied: {e}")))?;
    // Opening is the proof that it is one, of a format that this reef reads.
    let left = part.as_ref().and_then(|part| part.restored());
    offline(config, part)?.engine.close();
    print::line(&format!("restored to {}", to.display()));
    left.iter().for_each(|left| print::line(left));
    Ok(())
}
