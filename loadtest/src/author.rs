//! The author: an ordinary client, tokio-xmpp's, that publishes and waits for each answer.

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use jid::Jid;
use minidom::Element;
use tokio_xmpp::connect::{DnsConfig, TcpServerConnector};
use tokio_xmpp::xmlstream::Timeouts;
use tokio_xmpp::{Client, ClientSender, IqRequest, IqResponse};

/// A connected author.
pub(crate) struct Author {
    sender: ClientSender,
    jid: Jid,
    node: String,
}

impl Author {
    /// Logs in.
    pub(crate) async fn connect(server: &str, jid: &str, password: &str, node: &str) -> Result<Author> {
        let connector = TcpServerConnector::from(DnsConfig::addr(server));
        let full: Jid = format!("{jid}/author").parse()?;
        let mut client = Client::new_with_connector(full, password, connector, Timeouts::default());
        match client.next().await {
            Some(tokio_xmpp::Event::Online { .. }) => {}
            other => bail!("the author cannot log in: {other:?}"),
        }
        let (sender, mut receiver) = client.split();
        // What comes is answered or dropped by the client itself; answers to our requests go to their tokens.
        tokio::spawn(async move { while receiver.next().await.is_some() {} });
        Ok(Author {
            sender,
            jid: jid.parse()?,
            node: node.to_owned(),
        })
    }

    /// Publishes an item; done when the server has answered.
    pub(crate) async fn publish(&self, id: &str, body: &str) -> Result<()> {
        let text = format!(
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{}'><item id='{id}'>\
             <entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>{body}</title>\
             <id>tag:load</id><updated>2026-01-01T00:00:00Z</updated></entry></item></publish></pubsub>",
            self.node
        );
        let payload: Element = text.parse().context("the post is XML")?;
        let answer = self
            .sender
            .send_iq(Some(self.jid.clone()), IqRequest::Set(payload))
            .await
            .await?;
        match answer {
            IqResponse::Result(_) => Ok(()),
            IqResponse::Error(error) => bail!("a post was refused: {error:?}"),
        }
    }
}
