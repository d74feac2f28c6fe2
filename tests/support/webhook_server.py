#!/usr/bin/python3
"""A receiver of webhooks: checks each signature and writes each message as a line of JSON with the
key that it came under. Answers 503 while a file exists.

usage: webhook_server.py PORT SECRET-FILE OUT-FILE FAIL-FILE
"""

import hashlib
import hmac
import http.server
import json
import os
import sys


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = 503 if os.path.exists(sys.argv[4]) else 204
        parts = dict(p.split("=") for p in self.headers["X-Faultline-Signature"].split(","))
        with open(sys.argv[2], "rb") as file:
            secret = file.read().strip()
        wanted = hmac.new(secret, parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
        line = {
            "status": status,
            "key": self.headers["Idempotency-Key"],
            "signed": hmac.compare_digest(wanted, parts["v1"]),
            "body": json.loads(body),
        }
        with open(sys.argv[3], "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
