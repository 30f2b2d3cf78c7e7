//! What may be typed after `reef`.

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Reef: a social network in one binary. An XMPP server whose posts reach every follower.
#[derive(Debug, Parser)]
#[command(
    name = "reef",
    version,
    after_help = "Examples:\n  reef demo\n  reef serve --config /etc/reef.toml\n  \
    echo -n secret | reef user add juliet@example.org --password-stdin\n  reef post juliet@example.org 'Hello, world'\n  \
    reef post juliet@example.org --atom feed.xml\n  reef node followers juliet@example.org --json\n  reef node import-followers juliet@example.org followers.txt\n  \
    reef peer list\n  reef sms route list"
)]
pub struct Args {
    /// The configuration file; without one, every default holds.
    #[arg(long, global = true)]
    pub config: Option<PathBuf>,
    /// Overrides a key of the configuration, e.g. `--set domain=example.org`.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Prints data as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves in the foreground; prints `ready` when every listener accepts.
    Serve,
    /// Serves with demo accounts, an author, followers and a post, on loopback.
    Demo,
    /// Reads the configuration and says what is wrong with it.
    CheckConfig,
    /// Accounts.
    #[command(subcommand)]
    User(UserCommand),
    /// Nodes: a NODE is `user@domain` (its microblog) or `service/node`.
    #[command(subcommand)]
    Node(NodeCommand),
    /// Other servers: a PEER is a domain, or domain/service for what pubsub or comments say to it.
    #[command(subcommand)]
    Peer(PeerCommand),
    /// The SMS gateway.
    #[command(subcommand)]
    Sms(SmsCommand),
    /// Publishes to an account's node, a text or the entries of an Atom file, oldest first.
    Post {
        /// The author.
        jid: String,
        /// The node.
        #[arg(long, default_value = "urn:xmpp:microblog:0")]
        node: String,
        /// The text.
        #[arg(required_unless_present = "atom", conflicts_with = "atom")]
        text: Option<String>,
        /// A file with an Atom feed or entry; what is there already is left alone.
        #[arg(long, value_name = "FILE")]
        atom: Option<PathBuf>,
    },
    /// Makes a consistent copy of store and keys in a new folder, while the server serves.
    Backup {
        /// The folder, which must not exist.
        dir: PathBuf,
    },
    /// Writes an account with all that belongs to it, for Reef or another server (XEP-0227).
    Export {
        /// user@domain
        jid: String,
        /// The file, which must not exist; without one, standard output.
        file: Option<PathBuf>,
    },
    /// Brings the accounts of such a file; again, too: what is there already stays.
    Import {
        /// The file.
        file: PathBuf,
        /// Also where an account exists with another password, which it gets from the file.
        #[arg(long)]
        force: bool,
    },
    /// Puts a backup into an empty data folder.
    Restore {
        /// The backup.
        dir: PathBuf,
    },
    /// Reads the whole store and compares its counters.
    Verify,
    /// Rewrites the store, so that what was retracted or removed is on the disk no more; it serves meanwhile.
    Compact,
}

