"""Certificates for tests, made with the openssl program as docs/tls.md shows it."""

import os
import subprocess
import tempfile


class Authority:
    """An authority and what it signs, in a folder of its own; use close()."""

    def __init__(self, name="authority"):
        self._folder = tempfile.TemporaryDirectory(prefix="nexus-certificates-")
        self.certificate = self.path("ca.pem")
        self._openssl("req", "-x509", *self._new_key("ca"), "-days", "1", "-subj", f"/CN={name}", "-out", "ca.pem")

    def close(self):
        self._folder.cleanup()

    def path(self, name):
        return os.path.join(self._folder.name, name)

    def issue(self, name, *extensions):
        """The paths of a certificate and its key. `extensions` as the openssl program takes them."""
        with open(self.path(f"{name}.ext"), "w", encoding="ascii") as file:
            file.write("\n".join(("basicConstraints=CA:FALSE",) + extensions) + "\n")
        self._openssl("req", *self._new_key(name), "-subj", f"/CN={name}", "-out", f"{name}.csr")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", "1", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        return self.path(f"{name}.pem"), self.path(f"{name}.key")

    def issue_node(self, name="node"):
        return self.issue(name, "subjectAltName=IP:127.0.0.1")

    def issue_client(self, name="client"):
        return self.issue(name, "extendedKeyUsage=clientAuth")

    @staticmethod
    def _new_key(name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key"]

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self._folder.name, capture_output=True, text=True, check=True)


def contents(path):
    with open(path, "rb") as file:
        return file.read()


class TlsFiles:
    """What a node and its clients need for TLS: three files that stay where they are while their contents change."""

    def __init__(self, authority, client_authority=None):
        self._folder = tempfile.TemporaryDirectory(prefix="nexus-tls-")
        self.certificate, self.key, self.authorities = (
            os.path.join(self._folder.name, name) for name in ("node.pem", "node.key", "ca.pem"))
        self.put(authority, *authority.issue_node())
        certificate, key = (client_authority or authority).issue_client()
        self.client_certificate, self.client_key = certificate, key

    def close(self):
        self._folder.cleanup()

    def put(self, authority, certificate, key):
        self.replace(self.authorities, contents(authority.certificate))
        self.replace(self.key, contents(key))
        self.replace(self.certificate, contents(certificate))

    @staticmethod
    def replace(path, data):
        """At once, as whoever replaces certificates should."""
        with open(path + ".new", "wb") as file:
            file.write(data)
        os.rename(path + ".new", path)

    def settings(self, **more):
        """The section of a configuration."""
        lines = {"tls_certificate": self.certificate, "tls_key": self.key, "tls_ca": self.authorities,
                 "tls_reload_interval": "100ms", **more}
        return "security:\n" + "".join(f"  {key}: {value}\n" for key, value in lines.items())

    def credentials(self):
        """(authorities, key, certificate) of a client, for gRPC."""
        return contents(self.authorities), contents(self.client_key), contents(self.client_certificate)
