//! A microblog's public pages over real sockets: what a browser, a feed reader and a cache get.
//!
//! Knows what is posted and what HTTP says. What pages look like is tested beside them.

use super::http::{ask, get};
use super::server::{DOMAIN, Server};
use reef_frontend::admin::Request;
use std::net::SocketAddr;

const BLOG: &str = "urn:xmpp:microblog:0";

async fn server() -> (Server, SocketAddr) {
    let sets = ["http.public_url=https://capulet.lit/social".to_owned()];
    let server = Server::start(&sets, &["juliet".to_owned(), "romeo".to_owned()]).await;
    let http = *server.running.http.first().unwrap();
    (server, http)
}

async fn post(server: &Server, item: &str, title: &str) {
    let entry = format!(
        "<entry xmlns='http://www.w3.org/2005/Atom'><title>{title}</title><id>tag:1</id>\
         <updated>2008-05-08T18:30:02Z</updated></entry>"
    );
    let request = Request::Post {
        jid: format!("juliet@{DOMAIN}"),
        node: BLOG.to_owned(),
        item: Some(item.to_owned()),
        entry,
    };
    server.ask(request).await;
}

async fn configure(server: &Server, name: &str, value: &str) {
    let request = Request::NodeConfigure {
        service: format!("juliet@{DOMAIN}"),
        node: BLOG.to_owned(),
        settings: vec![(name.to_owned(), value.to_owned())],
    };
    server.ask(request).await;
}

