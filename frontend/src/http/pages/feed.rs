//! Posts as a feed (RFC 4287): the entries as they were kept, in a frame.
//!
//! A kept entry is self-contained, so it stands in the feed as it is; one that lacks what an entry must have is left out.

use super::html::escape;
use super::read::{Blog, Posts};
use crate::atom;
use crate::session::stamp;
use crate::uri;
use reef_stanza::ns;

/// What a feed is called.
pub(super) const KIND: &str = "application/atom+xml; charset=utf-8";

/// The feed that follows an item, or the newest.
pub(super) fn feed(web: &str, blog: &Blog, posts: &Posts, before: Option<&str>) -> String {
    let account = blog.account.as_str();
    let page = uri::page_url(web, account);
    let at = |before: Option<&str>| match before {
        Some(before) => format!("{page}/atom?before={}", uri::encode(before)),
        None => format!("{page}/atom"),
    };
    let link =
        |rel: &str, kind: &str, href: &str| format!("<link rel='{rel}' type='{kind}' href='{}'/>\n", escape(href));
    let newest = posts.items.first().map_or(blog.created, |item| item.at);
    let mut feed = format!(
        "<?xml version='1.0' encoding='utf-8'?>\n<feed xmlns='{}'>\n<id>{}</id>\n<title>{}</title>\n<updated>{}</updated>\n",
        ns::ATOM,
        escape(&uri::blog_uri(account)),
        escape(&blog.title),
        stamp(newest.0),
    );
    if !blog.about.is_empty() {
        feed.push_str(&format!("<subtitle>{}</subtitle>\n", escape(&blog.about)));
    }
    feed.push_str(&format!(
        "<author><name>{}</name><uri>{}</uri></author>\n",
        escape(blog.account.node().map_or(account, |node| node.as_str())),
        escape(&uri::xmpp_uri(account)),
    ));
    feed.push_str(&link("self", "application/atom+xml", &at(before)));
    feed.push_str(&link("alternate", "text/html", &page));
    if let Some(older) = &posts.older {
        feed.push_str(&link("next", "application/atom+xml", &at(Some(older))));
    }
    feed.push_str("<generator>Reef</generator>\n");
    for item in &posts.items {
        let sound = atom::parse(&item.payload).is_some_and(|entry| atom::check_entry(&entry).is_ok());
        if let Some(entry) = std::str::from_utf8(&item.payload).ok().filter(|_| sound) {
            feed.push_str(entry);
            feed.push('\n');
        }
    }
    feed.push_str("</feed>\n");
    feed
}
