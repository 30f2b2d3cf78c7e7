//! From the names in a SASL message to the account they mean.
//!
//! It must not know whether the account exists. What comes next: the host is asked for its credentials.

use jid::{BareJid, DomainRef, NodePart};

use super::Failure;

/// The account that an authentication identity (the simple user name, RFC 6120 §6.3.8) means on `domain`, or `None` if
/// no account can have that name: then the exchange goes on against a decoy. An authorization identity other than the
/// account's own bare JID is [`Failure::InvalidAuthzid`]: nobody may act for another.
pub fn account_of(authcid: &str, authzid: Option<&str>, domain: &DomainRef) -> Result<Option<BareJid>, Failure> {
    let account = NodePart::new(authcid)
        .ok()
        .map(|name| BareJid::from_parts(Some(&name), domain));
    let Some(authzid) = authzid.filter(|authzid| !authzid.is_empty()) else {
        return Ok(account);
    };
    let asked = BareJid::new(authzid).map_err(|_| Failure::InvalidAuthzid)?;
    if account.as_ref() == Some(&asked) {
        Ok(account)
    } else {
        Err(Failure::InvalidAuthzid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jid::DomainPart;

    #[test]
    fn an_authzid_must_be_the_account_itself() {
        let domain = DomainPart::new("shakespeare.example").unwrap();
        let check = |authcid, authzid, expected: Result<Option<&str>, Failure>| {
            let expected = expected.map(|jid| jid.map(|jid| BareJid::new(jid).unwrap()));
            assert_eq!(account_of(authcid, authzid, &domain), expected, "{authcid} {authzid:?}");
        };
        check("juliet", None, Ok(Some("juliet@shakespeare.example")));
        check("Juliet", Some(""), Ok(Some("juliet@shakespeare.example")));
        check(
            "juliet",
            Some("juliet@shakespeare.example"),
            Ok(Some("juliet@shakespeare.example")),
        );
        check(
            "juliet",
            Some("romeo@shakespeare.example"),
            Err(Failure::InvalidAuthzid),
        );
        check("juliet", Some("juliet@capulet.example"), Err(Failure::InvalidAuthzid));
        check("juliet", Some("juliet"), Err(Failure::InvalidAuthzid));
        check("jul iet", None, Ok(None));
        check(
            "jul@iet",
            Some("juliet@shakespeare.example"),
            Err(Failure::InvalidAuthzid),
        );
    }
}
