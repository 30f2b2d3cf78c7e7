//! An operator's requests about nodes and posts. He acts with the rights of a node's owner.

use super::perform::Performer;
use super::{Refused, Response};
use crate::atom;
use crate::xep;
use minidom::Element;
use reef_engine::error::{Error, Reject};
use reef_engine::limits::LIST_ROWS;
use reef_engine::log::record::Change;
use reef_engine::model::{NodeId, NodeName};
use reef_engine::query;
use reef_engine::store::View;
use reef_engine::store::keys::{self, Family};
use reef_engine::store::rows::{self, Hold, NodeRow};
use reef_stanza::ns;
use serde_json::{Value, json};

impl Performer {
    fn node(&self, service: &str, node: &str) -> Result<(NodeId, NodeRow), Refused> {
        let (view, name) = (self.engine.view(), xep::kept_node(service, node));
        let unknown = || Refused::new(format!("{service} has no node {node}: see `reef node list`"));
        let id = rows::node_id(view, &name)?.ok_or_else(unknown)?;
        Ok((id, rows::node_row(view, id)?.ok_or_else(unknown)?))
    }

    /// The name of a node that is there.
    pub(super) fn node_named(&self, service: &str, node: &str) -> Result<NodeName, Refused> {
        self.node(service, node).map(|(_, row)| row.name)
    }

    /// Submits a change of a node, as its owner.
    pub(super) fn owned(
        &self,
        service: &str,
        node: &str,
        change: impl FnOnce(NodeName) -> Change,
    ) -> Result<Value, Refused> {
        let (_, row) = self.node(service, node)?;
        self.engine
            .admission
            .submit_and_wait(&row.owner, change(row.name.clone()))?;
        Ok(json!({ "service": service, "node": node }))
    }

    pub(super) fn node_create(&self, service: &str, node: &str, given: &[(String, String)]) -> Result<Value, Refused> {
        Self::free(node)?;
        let owner = if service.contains('@') {
            self.account(service)?.to_string()
        } else {
            service.to_owned()
        };
        let settings = xep::settings(given).map_err(Refused::new)?;
        let config = xep::node_template(service, node, &settings).map_err(Refused::new)?;
        let change = Change::CreateNode {
            node: NodeName::new(service, node),
            config,
        };
        self.engine
            .admission
            .submit_and_wait(&owner, change)
            .map_err(|error| match error {
                Error::Rejected(Reject::NodeExists) => Refused::new(format!("{service} has a node {node} already")),
                other => other.into(),
            })?;
        Ok(json!({ "service": service, "node": node }))
    }

    pub(super) fn node_configure(
        &self,
        service: &str,
        node: &str,
        given: &[(String, String)],
    ) -> Result<Value, Refused> {
        let settings = xep::settings(given).map_err(Refused::new)?;
        self.owned(service, node, |node| Change::Configure { node, settings })
    }

    pub(super) fn node_show(&self, service: &str, node: &str) -> Result<Value, Refused> {
        let (id, row) = self.node(service, node)?;
        let state = rows::node_state(self.engine.view(), id)?;
        let hold: Option<Hold> = rows::get(self.engine.view(), Family::SWEEP, &keys::sweep_held(id))?;
        let config: serde_json::Map<String, Value> = xep::config_fields(&row.config)
            .into_iter()
            .map(|(name, value)| (name, json!(value)))
            .collect();
        Ok(json!({
            "service": service,
            "node": node,
            "owner": &*row.owner,
            "created": crate::session::stamp(row.created.0),
            "items": state.items,
            "followers": state.followers,
            "fan_out": match hold {
                Some(Hold { paused: true, .. }) => "paused",
                Some(_) => "resuming",
                None => "running",
            },
            "held": hold.map_or(0, |hold| hold.held),
            "config": config,
        }))
    }

    pub(super) fn followers(&self, service: &str, node: &str, after: Option<String>) -> Result<Response, Refused> {
        let (id, _) = self.node(service, node)?;
        let view: &dyn View = self.engine.view();
        let after = after.map(|jid| rows::subscriber_id(view, &jid)).transpose()?.flatten();
        let page = query::followers(view, id, after, LIST_ROWS)?;
        let next = page
            .followers
            .last()
            .filter(|_| page.followers.len() == LIST_ROWS)
            .map(|(_, jid, _)| jid.to_string());
        let shown = page
            .followers
            .iter()
            .map(|(_, jid, state)| json!({ "jid": &**jid, "state": format!("{state:?}").to_lowercase() }));
        Ok(Response::Rows {
            rows: shown.collect(),
            next,
        })
    }

