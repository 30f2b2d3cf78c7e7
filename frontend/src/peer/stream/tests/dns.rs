//! A name server of the tests: it knows what it is told.

use std::net::{Ipv4Addr, SocketAddr};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// What is known: names, and what is said of them.
#[derive(Clone, Default)]
pub(super) struct Zone {
    records: Vec<(String, Known)>,
    failing: Vec<&'static str>,
}

#[derive(Clone)]
enum Known {
    Srv(u16, u16, String),
    Address(Ipv4Addr),
}

impl Zone {
    /// `priority`, port and host of a service.
    pub(super) fn service(mut self, name: &str, priority: u16, port: u16, host: &str) -> Self {
        self.records
            .push((name.to_owned(), Known::Srv(priority, port, host.to_owned())));
        self
    }

    pub(super) fn address(mut self, name: &str, address: Ipv4Addr) -> Self {
        self.records.push((name.to_owned(), Known::Address(address)));
        self
    }

    /// Questions about this name are answered with SERVFAIL.
    pub(super) fn failing(mut self, name: &'static str) -> Self {
        self.failing.push(name);
        self
    }

    /// Serves it; where, and its task.
    pub(super) async fn serve(self) -> (SocketAddr, JoinHandle<()>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 4_096];
            loop {
                let (size, asker) = socket.recv_from(&mut buffer).await.unwrap();
                let question = Message::from_vec(&buffer[..size]).unwrap();
                let answer = self.answer(&question).to_vec().unwrap();
                socket.send_to(&answer, asker).await.unwrap();
            }
        });
        (address, task)
    }

    fn answer(&self, question: &Message) -> Message {
        let mut answer = Message::response(question.metadata.id, OpCode::Query);
        answer.metadata.recursion_desired = question.metadata.recursion_desired;
        answer.metadata.recursion_available = true;
        let query = question.queries[0].clone();
        let name = query.name().to_ascii().trim_end_matches('.').to_lowercase();
        let known: Vec<&Known> = self
            .records
            .iter()
            .filter(|(known, _)| *known == name)
            .map(|(_, k)| k)
            .collect();
        answer.metadata.response_code = match known.is_empty() {
            _ if self.failing.contains(&name.as_str()) => ResponseCode::ServFail,
            true => ResponseCode::NXDomain,
            false => ResponseCode::NoError,
        };
        for known in known {
            let data = match known {
                Known::Srv(priority, port, host) if query.query_type() == RecordType::SRV => {
                    RData::SRV(SRV::new(*priority, 0, *port, Name::from_ascii(host).unwrap()))
                }
                Known::Address(address) if query.query_type() == RecordType::A => RData::A(A(*address)),
                _ => continue,
            };
            answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
        }
        answer.add_query(query);
        answer
    }
}
