#!/usr/bin/python3
"""A web server whose release errs: with status 500 for as many of a hundred requests as the number
in a file says, in turn, and none while there is no file.

usage: release_server.py PORT ERRS-FILE
"""

import http.server
import sys
import threading

lock = threading.Lock()
owed = 0


def errs():
    """Does this one err? As evenly spread as the share allows."""
    global owed
    try:
        with open(sys.argv[2], encoding="ascii") as file:
            share = int(file.read() or 0)
    except (FileNotFoundError, ValueError):
        share = 0
    with lock:
        owed += share
        if owed < 100:
            return False
        owed -= 100
        return True


class Release(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if errs() else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Release).serve_forever()
