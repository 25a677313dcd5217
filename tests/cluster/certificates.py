"""Certificates for tests, made by the openssl command line tool as docs/cluster.md says."""

import os
import subprocess

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class authority:
    """Its certificate is the file `ca`."""

    def __init__(self, directory, name="ca"):
        self.directory = directory
        self.ca, self.key = self._files(name)
        openssl("req", "-x509", *NEW_KEY, "-days", "2", "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.ca)

    def _files(self, name):
        return [os.path.join(self.directory, f"{name}.{kind}") for kind in ("pem", "key")]

    def issue(self, name, days=1, extensions=""):
        """The files (certificate, key). `extensions`: lines as in openssl's configuration."""
        certificate, key = self._files(name)
        request, wanted = certificate + ".csr", certificate + ".ext"
        with open(wanted, "w") as file:
            file.write(extensions)
        openssl("req", *NEW_KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.key, "-CAcreateserial",
                "-days", str(days), "-extfile", wanted, "-out", certificate)
        return certificate, key

    def options(self, name, **settings):
        """For `troupe --set`."""
        certificate, key = self.issue(name, **settings)
        return [f"cluster.tls.certificate={certificate}", f"cluster.tls.key={key}", f"cluster.tls.ca={self.ca}"]
