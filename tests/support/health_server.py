#!/usr/bin/python3
"""A gRPC server that speaks grpc.health.v1: health_server.py PORT [KEY CERTIFICATE].

"" and "up" serve, "down" does not, "slow" takes its time, "secret" is denied; others are not known.
"""
import sys
import time
from concurrent import futures

import grpc


def check(request, context):
    service = request[2:].decode() if request else ""
    if service == "slow":
        time.sleep(5)
    if service == "secret":
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not for you")
    if service not in ("", "up", "down", "slow"):
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return b"\x08\x02" if service == "down" else b"\x08\x01"


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    handler = grpc.unary_unary_rpc_method_handler(check)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler}),))
    address = "127.0.0.1:" + sys.argv[1]
    if len(sys.argv) > 2:
        with open(sys.argv[2], "rb") as key, open(sys.argv[3], "rb") as certificate:
            server.add_secure_port(
                address, grpc.ssl_server_credentials([(key.read(), certificate.read())]))
    else:
        server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


main()
