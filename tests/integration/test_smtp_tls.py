"""The SMTP provider with a real server over TLS: an untrusted server gets neither a letter nor a password."""

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.local.ports import free_port
from services.notifier.domain.letters import Letter
from services.notifier.providers import ProviderError, SmtpProvider
from services.notifier.settings import NotifierSettings


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a file with a key and a self-signed certificate for this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "mail.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


class TlsSmtpServer(Controller):  # type: ignore[misc]
    """A mail server that requires TLS: from the first byte on, or after STARTTLS."""

    def __init__(self, how: str, context: ssl.SSLContext) -> None:
        self._context = context
        implicit = context if how == "implicit" else None
        super().__init__(Sink(), hostname="127.0.0.1", port=free_port(), ssl_context=implicit)

    def factory(self) -> SMTP:
        """Return the protocol of one connection."""
        context = None if self.ssl_context is not None else self._context
        return SMTP(self.handler, tls_context=context, require_starttls=context is not None)


@contextmanager
def serving(how: str, certificate: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = TlsSmtpServer(how, context)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


@pytest.mark.parametrize("how", ["starttls", "implicit"])
def test_only_a_server_with_a_trusted_certificate_gets_a_letter(how: str, certificate: Path) -> None:
    letter = Letter("受理", "您的投诉已受理", "TS1")
    with serving(how, certificate) as port:
        options = {"smtp_port": port, "smtp_tls": how, "provider_timeout": 5.0}
        distrusting = SmtpProvider(NotifierSettings.model_validate(options))
        with pytest.raises(ProviderError, match="SSLCertVerificationError") as caught:
            distrusting.send("a@x.example", letter, UUID(int=1))
        assert caught.value.unavailable
        trusting = SmtpProvider(NotifierSettings.model_validate(options | {"smtp_ca": certificate}))
        assert trusting.send("a@x.example", letter, UUID(int=1)).provider_id
        trusting.close()
