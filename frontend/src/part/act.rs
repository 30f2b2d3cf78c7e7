//! What an account does that has no session: the requests that a client would send, through the same handlers, rates and
//! limits.
//!
//! Knows no handler, and not how requests come to one.
//! Next: `way.rs`.

use super::way::{Request, on_shard};
use super::{Host, Refused, entry, look};
use crate::uri;
use jid::BareJid;
use minidom::Element;
use reef_engine::clock::random;
use reef_engine::model::NodeName;
use reef_engine::query::Which;
use reef_stanza::element::{Build, el};
use reef_stanza::ns;

/// What follows, called once: what was asked is done and durable, or is refused. On a thread that must not wait, perhaps
/// before the call returns.
pub type Done<T> = Box<dyn FnOnce(Result<T, Refused>) + Send>;

/// The node of nicknames (XEP-0172).
const NICK: &str = "http://jabber.org/protocol/nick";

/// What a post has beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostOptions {
    /// Its id, so that asking again posts nothing again; else one is made up.
    pub id: Option<String>,
    /// The item that it answers.
    pub in_reply_to: Option<(NodeName, String)>,
    /// Links, by `rel` and `href`.
    pub links: Vec<(String, String)>,
}

impl Host {
    /// Posts a text on an account's microblog; answers with the item's id.
    pub fn post(&self, account: &BareJid, text: &str, options: PostOptions, done: Done<String>) {
        let (author, text) = (account.clone(), text.to_owned());
        self.act(account, done, move |server| {
            let blog = NodeName::new(author.as_str(), ns::MICROBLOG);
            let id = options.id.clone().map_or_else(made_up, Ok)?;
            if options.id.is_some() && look::has(server, &blog, &id)? {
                return Ok((None, id));
            }
            let entry = entry::post(&author, &text, &options, server.engine.clock.now().0);
            Ok((Some(publication(author, ns::MICROBLOG, &id, entry)), id))
        });
    }

    /// Retracts a post of an account's; its followers are told.
    pub fn retract(&self, account: &BareJid, item: &str, done: Done<()>) {
        let retract = el("retract", ns::PUBSUB)
            .set("node", ns::MICROBLOG)
            .set("notify", "true");
        let retract = retract.child(el("item", ns::PUBSUB).set("id", item));
        self.request(account, account.clone(), el("pubsub", ns::PUBSUB).child(retract), done);
    }

    /// Repeats an item on an account's microblog, as an item of this id, or of one that is made of what it repeats; answers
    /// with that. Asking again repeats nothing again.
    pub fn repeat(&self, account: &BareJid, (node, item): (&NodeName, &str), id: Option<String>, done: Done<String>) {
        let (by, node, item) = (account.clone(), node.clone(), item.to_owned());
        self.act(account, done, move |server| {
            let blog = NodeName::new(by.as_str(), ns::MICROBLOG);
            let name = uri::item_uri(&node.service, &node.node, &item);
            let made = || format!("repeat-{:016x}", reef_engine::model::fnv1a(name.as_bytes()));
            let id = id.unwrap_or_else(made);
            if look::has(server, &blog, &id)? {
                return Ok((None, id));
            }
            let wanted = [item.clone()];
            let found = look::items(server, &node, Some(&by), &Which::Ids(&wanted), 1)?;
            let original = found.first().ok_or(Refused::NotFound)?;
            let now = server.engine.clock.now().0;
            let entry = entry::repeat(&by, &node, &item, &original.payload, now);
            let entry = entry.ok_or_else(|| Refused::invalid("this is no post"))?;
            Ok((Some(publication(by, ns::MICROBLOG, &id, entry)), id))
        });
    }

    /// Notices an item (XEP-0470), which is what people call a like. What the account attached before stays, where that lies
    /// here.
    pub fn like(&self, account: &BareJid, node: &NodeName, item: &str, done: Done<()>) {
        let (by, node, item) = (account.clone(), node.clone(), item.to_owned());
        self.act(account, done, move |server| {
            let service = BareJid::new(&node.service).map_err(|_| Refused::NotFound)?;
            let name = format!(
                "{}/{}",
                ns::ATTACHMENTS,
                uri::item_uri(&node.service, &node.node, &item)
            );
            let kept = NodeName::new(service.as_str(), name.as_str());
            let before = look::attached(server, &kept, by.as_str())?;
            let now = server.engine.clock.now().0;
            let payload = entry::noticed(before.as_deref(), now);
            let id = by.to_string();
            Ok((payload.map(|payload| publication(service, &name, &id, payload)), ()))
        });
    }

