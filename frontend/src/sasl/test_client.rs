//! The client's side of SCRAM, for tests here and on streams.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use super::Hash;

/// The client-final-message for a password, and the server-final-message that must answer it. `bare` is
/// client-first-message-bare, `channel` the gs2 header with the binding's data.
pub(crate) fn client_final(
    hash: Hash,
    password: &str,
    bare: &str,
    server_first: &str,
    channel: &[u8],
) -> (String, String) {
    let field = |name: &str| {
        server_first
            .split(',')
            .find_map(|part| part.strip_prefix(name))
            .expect("server-first-message has nonce, salt and iterations (RFC 5802 §7)")
    };
    let salt = BASE64.decode(field("s=")).expect("the salt is base64");
    let iterations = field("i=").parse().expect("the iterations are a number");
    let mut salted = vec![0; hash.digest(b"").len()];
    match hash {
        Hash::Sha1 => pbkdf2::pbkdf2_hmac::<sha1::Sha1>(password.as_bytes(), &salt, iterations, &mut salted),
        Hash::Sha256 => pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password.as_bytes(), &salt, iterations, &mut salted),
    }
    let client_key = hash.hmac(&salted, b"Client Key");
    let without_proof = format!("c={},r={}", BASE64.encode(channel), field("r="));
    let auth_message = format!("{bare},{server_first},{without_proof}");
    let signature = hash.hmac(&hash.digest(&client_key), auth_message.as_bytes());
    let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, mask)| key ^ mask).collect();
    let server_signature = hash.hmac(&hash.hmac(&salted, b"Server Key"), auth_message.as_bytes());
    (
        format!("{without_proof},p={}", BASE64.encode(proof)),
        format!("v={}", BASE64.encode(server_signature)),
    )
}
