//! Guessing: what failed counts for the address from which it came, and for nobody else.

use super::{Client, Server, header};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use tokio::net::TcpSocket;

const ONE: [&str; 2] = ["c2s.require_tls=false", "limits.sasl_failures_per_minute=1"];

const SASL: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";

/// Logs in from an address, and is answered this.
async fn login(server: &Server, from: &str, password: &str, answer: &str) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let socket = socket.connect(server.starttls).await.unwrap();
    let mut client = Client { socket };
    client.send(&header("capulet.example")).await;
    client.until("</stream:features>").await;
    let message = BASE64.encode(format!("\0juliet\0{password}"));
    client
        .ask(&format!("<auth {SASL} mechanism='PLAIN'>{message}</auth>"), answer)
        .await;
}

fn failure(condition: &str) -> String {
    format!("<failure {SASL}><{condition}/></failure>")
}

fn success() -> String {
    format!("<success {SASL}/>")
}

#[tokio::test]
async fn who_guesses_keeps_out_nobody_at_another_address() {
    let server = Server::start(&ONE).await;
    login(&server, "127.0.0.1", "wrong", &failure("not-authorized")).await;
    login(&server, "127.0.0.1", "r0m30", &failure("temporary-auth-failure")).await;
    login(&server, "127.0.0.2", "r0m30", &success()).await;
}

#[tokio::test]
async fn what_succeeds_counts_for_nothing() {
    let server = Server::start(&ONE).await;
    for _ in 0..3 {
        login(&server, "127.0.0.1", "r0m30", &success()).await;
    }
}