    /// Follows a microblog, here or elsewhere: then its service's answer is waited for.
    pub fn follow(&self, account: &BareJid, jid: &BareJid, done: Done<()>) {
        self.subscription(account, jid, "subscribe", done);
    }

    /// Follows it no more.
    pub fn unfollow(&self, account: &BareJid, jid: &BareJid, done: Done<()>) {
        self.subscription(account, jid, "unsubscribe", done);
    }

    /// By way of its own account (XEP-0376), which knows how to ask whom.
    fn subscription(&self, account: &BareJid, jid: &BareJid, verb: &str, done: Done<()>) {
        let what = el(verb, ns::PUBSUB)
            .set("node", ns::MICROBLOG)
            .set("jid", account.as_str());
        let pam = el("pam", ns::PAM).set("jid", jid.as_str()).child(what);
        self.request(account, account.clone(), pam, done);
    }

    /// Blocks somebody (XEP-0191).
    pub fn block(&self, account: &BareJid, jid: &BareJid, done: Done<()>) {
        self.blocking(account, jid, "block", done);
    }

    /// Blocks him no more.
    pub fn unblock(&self, account: &BareJid, jid: &BareJid, done: Done<()>) {
        self.blocking(account, jid, "unblock", done);
    }

    fn blocking(&self, account: &BareJid, jid: &BareJid, verb: &str, done: Done<()>) {
        let item = el("item", ns::BLOCKING).set("jid", jid.as_str());
        self.request(account, account.clone(), el(verb, ns::BLOCKING).child(item), done);
    }

    /// Sets an account's nickname (XEP-0172 §4.1). Its vCard stays as it is: nobody but its owner knows what is in it.
    pub fn set_name(&self, account: &BareJid, name: &str, done: Done<()>) {
        let nick = el("nick", NICK).with_text(name.trim());
        let (to, payload) = publication(account.clone(), NICK, "current", nick);
        self.request(account, to, payload, done);
    }

    /// Sends a chat message as a session of the account would: to both archives, and to sessions, kept, or to another server.
    /// `id` is the stanza's and its origin id (XEP-0359 §3.1): whoever sends it again says the same one.
    pub fn message(&self, account: &BareJid, to: &BareJid, (id, body): (&str, &str), done: Done<()>) {
        let (from, to, id, body) = (account.clone(), to.clone(), id.to_owned(), body.to_owned());
        self.look(done, move |server, told| {
            let message = look::may_write(server, &from, &to).map(|()| {
                let message = el("message", ns::CLIENT).set("type", "chat").set("id", &id);
                let message = message.set("from", from.as_str()).set("to", to.as_str());
                let message = message.child(el("body", ns::CLIENT).with_text(&body));
                message.child(el("origin-id", ns::SID).set("id", &id))
            });
            match message {
                Ok(message) => {
                    let acted = told.acted(());
                    on_shard(server, &from, Box::new(move |hub| hub.say(to.into(), message, acted)));
                }
                Err(refused) => told.tell(Err(refused)),
            }
        });
    }

    /// One request of an account's.
    fn request(&self, account: &BareJid, to: BareJid, payload: Element, done: Done<()>) {
        self.act(account, done, move |_| Ok((Some((to, payload)), ())));
    }
}

fn publication(service: BareJid, node: &str, id: &str, payload: Element) -> Request {
    let item = el("item", ns::PUBSUB).set("id", id).child(payload);
    let publish = el("publish", ns::PUBSUB).set("node", node).child(item);
    (service, el("pubsub", ns::PUBSUB).child(publish))
}

/// A name that nobody has.
fn made_up() -> Result<String, Refused> {
    let bits = random().map(u64::from_be_bytes)?;
    Ok(format!("{bits:016x}"))
}
