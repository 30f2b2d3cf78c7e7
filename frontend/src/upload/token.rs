//! What stands in the address of a file: its id, signed with its name, so that the store is asked for none that was not
//! made here. It tells nobody whose file it is.
//!
//! Knows no row. Next: `http/upload/`.

use crate::sasl::Hash;
use crate::tables::UploadId;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

/// Bytes of a signature.
const SIGNATURE: usize = 16;

/// An id with its signature, as text.
pub(crate) struct Token(pub(crate) String);

impl Token {
    pub(super) fn sign(secret: &[u8], id: UploadId, name: &str) -> Token {
        let signed = [&id[..], &signature(secret, id, name)].concat();
        Token(URL_SAFE_NO_PAD.encode(signed))
    }

    pub(super) fn verify(secret: &[u8], token: &str, name: &str) -> Option<UploadId> {
        let signed = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, given) = signed.split_first_chunk::<16>()?;
        let good = signature(secret, *id, name);
        bool::from(good.as_slice().ct_eq(given)).then_some(*id)
    }
}

fn signature(secret: &[u8], id: UploadId, name: &str) -> Vec<u8> {
    let mut signature = Hash::Sha256.hmac(secret, &[&id[..], name.as_bytes()].concat());
    signature.truncate(SIGNATURE);
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_good_for_its_name_and_secret_alone() {
        let Token(token) = Token::sign(b"secret", [7; 16], "a.jpg");
        let check = |secret: &[u8], token: &str, name: &str| Token::verify(secret, token, name);
        assert_eq!(check(b"secret", &token, "a.jpg"), Some([7; 16]));
        assert_eq!(check(b"secret", &token, "a.html"), None);
        assert_eq!(check(b"other", &token, "a.jpg"), None);
        assert_eq!(check(b"secret", &token[..42], "a.jpg"), None);
        assert_eq!(check(b"secret", &Token::sign(b"secret", [8; 16], "").0, "a.jpg"), None);
        assert_eq!(check(b"secret", "", "a.jpg"), None);
        assert_eq!(check(b"secret", &format!("{token}AAAA"), "a.jpg"), None);
    }
}
