//! XEP-0092, Software Version: what the server is. Not on what it runs, which only helps who attacks it.

use super::{Answer, Module, Routes, To};
use reef_stanza::ns;
use xmpp_parsers::version::{VersionQuery, VersionResult};

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0092",
    version: "1.1",
    title: "Software Version",
    note: "of the server, without its system",
    server: &[ns::VERSION],
    account: &[],
    service: &[],
    routes,
};

fn routes(on: &mut Routes) {
    on.get::<VersionQuery>(&[To::Server], |_, _| {
        let version = VersionResult {
            name: "Reef".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            os: None,
        };
        Ok(Answer::Payload(version.into()))
    });
}
