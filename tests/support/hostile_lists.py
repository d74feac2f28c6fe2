#!/usr/bin/env python3
"""A server of target lists that behaves badly, one way a path, on 127.0.0.1:PORT."""
import http.server
import sys
import threading
import time

LIMIT_S = 60  # nobody is kept longer


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def head(self, status=200, kind="application/json", *more):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in more:
            self.send_header(name, value)
        self.end_headers()

    def trickle(self):
        self.head()
        end = time.time() + LIMIT_S
        while time.time() < end:
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.2)

    def silent(self):
        time.sleep(LIMIT_S)

    def endless(self):
        self.head()
        for _ in range(100):
            self.wfile.write(b" " * (1 << 20))

    def many_heads(self):
        self.send_response(200)
        for i in range(200000):
            self.send_header(f"X-{i}", "x" * 900)
            if i % 100 == 0:
                self.flush_headers()
        self.end_headers()

    def html(self):
        self.head(200, "text/html")
        self.wfile.write(b"<html>log in</html>")

    def redirect(self):
        self.head(302, "application/json", ("Location", "/good"))

    def broken(self):
        self.head()
        self.wfile.write(b'[{"targets": ["127.0.0.1:1"')

    def nested(self):
        self.head()
        self.wfile.write(b"[" * 100000)

    def wrong(self):
        self.head()
        self.wfile.write(b'[\n{"targets": ["127.0.0.1:1"],\n "labels": {"env": "production"}}\n]')

    def do_GET(self):
        try:
            getattr(self, self.path.strip("/"))()
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.close_connection = True


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
server.daemon_threads = True
threading.Timer(10 * LIMIT_S, server.shutdown).start()
server.serve_forever()