    /// Has an account follow a node, as if it had asked.
    pub(super) fn follow(&self, service: &str, node: &str, follower: &str) -> Result<Value, Refused> {
        let follower = self.account(follower)?;
        let change = Change::follow(NodeName::new(service, node), follower.as_str().into());
        self.engine.admission.submit_and_wait(follower.as_str(), change)?;
        Ok(json!({ "service": service, "node": node, "follower": follower.as_str() }))
    }

    /// A node that is not the service's own.
    fn free(node: &str) -> Result<(), Refused> {
        match [ns::TIMELINE, ns::NOTIFICATIONS].contains(&node) {
            true => Err(Refused::new(format!(
                "{node} is kept by the server: nothing is posted to it"
            ))),
            false => Ok(()),
        }
    }

    /// Publishes an entry as its author. One that is there with the same content is left alone, so that a feed may be
    /// posted again and again.
    pub(super) fn post(&self, jid: &str, node: &str, item: Option<String>, entry: &str) -> Result<Value, Refused> {
        Self::free(node)?;
        let author = self.account(jid)?;
        let view = self.engine.view();
        if crate::tables::account(view, author.as_str())?.is_none() {
            return Err(Refused::new(format!(
                "{author} does not exist: add it with `reef user add {author}`"
            )));
        }
        let parsed: Element = entry
            .parse()
            .map_err(|e| Refused::new(format!("the entry is no XML: {e}")))?;
        let written = reef_stanza::self_contained(&parsed, None);
        let item = item.unwrap_or_else(|| format!("{:016x}", reef_engine::model::fnv1a(&written)));
        let name = NodeName::new(author.as_str(), node);
        let web = crate::uri::web_base(&self.config);
        let create = xep::node_template(author.as_str(), node, &[]).map_err(Refused::new)?;
        let there = self.there(&name)?;
        let draft = xep::Draft {
            service: author.as_str(),
            node,
            item: &item,
            kind: Some(there.as_ref().map_or(&*create.kind, |(_, row)| &*row.config.kind)),
            lang: None,
            web: web.as_deref(),
        };
        let wrong = |error: reef_stanza::StanzaError| {
            let why = error.text.as_deref().unwrap_or("it cannot be published").to_owned();
            Refused::new(format!("item {item} is refused: {why}"))
        };
        let prepared = xep::prepare(&draft, &parsed).map_err(wrong)?;
        if self.stands(there.as_ref(), &item, &written)? {
            return Ok(json!({ "jid": author.as_str(), "node": node, "item": item, "published": false }));
        }
        let change = Change::Publish {
            node: name,
            item: item.as_str().into(),
            payload: prepared.payload,
            open_only: prepared.open_only,
            notes: atom::notes(&parsed, &self.config.domain, node),
            options: Vec::new(),
            create: Some(create),
        };
        self.engine.admission.submit_and_wait(author.as_str(), change)?;
        Ok(json!({ "jid": author.as_str(), "node": node, "item": item, "published": true }))
    }

    /// The node of this name, if there is one.
    fn there(&self, name: &NodeName) -> Result<Option<(NodeId, NodeRow)>, Refused> {
        let view = self.engine.view();
        let Some(id) = rows::node_id(view, name)? else {
            return Ok(None);
        };
        Ok(rows::node_row(view, id)?.map(|row| (id, row)))
    }

