"""A small origin: greets in the language that Accept-Language names first, and counts its answers."""

import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GREETINGS = {"de": "Guten Tag", "fr": "Bonjour", "en": "Good day"}
answers = 0


class Origin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        global answers
        answers += 1
        wished = self.headers.get("Accept-Language", "en")[:2].lower()
        text = f"{GREETINGS.get(wished, GREETINGS['en'])}. This is answer {answers} of the origin.\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Cache-Control", "max-age=60")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9003"))), Origin)
threading.Thread(target=server.serve_forever, daemon=True).start()
# Whoever started this ends it by closing its standard input.
sys.stdin.read()
