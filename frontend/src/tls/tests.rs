//! Certificates on disk, their reload, and the end point's hash for each kind of signature.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};
use sha2::{Digest, Sha256, Sha384};

use super::*;

fn load(directory: &Path, domain: &str) -> Tls {
    Tls::load(&TlsConfig::default(), directory, domain).unwrap()
}

#[test]
fn a_self_signed_certificate_is_made_once_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let first = load(directory.path(), "capulet.example").identity().end_point.clone();
    assert_eq!(first, load(directory.path(), "capulet.example").identity().end_point);
    let mode = fs::metadata(directory.path().join("tls/key.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn another_domain_gets_another_self_signed_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let first = load(directory.path(), "capulet.example").identity().end_point.clone();
    assert_ne!(first, load(directory.path(), "montague.example").identity().end_point);
}

#[test]
fn an_address_can_be_the_domain() {
    let directory = tempfile::tempdir().unwrap();
    let first = load(directory.path(), "127.0.0.1").identity().end_point.clone();
    assert_eq!(first, load(directory.path(), "127.0.0.1").identity().end_point);
}

#[test]
fn a_reload_takes_new_files_and_keeps_the_old_certificate_on_errors() {
    let directory = tempfile::tempdir().unwrap();
    let (cert, key) = (directory.path().join("c.pem"), directory.path().join("k.pem"));
    let renew = || {
        let pair = KeyPair::generate().unwrap();
        let made = CertificateParams::new(vec!["capulet.example".to_owned()])
            .unwrap()
            .self_signed(&pair)
            .unwrap();
        fs::write(&cert, made.pem()).unwrap();
        fs::write(&key, pair.serialize_pem()).unwrap();
    };
    renew();
    let config = TlsConfig {
        cert: cert.clone(),
        key: key.clone(),
        ca: PathBuf::new(),
    };
    let tls = Tls::load(&config, directory.path(), "capulet.example").unwrap();
    let first = tls.identity().end_point.clone();
    renew();
    assert_eq!(tls.identity().end_point, first);
    tls.reload().unwrap();
    let second = tls.identity().end_point.clone();
    assert_ne!(second, first);

    fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Unusable(_))));
    fs::write(&cert, "nothing").unwrap();
    assert!(tls.reload().is_err());
    fs::remove_file(&key).unwrap();
    assert!(matches!(
        tls.reload(),
        Err(TlsError::Unusable(_) | TlsError::Pem { .. })
    ));
    assert_eq!(tls.identity().end_point, second);
}

#[test]
fn a_secret_is_made_once_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/secret");
    assert_eq!(load_or_create(&path, || vec![1, 2]).unwrap(), [1, 2]);
    assert_eq!(load_or_create(&path, || vec![3]).unwrap(), [1, 2]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

fn certificate(algorithm: &'static SignatureAlgorithm) -> Vec<u8> {
    let key = KeyPair::generate_for(algorithm).unwrap();
    CertificateParams::new(vec!["capulet.example".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap()
        .der()
        .to_vec()
}

#[test]
fn the_end_point_uses_the_hash_of_the_signature() {
    let p256 = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
    assert_eq!(end_point(&p256), Some(Sha256::digest(&p256).to_vec()));
    let p384 = certificate(&rcgen::PKCS_ECDSA_P384_SHA384);
    assert_eq!(end_point(&p384), Some(Sha384::digest(&p384).to_vec()));
    assert_eq!(end_point(&certificate(&rcgen::PKCS_ED25519)), None);
}

/// A certificate cut down to an empty first field and its signature algorithm.
fn signed_with(algorithm: &[u8]) -> Vec<u8> {
    let length = u8::try_from(algorithm.len()).unwrap();
    [&[0x30, length + 4, 0x30, 0, 0x30, length], algorithm].concat()
}

#[test]
fn weak_and_parametrised_signatures_are_understood() {
    let check = |algorithm: &[u8], bytes: Option<usize>| {
        assert_eq!(
            end_point(&signed_with(algorithm)).map(|hash| hash.len()),
            bytes,
            "{algorithm:x?}"
        );
    };
    let rsa = |with| {
        [
            &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, with][..],
            &[0x05, 0],
        ]
        .concat()
    };
    check(&rsa(4), Some(32));
    check(&rsa(5), Some(32));
    check(&rsa(11), Some(32));
    check(&rsa(12), Some(48));
    check(&rsa(13), Some(64));
    check(&rsa(99), None);
    let pss = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    check(&[&pss[..], &[0x30, 0]].concat(), Some(32));
    let sha384 = [
        0xa0, 13, 0x30, 11, 0x06, 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 2,
    ];
    check(&[&pss[..], &[0x30, 15], &sha384].concat(), Some(48));
    check(&[0x06, 3, 0x2b, 0x65, 0x70], None);
}

#[test]
fn damaged_certificates_have_no_end_point() {
    let der = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
    for len in 0..der.len() {
        assert_eq!(end_point(&der[..len]), None, "{len} bytes");
    }
}
