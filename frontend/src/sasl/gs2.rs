//! The gs2 header at the front of a SCRAM message (RFC 5801 §4, RFC 5802 §7): is the channel bound, and who is meant.
//!
//! It must not know SCRAM's own attributes. What comes next: `scram` judges the flag against what was offered.

use super::Failure;

/// What the client says about channel binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag<'a> {
    /// `n`: it has none.
    Unsupported,
    /// `y`: it has one and thinks that the server has none.
    NotOffered,
    /// `p=name`: it uses this type.
    Used(&'a str),
}

/// A parsed header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) flag: Flag<'a>,
    /// The authorization identity, decoded.
    pub(super) authzid: Option<String>,
    /// The header as it stood, with both commas.
    pub(super) text: &'a str,
    /// What follows it.
    pub(super) rest: &'a str,
}

/// Splits a message into its gs2 header and the rest.
pub(super) fn parse(message: &str) -> Result<Header<'_>, Failure> {
    let (flag, after_flag) = message.split_once(',').ok_or(Failure::MalformedRequest)?;
    let (authzid, rest) = after_flag.split_once(',').ok_or(Failure::MalformedRequest)?;
    let flag = match flag {
        "n" => Flag::Unsupported,
        "y" => Flag::NotOffered,
        _ => Flag::Used(
            flag.strip_prefix("p=")
                .filter(|name| is_cb_name(name))
                .ok_or(Failure::MalformedRequest)?,
        ),
    };
    let authzid = match authzid {
        "" => None,
        _ => Some(decode_name(
            authzid.strip_prefix("a=").ok_or(Failure::MalformedRequest)?,
        )?),
    };
    let (text, _) = message.split_at(message.len() - rest.len());
    Ok(Header {
        flag,
        authzid,
        text,
        rest,
    })
}

/// Decodes a `saslname`: `=2C` is a comma, `=3D` an equals sign, any other `=` an error (RFC 5802 §5.1).
pub(super) fn decode_name(encoded: &str) -> Result<String, Failure> {
    let mut pieces = encoded.split('=');
    let mut name = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        if let Some(rest) = piece.strip_prefix("2C") {
            name.push(',');
            name.push_str(rest);
        } else if let Some(rest) = piece.strip_prefix("3D") {
            name.push('=');
            name.push_str(rest);
        } else {
            return Err(Failure::MalformedRequest);
        }
    }
    if name.is_empty() || name.contains('\0') {
        Err(Failure::MalformedRequest)
    } else {
        Ok(name)
    }
}

fn is_cb_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_header_is_read() {
        let check = |message, flag, authzid: Option<&str>, text, rest| {
            let authzid = authzid.map(str::to_owned);
            assert_eq!(
                parse(message),
                Ok(Header {
                    flag,
                    authzid,
                    text,
                    rest
                }),
                "{message}"
            );
        };
        check("n,,n=a,r=b", Flag::Unsupported, None, "n,,", "n=a,r=b");
        check("y,,n=a,r=b", Flag::NotOffered, None, "y,,", "n=a,r=b");
        check(
            "p=tls-exporter,,n=a",
            Flag::Used("tls-exporter"),
            None,
            "p=tls-exporter,,",
            "n=a",
        );
        check(
            "n,a=j=2Cu=3D@x,n=a",
            Flag::Unsupported,
            Some("j,u=@x"),
            "n,a=j=2Cu=3D@x,",
            "n=a",
        );
    }

    #[test]
    fn malformed_headers_are_refused() {
        for message in [
            "",
            "n",
            "n,",
            "x,,n=a",
            "p=,,n=a",
            "p=a b,,n=a",
            "n,b=c,n=a",
            "n,a=,n=a",
            "n,a=b=2,n=a",
        ] {
            assert_eq!(parse(message), Err(Failure::MalformedRequest), "{message}");
        }
    }
}
