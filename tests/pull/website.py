"""A site of files over TLS: `python website.py ADDRESS FOLDER CERTIFICATE`."""

import ssl
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


def serve(address: str, folder: str, certificate: str) -> None:
    """Serve the folder until this process ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = ThreadingHTTPServer((address, 443), partial(SimpleHTTPRequestHandler, directory=folder))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(*sys.argv[1:])
