"""Certificates for tests: an authority that all servers trust, and certificates that nobody does."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
# Years ago and years ahead: the machine's clock may be anywhere near.
BEGINS, ENDS = datetime.datetime(2020, 1, 1), datetime.datetime(2045, 1, 1)


def named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """Files go into `folder`; `path` is its own certificate."""

    def __init__(self, folder, name="Authority of the tests"):
        self.folder = Path(folder)
        self.name, self.key = named(name), ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        built = self._start(self.name, self.key).add_extension(x509.BasicConstraints(True, 0), critical=True)
        self.certificate = built.add_extension(usage, critical=True).sign(self.key, hashes.SHA256())
        self.path = self.folder / "ca.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _start(self, subject, key, issuer=None, ends=ENDS):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(BEGINS)
            .not_valid_after(ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    def issue(self, file, *names, trusted=True, expired=False):
        """A certificate for these names, and its key: two paths. Without `trusted` it is signed by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        # No name where it does not belong: Prosody and ejabberd still believe the subject.
        subject = named("somebody")
        built = self._start(subject, key, None if trusted else subject, BEGINS + DAY if expired else ENDS)
        both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        built = built.add_extension(x509.SubjectAlternativeName([alternative(name) for name in names]), critical=False)
        signed = built.add_extension(both, critical=False).sign(self.key if trusted else key, hashes.SHA256())
        cert, private = self.folder / f"{file}.crt", self.folder / f"{file}.key"
        cert.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        private.chmod(0o600)
        return cert, private
