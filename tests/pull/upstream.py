"""What the project asks for outside: registries, a site of charts, and the authority that vouches for them."""

import trustme

from offline.step import Run, Step

# Registry -> the names under which engines, nodes and Skaffold ask for it.
REGISTRIES = {
    "docker.io": ("docker.io", "index.docker.io", "registry-1.docker.io"),
    "ghcr.io": ("ghcr.io",),
    "quay.io": ("quay.io",),
}
SITE = "dapr.github.io"
NAMES = [*(name for names in REGISTRIES.values() for name in names), SITE]


def _vouch(run: Run) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(run.out / "ca.pem")
    ca.issue_cert(*NAMES).private_key_and_cert_chain_pem.write_to_path(run.out / "server.pem")


authority = Step("pull-authority", _vouch, settings=NAMES)
