"""Owners that a line names are told of their sources, without anybody adding a channel."""

from __future__ import annotations

from assayline.ledger import records

from .definition import Line
from .gating import ensure_flow
from .project import Project
from .telling import add_channel

SETTING = "owner_in_line"


def keep_owners(project: Project, line: Line) -> list[str]:
    """Adds a channel by mail for each source whose owner is an address that the line names for the first time; gives the names of the sources.

    A channel that somebody removes stays removed, until the line names another owner. Without a mail server in the settings there is nothing to add.
    """
    if not project.settings.get("mail", {}).get("server"):
        return []
    wanted = {source.name: source.owner for source in line.sources.values() if "@" in source.owner}
    with project.ledger.read() as connection:
        known = {one.name: one.settings.get(SETTING) for one in records.flows(connection) if one.name in wanted}
    added = [name for name, owner in wanted.items() if known.get(name) != owner]
    for name in added:
        with project.ledger.write() as writing:
            flow = ensure_flow(writing, name)
            writing.append("settings", {"flow": name, "settings": {**flow.settings, SETTING: wanted[name]}})
        add_channel(project, name, f"mailto:{wanted[name]}", author="line")
    return added
