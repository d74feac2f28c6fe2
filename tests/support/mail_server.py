#!/usr/bin/python3
"""A mail relay that wants STARTTLS and a login: writes each message as a line of JSON. Answers 451
while a file FAIL-FILE exists, and refuses the recipient nobody@example.net.

usage: mail_server.py PORT CERTIFICATE KEY USER PASSWORD OUT-FILE FAIL-FILE
"""

import email
import email.policy
import json
import os
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

PORT, CERTIFICATE, KEY, USER, PASSWORD, OUT, FAIL = sys.argv[1:8]


class Relay:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == "nobody@example.net":
            return "550 there is no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = list(message.iter_parts())
        status = 451 if os.path.exists(FAIL) else 250
        line = {
            "status": status,
            "tls": session.ssl is not None,
            "user": session.auth_data,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "id": message["Message-ID"],
            "date": message["Date"],
            "subject": message["Subject"],
            "text": parts[0].get_content(),
            "body": json.loads(parts[1].get_content()),
        }
        with open(OUT, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return "451 try again" if status == 451 else "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    login, password = data.login.decode(), data.password.decode()
    good = (login, password) == (USER, PASSWORD)
    return AuthResult(success=good, handled=good, auth_data=login)


class TlsController(Controller):
    def factory(self):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(CERTIFICATE, KEY)
        return SMTP(
            self.handler,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=authenticate,
        )


TlsController(Relay(), hostname="127.0.0.1", port=int(PORT)).start()
threading.Event().wait()
