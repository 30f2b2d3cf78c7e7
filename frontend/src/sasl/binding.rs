//! Channel bindings as SCRAM sees them: a type's name and the bytes both ends must agree on.
//!
//! It must not know TLS: `tls::binding` fills [`Bindings`] from a connection. What comes next: `scram` compares.

/// A channel binding type that Reef supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelBinding {
    /// `tls-exporter` (RFC 9266).
    Exporter,
    /// `tls-server-end-point` (RFC 5929 §4).
    EndPoint,
}

impl ChannelBinding {
    /// Both types, the better one first.
    pub const ALL: [Self; 2] = [Self::Exporter, Self::EndPoint];

    /// The name in IANA's registry, as a gs2 header and XEP-0440's feature carry it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exporter => "tls-exporter",
            Self::EndPoint => "tls-server-end-point",
        }
    }
}

/// The channel bindings of one connection; empty without TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bindings {
    /// 32 bytes exported from the TLS session.
    pub exporter: Option<[u8; 32]>,
    /// The hash of the server's certificate.
    pub end_point: Option<Vec<u8>>,
}

impl Bindings {
    /// The data of one type, if the connection has it.
    pub fn data(&self, binding: ChannelBinding) -> Option<&[u8]> {
        match binding {
            ChannelBinding::Exporter => self.exporter.as_ref().map(<[u8; 32]>::as_slice),
            ChannelBinding::EndPoint => self.end_point.as_deref(),
        }
    }

    /// The types the connection has, the better one first.
    pub fn types(&self) -> impl Iterator<Item = ChannelBinding> {
        ChannelBinding::ALL
            .into_iter()
            .filter(|binding| self.data(*binding).is_some())
    }

    /// The type of this name, if the connection has it.
    pub fn named(&self, name: &str) -> Option<ChannelBinding> {
        self.types().find(|binding| binding.name() == name)
    }

    /// Whether there is nothing to bind to.
    pub fn is_empty(&self) -> bool {
        self.exporter.is_none() && self.end_point.is_none()
    }
}
