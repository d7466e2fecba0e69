"""What a test lets hosts of a Proto.Actor cluster answer to `GET /_health`."""

import http.server
import json
import threading

from support.ports import free_port


class HealthHost:
    """Use as a context manager. Answers with `body`, a text; while that is None, every connection is ended without an answer."""

    def __init__(self, body=None, port=0):
        self.body = body
        self.asked_count = 0
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                host.asked_count += 1
                if host.body is None or self.path != "/_health":
                    return
                data = host.body.encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def health_of(peer, health_port, cluster="family", kinds=("prototopic",)):
    """As a Go node with the automanaged provider writes it."""
    host, port = peer.address.rsplit(":", 1)
    return json.dumps({"id": peer.member_id, "address": host, "auto_manage_port": health_port, "port": int(port),
                       "kinds": list(kinds) if kinds else None, "cluster_name": cluster}) + "\n"


def settings(health_port, hosts, refresh="200ms", cluster="family"):
    """Of a node of ours that is a member of such a cluster."""
    listed = ", ".join(f'"{host}"' for host in hosts)
    return (f"cluster:\n  name: {cluster}\n  compat:\n    protoactor:\n      listen: 127.0.0.1:{health_port}\n"
            f"      hosts: [{listed}]\n      refresh: {refresh}\n")
