//! How the SMSC is to behave, as flags.

use anyhow::{Context, Result};
use clap::ValueEnum;
use reef_smpp::pdu::State;
use reef_smpp::smsc::{Faults, Ids, ReceiptForm, Receipts, SmscConfig};
use reef_smpp::text::{Convention, Form, Joined};
use std::net::SocketAddr;
use std::time::Duration;

/// Its behaviour.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Flags {
    /// Where it listens
    #[arg(long, default_value = "127.0.0.1:2775", value_name = "ADDRESS")]
    pub(super) listen: SocketAddr,
    /// Who alone may bind
    #[arg(long, value_name = "SYSTEM_ID:PASSWORD")]
    account: Option<String>,
    /// Milliseconds until a submit is answered
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Submits a second, above which they are throttled
    #[arg(long)]
    rate: Option<u32>,
    /// Unanswered submits of a connection, above which they are throttled
    #[arg(long)]
    window: Option<usize>,
    /// How receipts say it
    #[arg(long, value_enum, default_value_t = Said::Both)]
    receipts: Said,
    /// Milliseconds from the answer to the receipt
    #[arg(long, default_value_t = 0)]
    receipt_delay_ms: u64,
    /// Receipts come before the answer
    #[arg(long)]
    early: bool,
    /// Receipts are in UTF-16
    #[arg(long)]
    utf16: bool,
    /// How ids are written in the answer, and in the receipt
    #[arg(long, value_enum, default_value_t = Base::Hex)]
    ids: Base,
    /// Only the last part of a text has an id and a receipt
    #[arg(long)]
    last_id_only: bool,
    /// How the parts of its own messages are joined
    #[arg(long, value_enum, default_value_t = Join::Header8)]
    join: Join,
    /// What it takes data coding 0 for
    #[arg(long, value_enum, default_value_t = Coding::Gsm7)]
    coding: Coding,
    /// Its messages come as data_sm
    #[arg(long)]
    data_sm: bool,
    /// Texts are never orders
    #[arg(long)]
    no_words: bool,
    /// Of a thousand submits so many are not answered
    #[arg(long, default_value_t = 0)]
    silent: u32,
    /// … are answered by a nack
    #[arg(long, default_value_t = 0)]
    nack: u32,
    /// … by an error that is a header only
    #[arg(long, default_value_t = 0)]
    error: u32,
    /// … are throttled
    #[arg(long, default_value_t = 0)]
    throttle: u32,
    /// Cuts each connection at its so-manieth submit
    #[arg(long)]
    cut_after: Option<u64>,
    /// Does not answer enquire_link
    #[arg(long)]
    enquire_silence: bool,
}

/// How receipts say it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Said {
    Text,
    Tlv,
    Both,
}

/// How ids are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Base {
    Hex,
    Decimal,
    HexDecimal,
    DecimalHex,
}

/// How parts are joined.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Join {
    Header8,
    Header16,
    Sar,
}

/// What data coding 0 is.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Coding {
    Gsm7,
    Latin1,
    Ascii,
}

impl Flags {
    /// The behaviour that they describe.
    pub(super) fn config(&self) -> Result<SmscConfig> {
        let account = self
            .account
            .as_deref()
            .map(|account| account.split_once(':').context("--account SYSTEM_ID:PASSWORD"));
        let account = account
            .transpose()?
            .map(|(name, password)| (name.to_owned(), password.to_owned()));
        let config = SmscConfig {
            account,
            delay: Duration::from_millis(self.delay_ms),
            rate: self.rate,
            receipts: self.receipts(),
            ids: match self.ids {
                Base::Hex => Ids::Hexadecimal,
                Base::Decimal => Ids::Decimal,
                Base::HexDecimal => Ids::HexThenDecimal,
                Base::DecimalHex => Ids::DecimalThenHex,
            },
            last_id_only: self.last_id_only,
            form: self.form(),
            data_sm: self.data_sm,
            words: !self.no_words,
            faults: Faults {
                silent: self.silent,
                nack: self.nack,
                error: self.error,
                throttle: self.throttle,
                cut_after: self.cut_after,
                enquire_silence: self.enquire_silence,
            },
            ..SmscConfig::default()
        };
        Ok(match self.window {
            Some(window) => config.with_window(window),
            None => config,
        })
    }

    fn receipts(&self) -> Receipts {
        Receipts {
            delay: Duration::from_millis(self.receipt_delay_ms),
            early: self.early,
            form: match self.receipts {
                Said::Text => ReceiptForm::Text,
                Said::Tlv => ReceiptForm::Tlv,
                Said::Both => ReceiptForm::Both,
            },
            utf16: self.utf16,
            state: State::Delivered,
        }
    }

    fn form(&self) -> Form {
        Form {
            convention: match self.coding {
                Coding::Gsm7 => Convention::Gsm7,
                Coding::Latin1 => Convention::Latin1,
                Coding::Ascii => Convention::Ascii,
            },
            joined: match self.join {
                Join::Header8 => Joined::Header8,
                Join::Header16 => Joined::Header16,
                Join::Sar => Joined::Sar,
            },
        }
    }
}
