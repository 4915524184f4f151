"""The names for which a certificate is good."""

from collections.abc import Iterable
from ipaddress import ip_address

from cryptography import x509

from monitoring.endpoints import address
from monitoring.errors import CatalogError


def names(pem: str, setting: str) -> list[str]:
    """The DNS names and addresses in the first certificate of a PEM text."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise CatalogError(
            f"{setting}: expected a certificate (PEM) with the names of its host, found none: {error}"
        ) from error
    addresses = [str(one) for one in found.get_values_for_type(x509.IPAddress)]
    return [*found.get_values_for_type(x509.DNSName), *addresses]


def covers(given: Iterable[str], host: str) -> bool:
    """Whether a certificate with these names is good for a host."""
    if address.is_address(host):
        return any(address.is_address(name) and ip_address(name) == ip_address(host) for name in given)
    return any(_matches(name.lower(), host.lower()) for name in given)


def _matches(name: str, host: str) -> bool:
    return name == host or (name.startswith("*.") and host.partition(".")[2] == name[2:] != "")
