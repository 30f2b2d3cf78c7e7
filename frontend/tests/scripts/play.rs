//! The language of scripts, line by line:
//!
//! ```text
//! # a remark
//! with: limits.roster_items=2           a key of the configuration
//! accounts: juliet romeo
//! juliet connects                       as juliet/here, without presence; `connects as juliet/balcony` otherwise;
//!                                       `authenticates` stops before bind
//! juliet sends:                         and what follows, indented: XML, as it is
//! romeo receives:                       stanzas, in this order; attributes in any order; {{any}}, {{name}}: compare.rs
//! romeo receives in any order:          the same, where two parts of the server write: an answer, and an event
//! romeo receives nothing                of all that was sent until now
//! romeo is closed                       the server has ended stream and connection
//! ```
//!
//! `romeo/orchard connects` makes a client of that name, resource `orchard`.

use super::client::Client;
use super::compare::Names;
use super::server::Server;
use minidom::Element;
use std::collections::BTreeMap;

/// Plays a script of this folder.
pub(crate) async fn play(file: &str) {
    let path = format!("{}/tests/scripts/{file}", env!("CARGO_MANIFEST_DIR"));
    let script = std::fs::read_to_string(path).unwrap();
    let steps = steps(&script);
    let words = |prefix: &str| -> Vec<String> {
        let lines = steps.iter().filter_map(|step| step.line.strip_prefix(prefix));
        lines
            .flat_map(|line| line.split_whitespace().map(str::to_owned))
            .collect()
    };
    let server = Server::start(&words("with:"), &words("accounts:")).await;
    let mut stage = Stage {
        server,
        clients: BTreeMap::new(),
        names: Names::default(),
        pings: 0,
    };
    for step in &steps {
        stage.play(step, &format!("{file}:{}", step.number)).await;
    }
    drop(stage.clients);
    stage.server.running.stop().await;
}

struct Step {
    number: usize,
    line: String,
    block: String,
}

fn steps(script: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (number, line) in (1..).zip(script.lines()) {
        match (line.starts_with([' ', '\t']), steps.last_mut()) {
            _ if line.trim().is_empty() || line.starts_with('#') => {}
            (true, Some(step)) => step.block.push_str(&format!("{}\n", line.trim())),
            _ => steps.push(Step {
                number,
                line: line.to_owned(),
                block: String::new(),
            }),
        }
    }
    steps
}

struct Stage {
    server: Server,
    clients: BTreeMap<String, Client>,
    names: Names,
    pings: u32,
}

impl Stage {
    async fn play(&mut self, step: &Step, at: &str) {
        let (who, what) = step.line.split_once(' ').unwrap_or((&step.line, ""));
        match what {
            _ if who.ends_with(':') => {}
            "connects" | "authenticates" => self.connect(who, what == "connects").await,
            "sends:" => {
                let text = self.names.fill(&step.block);
                self.client(who, at).send(text.trim()).await;
            }
            "receives:" => self.receive(who, &step.block, at).await,
            "receives in any order:" => self.receive_any(who, &step.block, at).await,
            "receives nothing" => self.receive_nothing(who, at).await,
            "is closed" => {
                let rest = self.client(who, at).rest().await;
                assert!(matches!(rest.as_str(), "" | "</stream:stream>"), "{at}: {rest}");
            }
            _ => panic!("{at}: `{}` is not understood", step.line),
        }
    }

    fn client(&mut self, who: &str, at: &str) -> &mut Client {
        self.clients
            .get_mut(who)
            .unwrap_or_else(|| panic!("{at}: {who} has not connected"))
    }

    async fn connect(&mut self, who: &str, binds: bool) {
        let (user, resource) = who.split_once('/').unwrap_or((who, "here"));
        let mut client = Client::connect(self.server.address()).await;
        client.authenticate(user).await;
        if binds {
            client.bind(resource).await;
        }
        self.clients.insert(who.to_owned(), client);
    }

    async fn receive(&mut self, who: &str, block: &str, at: &str) {
        for wanted in self.wanted(block, at).children() {
            let came = self.next(who, at, wanted).await;
            if let Some(difference) = self.names.difference(wanted, &came) {
                let (wanted, came) = (String::from(wanted), String::from(&came));
                panic!("{at}: {difference}\nwanted: {wanted}\ncame:   {came}");
            }
        }
    }

    /// As many as are wanted, each of which is one of them.
    async fn receive_any(&mut self, who: &str, block: &str, at: &str) {
        let wanted = self.wanted(block, at);
        let mut wanted: Vec<&Element> = wanted.children().collect();
        while let Some(first) = wanted.first() {
            let came = self.next(who, at, first).await;
            let found = wanted
                .iter()
                .position(|wanted| self.names.difference(wanted, &came).is_none());
            let found = found.unwrap_or_else(|| panic!("{at}: came, and is not wanted: {}", String::from(&came)));
            wanted.remove(found);
        }
    }

    /// The stanzas of a block, as children of one element.
    fn wanted(&self, block: &str, at: &str) -> Element {
        let wrapped = format!(
            "<wrap xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>{}</wrap>",
            self.names.fill(block)
        );
        wrapped.parse().unwrap_or_else(|error| panic!("{at}: {error}"))
    }

    async fn next(&mut self, who: &str, at: &str, wanted: &Element) -> Element {
        let came = self.client(who, at).stanza().await;
        came.unwrap_or_else(|| panic!("{at}: the stream ended before {}", String::from(wanted)))
    }

    /// Asks twice: what the first answer overtook within one write comes before the second.
    async fn receive_nothing(&mut self, who: &str, at: &str) {
        for _ in 0..2 {
            self.pings += 1;
            let id = format!("ping-{}", self.pings);
            let client = self.client(who, at);
            client
                .send(&format!("<iq type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>"))
                .await;
            let came = client
                .stanza()
                .await
                .unwrap_or_else(|| panic!("{at}: the stream ended"));
            assert_eq!(
                came.attr("id"),
                Some(id.as_str()),
                "{at}: came: {}",
                String::from(&came)
            );
        }
    }
}
