"""The Secrets that `make up` makes, where a cluster has none of the name: passwords of stores, tokens of sidecars."""

from secrets import token_hex

LENGTH = 32
"""Bytes of chance in each password."""


def fresh() -> dict[str, dict[str, str]]:
    """Return new content for each of them: name -> key -> value."""

    def password() -> str:
        return token_hex(LENGTH)

    iot, crm = password(), password()
    return {
        # With which each service's sidecar proves itself to it.
        "crm-app-token": {"token": password()},
        "iot-app-token": {"token": password()},
        "redis": {"password": password()},
        "mariadb": {
            "root-password": password(),
            "password": iot,
            # For Dapr: no database (Dapr adds it), and so no other slash. Statements bear their values: to prepare
            # each first takes half as long again.
            "connection-string": f"iot:{iot}@tcp(mariadb:3306)/?timeout=5s&interpolateParams=true",
        },
        "crm-mariadb": {
            "root-password": password(),
            "password": crm,
            "url": f"mysql+pymysql://crm:{crm}@crm-mariadb:3306/crm",
        },
    }
