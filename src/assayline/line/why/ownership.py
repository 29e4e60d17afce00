"""Whom to ask about a component: the owner a line names, the address that hears of a flow, the author of the last commit."""

from __future__ import annotations

import os
import re
import subprocess

from sqlalchemy.engine import Connection

from assayline.ledger import records

from ..definition import Line

GIT_SECONDS = 5.0
# Nothing of a repository may be run, and nothing fetched: it may be somebody else's.
GIT_OPTIONS = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "log.showSignature=false", "protocol.allow=never", "core.sshCommand=false")
ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+")


def owner_of(connection: Connection, line: Line, flow: str) -> str:
    """Who owns a flow: as the line says, else an address by mail that hears of it; "" where nobody is known. Other channels may hold secrets and are not shown."""
    if flow in line.sources and line.sources[flow].owner:
        return line.sources[flow].owner
    if flow in line.models and line.models[flow].owner:
        return line.models[flow].owner
    channels = [str(row.channel) for row in records.channels(connection, flow) if row.flow == flow]
    return next((one.removeprefix("mailto:") for one in channels if one.startswith("mailto:")), "")


def last_author(folder: str, file: str) -> str:
    """The address of whoever committed a file last, where its folder is a work tree of git; else "".

    Args:
        folder: the file is below it.
        file: its path below the folder.
    """
    if not os.path.isfile(os.path.join(folder, file)):
        return ""
    options = [part for option in GIT_OPTIONS for part in ("-c", option)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    command = ["git", *options, "--no-pager", "--literal-pathspecs", "log", "-1", "--format=%ae", "--no-show-signature", "--", file]
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=GIT_SECONDS, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return ""
    said = done.stdout.decode("utf-8", "replace").strip()
    return said if done.returncode == 0 and ADDRESS.fullmatch(said) else ""
