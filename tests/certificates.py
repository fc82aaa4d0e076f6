"""Certificates of this machine, made by openssl as an operator would."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_SUBJECT = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
_NEW_KEY = ("req", "-newkey", "rsa:2048", "-nodes")
_CA = """[ca]
default_ca = own
[own]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
[any]
commonName = supplied
"""


def make_certificate(folder: Path, name: str = "cert") -> tuple[str, str]:
    """Paths of a self-signed certificate, good for two days, and of its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    _openssl(*_NEW_KEY, "-x509", "-days", "2", *_SUBJECT, "-out", str(certificate), "-keyout", str(key))
    return str(certificate), str(key)


def make_ended_certificate(folder: Path) -> tuple[str, str]:
    """The same, good for the year 2020."""
    certificate, key, request = (str(folder / f"ended.{end}") for end in ("pem", "key", "csr"))
    (folder / "index").write_text("")
    (folder / "serial").write_text("01")
    (folder / "ca.conf").write_text(_CA.format(folder=folder))
    _openssl(*_NEW_KEY, *_SUBJECT, "-out", request, "-keyout", key)
    time = ("-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
    files = ("-config", str(folder / "ca.conf"), "-keyfile", key, "-in", request, "-out", certificate)
    _openssl("ca", "-batch", "-notext", "-selfsign", *time, *files)
    return certificate, key


def _openssl(*arguments: str) -> None:
    if shutil.which("openssl") is None:
        pytest.fail("openssl is missing: install Debian's package openssl (apt-get install openssl)", pytrace=False)
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)
