"""Which addresses and thumbprints are accepted, and that a password never shows."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from app.errors import ConfigurationError
from app.vsphere.endpoint import Endpoint, canonical_thumbprint

pytestmark = pytest.mark.unit

THUMBPRINT = "0a" * 32


def endpoint(url: str = "https://vc.example.org", *, thumbprint: str | None = None, insecure: bool = False) -> Endpoint:
    return Endpoint(
        url=url,
        username="administrator@vsphere.local",
        password=SecretStr("s3cret"),
        thumbprint=thumbprint,
        insecure=insecure,
    )


@pytest.mark.parametrize(
    ("url", "host", "port", "address"),
    [
        ("https://vc.example.org", "vc.example.org", 443, "https://vc.example.org:443"),
        ("https://vc.example.org/", "vc.example.org", 443, "https://vc.example.org:443"),
        ("https://vc.example.org/sdk", "vc.example.org", 443, "https://vc.example.org:443"),
        ("https://vc.example.org:8443/sdk/", "vc.example.org", 8443, "https://vc.example.org:8443"),
        ("https://[2001:db8::5]:444/sdk", "2001:db8::5", 444, "https://[2001:db8::5]:444"),
    ],
)
def test_address_of_a_vcenter(url: str, host: str, port: int, address: str) -> None:
    vcenter = endpoint(url)
    assert (vcenter.host, vcenter.port, vcenter.address) == (host, port, address)


@pytest.mark.parametrize(
    "url",
    [
        "vc.example.org",
        "http://vc.example.org",
        "https://",
        "https://vc.example.org/ui",
        "https://vc.example.org/sdk?x=1",
        "https://vc.example.org:port",
        "https://vc.example.org:99999",
        "https://[2001:db8::5",
    ],
)
def test_what_is_no_vcenter_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="vCenter URL"):
        endpoint(url)


def test_credentials_in_the_url_are_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as refused:
        endpoint("https://root:s3cret@vc.example.org/sdk")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "spelled", [THUMBPRINT, THUMBPRINT.upper(), ":".join(["0A"] * 32), " ".join(["0a"] * 32), f" {THUMBPRINT}\n"]
)
def test_thumbprints_are_compared_in_one_form(spelled: str) -> None:
    assert canonical_thumbprint(spelled) == THUMBPRINT
    assert endpoint(thumbprint=spelled) == endpoint(thumbprint=THUMBPRINT)


@pytest.mark.parametrize("spelled", ["", "0a" * 20, "0a" * 31, "zz" * 32, "0a" * 64])
def test_what_is_no_sha256_thumbprint_is_refused(spelled: str) -> None:
    with pytest.raises(ConfigurationError, match="SHA-256"):
        endpoint(thumbprint=spelled)


def test_a_pin_and_insecure_contradict_each_other() -> None:
    with pytest.raises(ConfigurationError, match="insecure"):
        endpoint(thumbprint=THUMBPRINT, insecure=True)


def test_the_password_does_not_show() -> None:
    assert "s3cret" not in repr(endpoint())
    assert "s3cret" not in str(endpoint())