/// The value of a header.
fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let mut lines = answer.lines().take_while(|line| !line.is_empty());
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {answer}"))
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_author_wrote_is_text_and_nothing_of_a_page_runs() {
    let (server, http) = server().await;
    post(&server, "a", "&lt;script>alert(1)&lt;/script> &amp; \"more\"").await;
    configure(&server, "title", "</title><script>alert(2)</script>").await;
    for path in ["/u/juliet", "/u/juliet/a"] {
        let page = get(http, path, "").await;
        assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&page, "x-content-type-options"), "nosniff");
        let policy = header(&page, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!body(&page).contains("<script"), "{page}");
        assert!(
            body(&page).contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;"),
            "{page}"
        );
        assert!(
            body(&page).contains("type=\"application/atom+xml\"")
                && body(&page).contains("href=\"https://capulet.lit/social/u/juliet/atom\""),
            "{page}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_is_atom_with_the_entries_as_they_were_posted() {
    let (server, http) = server().await;
    post(&server, "a", "first &amp; foremost").await;
    post(&server, "b", "second").await;
    let feed = get(http, "/u/juliet/atom", "").await;
    assert_eq!(header(&feed, "content-type"), "application/atom+xml; charset=utf-8");
    assert!(header(&feed, "content-security-policy").contains("default-src 'none'"));
    let xml = body(&feed).split_once("?>").unwrap().1.trim();
    let root: minidom::Element = xml.parse().unwrap();
    let atom = "http://www.w3.org/2005/Atom";
    let text = |name: &str| root.get_child(name, atom).unwrap().text();
    assert_eq!(
        text("id"),
        format!("xmpp:juliet@{DOMAIN}?;node=urn%3Axmpp%3Amicroblog%3A0")
    );
    assert!(text("updated").ends_with('Z') && !text("title").is_empty());
    let author = root.get_child("author", atom).unwrap();
    assert_eq!(
        author.get_child("uri", atom).unwrap().text(),
        format!("xmpp:juliet@{DOMAIN}")
    );
    let links: Vec<_> = root.children().filter(|child| child.is("link", atom)).collect();
    let links: Vec<_> = links
        .iter()
        .map(|link| (link.attr("rel").unwrap(), link.attr("href").unwrap()))
        .collect();
    let own = "https://capulet.lit/social/u/juliet";
    assert_eq!(links, [("self", &*format!("{own}/atom")), ("alternate", own)]);
    let titles = root.children().filter(|child| child.is("entry", atom));
    let titles: Vec<_> = titles
        .map(|entry| entry.get_child("title", atom).unwrap().text())
        .collect();
    assert_eq!(titles, ["second", "first & foremost"]);
    assert!(xml.contains("href='https://capulet.lit/social/u/juliet/b'"), "{xml}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_closed_unknown_or_empty_is_the_same_404() {
    let (server, http) = server().await;
    let none = get(http, "/u/nobody", "").await;
    assert!(none.starts_with("HTTP/1.1 404 "), "{none}");
    let same = |answer: &str| {
        let but_date = |text: &str| {
            text.lines()
                .filter(|line| !line.starts_with("date:"))
                .map(str::to_owned)
                .collect()
        };
        let (left, right): (Vec<String>, Vec<String>) = (but_date(answer), but_date(&none));
        assert_eq!(left, right);
    };
    // Romeo has an account and no microblog.
    same(&get(http, "/u/romeo", "").await);
    post(&server, "a", "secret").await;
    assert!(get(http, "/u/juliet/a", "").await.starts_with("HTTP/1.1 200 "));
    same(&get(http, "/u/juliet/b", "").await);
    same(&get(http, "/u/juliet?before=b", "").await);
    for model in ["presence", "roster", "authorize", "whitelist"] {
        configure(&server, "access_model", model).await;
        for path in ["/u/juliet", "/u/juliet/atom", "/u/juliet/a"] {
            same(&get(http, path, "").await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_page_is_told_so_until_it_changes() {
    let (server, http) = server().await;
    post(&server, "a", "one").await;
    for path in ["/u/juliet", "/u/juliet/atom"] {
        let first = get(http, path, "").await;
        let tag = header(&first, "etag").to_owned();
        assert_eq!(header(&first, "cache-control"), "public, max-age=60");
        let given = format!("if-none-match: \"other\", {tag}\r\n");
        let again = get(http, path, &given).await;
        assert!(again.starts_with("HTTP/1.1 304 ") && body(&again).is_empty(), "{again}");
        assert_eq!(header(&again, "etag"), tag);
        post(&server, &format!("more{}", path.len()), "more").await;
        let changed = get(http, path, &given).await;
        assert!(
            changed.starts_with("HTTP/1.1 200 ") && header(&changed, "etag") != tag,
            "{changed}"
        );
    }
    // Without its body, all else is said as well.
    let head = ask(http, "HEAD", "/u/juliet", "").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && body(&head).is_empty(), "{head}");
    let whole = get(http, "/u/juliet", "").await;
    assert_eq!(header(&head, "content-length"), body(&whole).len().to_string());
    assert_eq!(header(&head, "etag"), header(&whole, "etag"));
    assert!(
        ask(http, "POST", "/u/juliet", "content-length: 0\r\n")
            .await
            .starts_with("HTTP/1.1 405 ")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_lead_from_one_to_the_next_and_to_items_of_any_name() {
    let (server, http) = server().await;
    let names = ["a/b", "100%", "ä ö", "atom", "?#&=", "<'\">", "%2e", "a+b"];
    for name in names {
        post(
            &server,
            name,
            &format!("named {}", names.iter().position(|n| n == &name).unwrap()),
        )
        .await;
    }
    for n in 0..20 {
        post(&server, &format!("later{n}"), "later").await;
    }
    let first = get(http, "/u/juliet", "").await;
    assert_eq!(body(&first).matches("<article").count(), 20);
    // As the page has it, behind the address that the operator gave.
    let linked = |page: &str, from: &str| {
        let (_, rest) = page.split_once(from).unwrap();
        let (href, _) = rest.split_once('"').unwrap();
        href.strip_prefix("https://capulet.lit/social")
            .unwrap()
            .replace("&amp;", "&")
    };
    let next = linked(body(&first), "<a rel=\"next\" href=\"");
    let second = get(http, &next, "").await;
    assert_eq!(body(&second).matches("<article").count(), names.len());
    assert!(!body(&second).contains("rel=\"next\""));
    for article in body(&second).split("<article").skip(1) {
        let href = linked(article, "· <a href=\"");
        let words = article
            .split_once("class=\"text\">")
            .unwrap()
            .1
            .split('<')
            .next()
            .unwrap();
        let page = get(http, &href, "").await;
        assert!(
            page.starts_with("HTTP/1.1 200 ") && body(&page).contains(&format!(">{words}<")),
            "{href}: {page}"
        );
    }
}
