//! Posts as pages for people: one style, no script, and everything that an author wrote escaped or filtered.
//!
//! Knows what a post says and not where it is kept.

use super::read::{Blog, Posts};
use super::xhtml::{anchor, safe};
use crate::atom::{self, Entry};
use crate::session::stamp;
use crate::uri;
use reef_engine::query::Item;

/// What a page is called.
pub(super) const KIND: &str = "text/html; charset=utf-8";
/// How it looks; its hash is all that a browser may apply.
pub(super) const STYLE: &str = include_str!("style.css");
/// Characters of a post's words in a page's title.
const TITLE_CHARS: usize = 80;

/// The posts of a microblog.
pub(super) fn page(web: &str, blog: &Blog, posts: &Posts) -> String {
    let account = blog.account.as_str();
    let url = uri::page_url(web, account);
    let mut out = head(web, blog, &blog.title, &url, blog.lang.as_deref());
    let before = out.len();
    for item in &posts.items {
        if let Some(entry) = entry(item) {
            article(&mut out, web, blog, item, &entry);
        }
    }
    if out.len() == before {
        out.push_str("<p>There is nothing here yet.</p>\n");
    }
    if let Some(older) = &posts.older {
        let older = format!("{url}?before={}", uri::encode(older));
        out.push_str(&format!(
            "<nav><a rel=\"next\" href=\"{}\">Older posts</a></nav>\n",
            escape(&older)
        ));
    }
    foot(&mut out, web, blog);
    out
}

/// One post; `None` where it is none.
pub(super) fn post(web: &str, blog: &Blog, posts: &Posts) -> Option<String> {
    let item = posts.items.first()?;
    let entry = entry(item)?;
    let words = entry.title.as_ref().or(entry.text.as_ref());
    let words: String = words
        .map(|words| words.chars().take(TITLE_CHARS).collect())
        .unwrap_or_default();
    let title = format!("{} – {}", words.trim(), blog.title);
    let url = uri::post_url(web, blog.account.as_str(), &item.id);
    let mut out = head(web, blog, &title, &url, entry.lang.as_deref().or(blog.lang.as_deref()));
    article(&mut out, web, blog, item, &entry);
    foot(&mut out, web, blog);
    Some(out)
}

fn entry(item: &Item) -> Option<Entry> {
    Entry::of(&atom::parse(&item.payload)?)
}

fn head(web: &str, blog: &Blog, title: &str, url: &str, lang: Option<&str>) -> String {
    let account = blog.account.as_str();
    let page = escape(&uri::page_url(web, account));
    let about = match blog.about.trim() {
        "" => String::new(),
        about => format!("<p>{}</p>\n", escape(about)),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <link rel=\"canonical\" href=\"{}\">\n\
         <link rel=\"alternate\" type=\"application/atom+xml\" title=\"{}\" href=\"{page}/atom\">\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<header>\n<h1><a href=\"{page}\">{}</a></h1>\n{about}\
         <p><a href=\"{}\">{}</a></p>\n</header>\n<main>\n",
        escape(lang.unwrap_or("en")),
        escape(title),
        escape(url),
        escape(&blog.title),
        escape(&blog.title),
        escape(&uri::xmpp_uri(account)),
        escape(account),
    )
}

fn foot(out: &mut String, web: &str, blog: &Blog) {
    let account = blog.account.as_str();
    let follow = uri::blog_uri(account).replacen("?;", "?pubsub;action=subscribe;", 1);
    out.push_str(&format!(
        "</main>\n<footer><a href=\"{}\">Follow by XMPP</a> · <a href=\"{}/atom\">Atom feed</a></footer>\n</body>\n</html>\n",
        escape(&follow),
        escape(&uri::page_url(web, account)),
    ));
}

fn article(out: &mut String, web: &str, blog: &Blog, item: &Item, entry: &Entry) {
    let url = escape(&uri::post_url(web, blog.account.as_str(), &item.id));
    match entry.lang.as_deref() {
        Some(lang) => out.push_str(&format!("<article lang=\"{}\">\n", escape(lang))),
        None => out.push_str("<article>\n"),
    }
    // Short posts are all title; some clients write the same words twice.
    let titled = entry
        .title
        .as_deref()
        .filter(|title| entry.text.as_deref().is_some_and(|text| text != *title));
    if let Some(title) = titled {
        out.push_str(&format!("<h2><a href=\"{url}\">{}</a></h2>\n", escape(title)));
    }
    let (time, shown) = when(item, entry);
    out.push_str(&format!(
        "<p class=\"by\">{} · <a href=\"{url}\"><time datetime=\"{time}\">{shown}</time></a></p>\n",
        escape(&author(item, entry)),
    ));
    match (&entry.rich, entry.text.as_deref().or(entry.title.as_deref())) {
        (Some(rich), _) => {
            out.push_str("<div>");
            safe(rich, out);
            out.push_str("</div>\n");
        }
        (None, Some(text)) => out.push_str(&format!("<p class=\"text\">{}</p>\n", escape(text))),
        (None, None) => {}
    }
    more(out, entry);
    out.push_str("</article>\n");
}

/// Who wrote it; whose address is another's than the publisher's was repeated (XEP-0277 §2.6).
fn author(item: &Item, entry: &Entry) -> String {
    let publisher = &*item.publisher;
    let own = uri::xmpp_uri(publisher);
    let other = entry.author_uri.as_deref().filter(|uri| {
        let address = uri.split(['?', '#']).next().unwrap_or_default();
        address != own && address.strip_prefix("xmpp:") != Some(publisher)
    });
    let name = entry.author.as_deref();
    match other {
        Some(uri) => format!("{} (repeated by {publisher})", name.unwrap_or(uri)),
        None => name.unwrap_or(publisher).to_owned(),
    }
}

/// For machines and for people.
fn when(item: &Item, entry: &Entry) -> (String, String) {
    let said = entry
        .published
        .as_deref()
        .and_then(|time| time.parse::<jiff::Timestamp>().ok());
    let time = said.map_or_else(|| stamp(item.at.0), |time| time.to_string());
    let shown = time.get(..16).map(|time| format!("{} UTC", time.replace('T', " ")));
    (escape(&time), escape(&shown.unwrap_or_default()))
}

/// Tags, and where it leads but to itself.
fn more(out: &mut String, entry: &Entry) {
    let mut lines: Vec<String> = entry.tags.iter().map(|tag| format!("#{}", escape(tag))).collect();
    for link in entry.links.iter().filter(|link| leads(&link.href)) {
        let name = match &*link.rel {
            "replies" => "Replies",
            "via" => "Repeated from",
            "related" | "enclosure" => link.title.as_deref().unwrap_or(&link.href),
            _ => continue,
        };
        lines.push(format!("{}{}</a>", anchor(&link.href), escape(name)));
    }
    if !lines.is_empty() {
        out.push_str(&format!(
            "<ul class=\"more\"><li>{}</li></ul>\n",
            lines.join("</li><li>")
        ));
    }
}

/// Whether a link may be followed from a page: to the web, or to an XMPP client.
pub(super) fn leads(href: &str) -> bool {
    ["http://", "https://", "xmpp:"].iter().any(|scheme| {
        href.get(..scheme.len())
            .is_some_and(|begins| begins.eq_ignore_ascii_case(scheme))
    })
}

/// Text as it stands between tags or in an attribute, of HTML and of XML alike.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            // Neither HTML nor XML has these.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
