"""A YAML language server as an editor talks to it: JSON-RPC over its standard input and output."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

from support.bundles import ROOT
from support.requirements import missing

HERE = ROOT / "tests" / "editor"
INSTALL = "npm install --prefix tests/editor --ignore-scripts --no-package-lock"
PATIENCE = 60.0
"""Seconds; the server answers in a tenth of one on an idle machine."""


class LanguageServer:
    """A running server with one open document."""

    def __init__(self, document: Path) -> None:
        node = shutil.which("node")
        if node is None:
            missing("Node.js", "apt-get install nodejs npm")
        script = HERE / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
        if not script.is_file():
            missing("yaml-language-server", INSTALL)
        self._uri = document.as_uri()
        self._process = subprocess.Popen([node, str(script), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self._version = 0
        threading.Thread(target=self._read, daemon=True).start()
        root = document.parent.as_uri()
        folders = [{"uri": root, "name": "specs"}]
        capabilities = {
            "workspace": {"configuration": False, "workspaceFolders": False},
            "textDocument": {"completion": {"completionItem": {"snippetSupport": False}}},
        }
        self._ask(
            "initialize",
            {"processId": None, "rootUri": root, "workspaceFolders": folders, "capabilities": capabilities},
        )
        self._tell("initialized", {})
        settings = {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}
        self._tell("workspace/didChangeConfiguration", {"settings": {"yaml": settings}})

    def close(self) -> None:
        self._ask("shutdown", None)
        self._tell("exit", None)
        self._process.wait(PATIENCE)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def diagnostics(self, text: str) -> list[dict[str, Any]]:
        """What an editor underlines when the document holds `text`."""
        self._version += 1
        document = {"uri": self._uri, "version": self._version}
        if self._version == 1:
            self._tell("textDocument/didOpen", {"textDocument": {**document, "languageId": "yaml", "text": text}})
        else:
            self._tell("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})
        found: list[dict[str, Any]] = self._next("textDocument/publishDiagnostics")["diagnostics"]
        return found

    def completions(self, text: str) -> list[str]:
        """What an editor offers at the `|` in the text."""
        answer = self._at_cursor("textDocument/completion", text)
        return [item["label"] for item in answer["items"]]

    def hover(self, text: str) -> str:
        """What an editor shows when a person points at the `|` in the text."""
        answer = self._at_cursor("textDocument/hover", text)
        return str(answer["contents"]["value"])

    def _at_cursor(self, method: str, text: str) -> Any:
        before = text[: text.index("|")].split("\n")
        self.diagnostics(text.replace("|", "", 1))
        position = {"line": len(before) - 1, "character": len(before[-1])}
        return self._ask(method, {"textDocument": {"uri": self._uri}, "position": position})

    def _ask(self, method: str, parameters: Any) -> Any:
        self._send({"id": method, "method": method, "params": parameters})
        return self._next(method)

    def _tell(self, method: str, parameters: Any) -> None:
        self._send({"method": method, "params": parameters})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _next(self, wanted: str) -> Any:
        """The next answer to the request, or the parameters of the next notification, of that name."""
        while True:
            message = self._messages.get(timeout=PATIENCE)
            if message.get("method") == wanted:
                return message["params"]
            if "method" in message and "id" in message:  # the server asks something, which an editor may not know
                self._send({"id": message["id"], "result": None})
            elif message.get("id") == wanted:
                assert "error" not in message, message
                return message["result"]

    def _read(self) -> None:
        assert self._process.stdout is not None
        while header := self._process.stdout.readline():
            length = int(header.split(b":")[1])
            self._process.stdout.readline()
            self._messages.put(json.loads(self._process.stdout.read(length)))