/// Accounts.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Makes an account.
    Add {
        /// user@domain
        jid: String,
        /// Reads the password from standard input, up to the first line end.
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Changes a password.
    Passwd {
        /// user@domain
        jid: String,
        /// Reads the password from standard input, up to the first line end.
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Removes an account with all that belongs to it.
    Remove {
        /// user@domain
        jid: String,
    },
    /// Lists the accounts.
    List,
    /// Shows an account.
    Show {
        /// user@domain
        jid: String,
    },
    /// Forbids an account to log in.
    Suspend {
        /// user@domain
        jid: String,
    },
    /// Allows it again.
    Resume {
        /// user@domain
        jid: String,
    },
    /// Invites somebody to an account: prints the address for a client, and the page for a browser.
    Invite {
        /// user@domain, where it is to be this one.
        jid: Option<String>,
        /// An account that becomes a contact of the new one.
        #[arg(long, value_name = "JID")]
        contact: Option<String>,
        /// For how many days it holds.
        #[arg(long, default_value_t = 7)]
        days: u32,
    },
    /// Lists what accounts report of addresses that they block.
    Reports,
    /// Forgets what was reported of an address.
    ForgetReports {
        /// The address, of whichever server.
        jid: String,
    },
}

/// Other servers.
#[derive(Debug, Subcommand)]
pub enum PeerCommand {
    /// Lists those for which something waits, or to which something is being sent.
    List,
    /// Shows one.
    Show {
        /// The peer.
        peer: String,
    },
    /// Tries it now, whatever its next time would be.
    Retry {
        /// The peer.
        peer: String,
    },
    /// Sends nothing to it until it is resumed; what comes waits.
    Pause {
        /// The peer.
        peer: String,
    },
    /// Goes on where it was.
    Resume {
        /// The peer.
        peer: String,
    },
    /// Throws away what waits for it: senders get their stanzas back, posts are not sent.
    Drop {
        /// The peer.
        peer: String,
    },
}

/// The SMS gateway.
#[derive(Debug, Subcommand)]
pub enum SmsCommand {
    /// Routes: how texts leave and come.
    #[command(subcommand)]
    Route(RouteCommand),
    /// Numbers: a NUMBER is written as +491701234567.
    #[command(subcommand)]
    Number(NumberCommand),
    /// Shows what waits to be sent, by route and class.
    Queue,
    /// Has a phone of the simulator text something, and shows what it got so far.
    Simulate {
        /// The phone's number.
        number: String,
        /// What it texts.
        text: Option<String>,
    },
}

/// Routes.
#[derive(Debug, Subcommand)]
pub enum RouteCommand {
    /// Lists them, with how they are doing.
    List,
    /// Sends nothing by it until it is resumed; what is due waits, or expires.
    Pause {
        /// Its name in the configuration.
        name: String,
    },
    /// Goes on.
    Resume {
        /// Its name in the configuration.
        name: String,
    },
}

/// Numbers.
#[derive(Debug, Subcommand)]
pub enum NumberCommand {
    /// Shows what is kept of a number; that it was looked up is kept, too.
    Show {
        /// The number.
        number: String,
    },
    /// Sends nothing more to a number, as if it had texted STOP.
    Stop {
        /// The number.
        number: String,
    },
    /// Turns delivery on again that a phone turned off with OFF; STOP is lifted by START from the phone alone.
    Start {
        /// The number.
        number: String,
    },
    /// Prints all that is kept of a number, for whoever it belongs to.
    Export {
        /// The number.
        number: String,
    },
    /// Forgets a number and what it gets; that it said STOP, what it agreed to, and the audit are kept.
    Erase {
        /// The number.
        number: String,
    },
    /// Reads a list of numbers that have new owners: who of them is known here gets nothing until he says YES.
    Reassigned {
        /// A file with a number in the first column of each line, as the server can read it.
        file: PathBuf,
    },
}

/// Nodes.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// Lists the nodes, of all services or of one.
    List {
        /// user@domain, or a service.
        service: Option<String>,
    },
    /// Shows a node with its options and counters.
    Show {
        /// The node.
        node: String,
    },
    /// Lists a node's followers.
    Followers {
        /// The node.
        node: String,
    },
    /// Has many follow a node: accounts here and elsewhere.
    ImportFollowers {
        /// The node.
        node: String,
        /// Bare JIDs, one a line; `-` is standard input. Empty lines and those that begin with # are left out.
        file: PathBuf,
    },
    /// Makes a node.
    Create {
        /// The node.
        node: String,
        /// Options, as `access_model=open`.
        #[arg(value_name = "OPTION=VALUE")]
        options: Vec<String>,
    },
    /// Changes options.
    Configure {
        /// The node.
        node: String,
        /// Options, as `access_model=open`.
        #[arg(value_name = "OPTION=VALUE", required = true)]
        options: Vec<String>,
    },
    /// Keeps what is published for later: nobody gets it until the node is resumed, and nothing is lost.
    Pause {
        /// The node.
        node: String,
    },
    /// Publishes what was kept, in order, and goes on.
    Resume {
        /// The node.
        node: String,
    },
    /// Removes all items.
    Purge {
        /// The node.
        node: String,
    },
    /// Deletes a node.
    Delete {
        /// The node.
        node: String,
    },
    /// Retracts an item; its followers are told.
    Retract {
        /// The node.
        node: String,
        /// The item's id.
        id: String,
    },
}