    /// Whether the item is there as its author wrote it.
    fn stands(&self, there: Option<&(NodeId, NodeRow)>, item: &str, written: &[u8]) -> Result<bool, Refused> {
        let Some((id, row)) = there else { return Ok(false) };
        let ids = [item.to_owned()];
        let (view, now) = (self.engine.view(), self.engine.clock.now());
        let found = query::items(view, *id, row, &query::Which::Ids(&ids), 1, now)?;
        Ok(found.is_some_and(|page| page.items.iter().any(|kept| xep::is_same_post(&kept.payload, written))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Request, Response, Unserved};
    use super::*;
    use crate::config::Config;
    use crate::server::engine_options;
    use reef_engine::Engine;

    const JULIET: &str = "juliet@capulet.lit";

    fn world(dir: &std::path::Path) -> Performer {
        let sets = [
            "domain=capulet.lit".to_owned(),
            format!("data_dir={}", dir.display()),
            "store.durability=os".to_owned(),
            "c2s.scram_iterations=4096".to_owned(),
            "http.public_url=https://capulet.lit".to_owned(),
        ];
        let config = Config::load(None, &sets, std::iter::empty()).unwrap();
        let (engine, _) = Engine::open(engine_options(&config, None, Vec::new())).unwrap();
        let live = Box::new(Unserved);
        let part = None;
        let performer = Performer {
            engine,
            config,
            part,
            live,
        };
        let (jid, password) = (JULIET.to_owned(), "secret".to_owned());
        done(performer.perform(Request::UserAdd { jid, password }));
        performer
    }

    fn done(response: Response) -> Value {
        match response {
            Response::Done(value) => value,
            other => panic!("{other:?}"),
        }
    }

    fn post(performer: &Performer, node: &str, children: &str) -> Response {
        let entry = format!(
            "<entry xmlns='http://www.w3.org/2005/Atom'><title>t</title><id>i</id>\
             <updated>2008-05-08T18:30:02Z</updated>{children}</entry>"
        );
        let (jid, node, item) = (JULIET.to_owned(), node.to_owned(), Some("i".to_owned()));
        performer.perform(Request::Post { jid, node, item, entry })
    }

    #[test]
    fn a_post_is_made_again_where_its_author_changed_it_and_not_where_the_web_moved() {
        let dir = tempfile::tempdir().unwrap();
        let mut performer = world(dir.path());
        let blog = "urn:xmpp:microblog:0";
        assert_eq!(done(post(&performer, blog, ""))["published"], true);
        assert_eq!(done(post(&performer, blog, ""))["published"], false);
        performer.config.http.public_url = "https://elsewhere.lit".into();
        assert_eq!(done(post(&performer, blog, ""))["published"], false);
        assert_eq!(done(post(&performer, blog, "<rights>r</rights>"))["published"], true);
    }

    #[test]
    fn a_gallery_that_an_operator_makes_has_the_base_profile_and_wants_pictures() {
        let dir = tempfile::tempdir().unwrap();
        let performer = world(dir.path());
        let kind = ("type".to_owned(), "urn:xmpp:pubsub-social-feed:gallery:1".to_owned());
        let (service, node, settings) = (JULIET.to_owned(), "album".to_owned(), vec![kind]);
        done(performer.perform(Request::NodeCreate {
            service,
            node,
            settings,
        }));
        let Response::Failed(why) = post(&performer, "album", "") else {
            panic!("it has no picture");
        };
        assert!(
            why.starts_with("item i is refused: ") && why.contains("picture"),
            "{why}"
        );
        let picture = "<link rel='enclosure' href='https://capulet.lit/p.jpg'/>";
        assert_eq!(done(post(&performer, "album", picture))["published"], true);
    }

    #[test]
    fn what_the_server_keeps_is_not_posted_to() {
        let dir = tempfile::tempdir().unwrap();
        let performer = world(dir.path());
        for node in [ns::TIMELINE, ns::NOTIFICATIONS] {
            let Response::Failed(why) = post(&performer, node, "") else {
                panic!("{node} is not for posts");
            };
            assert!(why.contains("kept by the server"), "{why}");
            let (service, node, settings) = (JULIET.to_owned(), node.to_owned(), Vec::new());
            let made = performer.perform(Request::NodeCreate {
                service,
                node,
                settings,
            });
            assert!(matches!(made, Response::Failed(_)), "{made:?}");
        }
    }

    #[test]
    fn a_node_for_attachments_is_shown_by_any_spelling_and_in_no_list() {
        let dir = tempfile::tempdir().unwrap();
        let performer = world(dir.path());
        assert_eq!(done(post(&performer, ns::MICROBLOG, ""))["published"], true);
        let node = |uri: &str| format!("{}/xmpp:{uri}", ns::ATTACHMENTS);
        let kept = node("juliet@capulet.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=i");
        let likes = format!("<attachments xmlns='{}'><noticed/></attachments>", ns::ATTACHMENTS);
        let likes: Element = likes.parse().unwrap();
        let change = xep::attach(&JULIET.into(), &kept, JULIET, Some(JULIET), Some(&likes)).unwrap();
        let change = change.expect("it is a node for attachments");
        performer.engine.admission.submit_and_wait(JULIET, change).unwrap();
        let (service, after) = (None, None);
        let Response::Rows { rows, next: None } = performer.perform(Request::NodeList { service, after }) else {
            panic!("there are few nodes");
        };
        assert!(rows.iter().any(|row| row["node"] == ns::MICROBLOG), "{rows:?}");
        assert!(
            rows.iter().all(|row| row["service"] == JULIET && row["node"] != *kept),
            "{rows:?}"
        );
        for node in [node("JULIET@capulet.lit?;item=i;node=urn:xmpp:microblog:0"), kept] {
            let service = JULIET.to_owned();
            assert_eq!(done(performer.perform(Request::NodeShow { service, node }))["items"], 1);
        }
    }
}
