"""The cluster's certificate authorities, with keys of RSA 4096 as Strimzi's, and what they sign, of ECDSA P-256."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

# Real Strimzi's. Such a key takes a second or two to find.
AUTHORITY_BITS = 4096
_ORGANIZATION = "io.strimzi"
# Real Strimzi also renews certificates that near their end. A test cluster does not live that long.
_VALIDITY = timedelta(days=365)
# Clocks of two machines differ.
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key (PKCS #8, not encrypted), both PEM."""

    certificate: str
    key: str


def new_authority(name: str) -> KeyPair:
    """A self-signed authority with the given common name."""
    return _self_signed(_subject(name), rsa.generate_private_key(public_exponent=65537, key_size=AUTHORITY_BITS))


def renewed(authority: KeyPair) -> KeyPair:
    """The authority with another certificate for its key: who trusts the one before trusts what this one signs."""
    before = x509.load_pem_x509_certificate(authority.certificate.encode())
    return _self_signed(before.subject, _private(authority))


def issue(authority: KeyPair, name: str, hosts: Sequence[str] = ()) -> KeyPair:
    """A certificate for `name` (its common name), good for servers at `hosts` and for clients."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        _builder(_subject(name), issuer.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    )
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return _signed(builder, key, _private(authority))


def is_issued_by(certificate: str, authority: str) -> bool:
    """Whether the authority's key signed the certificate, and not before it had this certificate (both PEM)."""
    try:
        issuer = x509.load_pem_x509_certificate(authority.encode())
        issued = x509.load_pem_x509_certificate(certificate.encode())
        issued.verify_directly_issued_by(issuer)
    except Exception:  # cryptography gives no closed list for a foreign key
        return False
    return issued.not_valid_before_utc >= issuer.not_valid_before_utc


def trust_store(certificate: str, password: str) -> bytes:
    """A PKCS #12 trust store with the one certificate, as Java clients read it."""
    entry = pkcs12.PKCS12Certificate(x509.load_pem_x509_certificate(certificate.encode()), b"ca.crt")
    encryption = serialization.BestAvailableEncryption(password.encode())
    return pkcs12.serialize_java_truststore([entry], encryption)


def principal(name: str) -> str:
    """The Kafka principal of a client with a certificate for `name`."""
    return f"User:CN={name},O={_ORGANIZATION}"


def _private(pair: KeyPair) -> _PrivateKey:
    key = serialization.load_pem_private_key(pair.key.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError("the key is neither RSA nor of an elliptic curve")
    return key


def _self_signed(subject: x509.Name, key: _PrivateKey) -> KeyPair:
    builder = (
        _builder(subject, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
    )
    return _signed(builder, key, key)


def _subject(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: _PrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(secrets.randbits(64))
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _VALIDITY)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(
    builder: x509.CertificateBuilder,
    key: _PrivateKey,
    signer: _PrivateKey,
) -> KeyPair:
    certificate = builder.sign(signer, hashes.SHA256())
    return KeyPair(
        certificate=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    )
