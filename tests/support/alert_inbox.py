"""Receivers of alerts that a test starts: an HTTP server for webhooks, and just enough SMTP to take a message."""

import json
import socketserver
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook:
    """A server on loopback that keeps what is posted; `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.messages: list[tuple[str, Any]] = []
        self.arrived = threading.Condition()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with inbox.arrived:
                    inbox.messages.append((self.path, body))
                    inbox.arrived.notify_all()
                self.send_response(inbox.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def statuses(self, alert: str) -> list[str]:
        """`firing` or `resolved` of each time that this alert was told of, the oldest first."""
        with self.arrived:
            return [
                one["status"]
                for _, body in self.messages
                for one in body.get("alerts", ())
                if one["labels"].get("alertname") == alert
            ]

    def wait_for(self, alert: str, status: str, deadline_s: float) -> None:
        """Returns when the newest that was told of this alert is `status`. Raises AssertionError at the deadline."""
        with self.arrived:
            there = self.arrived.wait_for(lambda: self.statuses(alert)[-1:] == [status], deadline_s)
            assert there, f"{alert} isn't {status}: {self.messages}"

    @contextmanager
    def running(self) -> Iterator["Webhook"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(10)


def plain(user: str, password: str) -> str:
    """What a client sends who logs in by PLAIN."""
    return b64encode(f"\0{user}\0{password}".encode()).decode()


class _Session(socketserver.StreamRequestHandler):
    """One client's talk with a `Mail`."""

    mail: "Mail"

    def handle(self) -> None:
        self.known = self.mail.login is None
        self.say("220 test")
        while line := self.rfile.readline().decode():
            word = line.split()[0].upper() if line.split() else ""
            if word == "DATA":
                self.take()
            else:
                self.say(self.answer(word, line))
            if word == "QUIT":
                return

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def take(self) -> None:
        self.say("354 go on")
        text = b""
        while (part := self.rfile.readline()) not in {b".\r\n", b""}:
            text += part
        self.mail.messages.append(text.decode())
        self.say("250 taken")

    def answer(self, word: str, line: str) -> str:
        login = self.mail.login
        if word == "AUTH":
            self.known = login is not None and line.split()[2:] == [plain(*login)]
            return "235 welcome" if self.known else "535 5.7.8 not with that password"
        if word == "MAIL" and not self.known:
            return "530 5.7.0 log in first"
        if word == "MAIL" and self.mail.refusing:
            return "550 5.7.1 not from you"
        if word == "EHLO" and login:
            return "250-test\r\n250 AUTH PLAIN"
        return "221 bye" if word == "QUIT" else "250 ok"


class Mail:
    """An SMTP server on loopback without TLS that keeps what it takes; `refusing` answers 550 to senders.

    With a `login` (user and password) it takes nothing from who doesn't know that.
    """

    def __init__(self, login: tuple[str, str] | None = None) -> None:
        self.login, self.refusing = login, False
        self.messages: list[str] = []
        session = type("Session", (_Session,), {"mail": self})
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), session)
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator["Mail"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(10)
