"""`assay notify`: who is told about a flow, and how."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from .command import Command
from .project_options import add_project, print_json, say, show_or_json


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", choices=("add", "list", "remove", "test", "send"), help="send delivers what waits; a gate does so by itself when it is done")
    parser.add_argument("flow", nargs="?", help="name of the flow; '*' for all")
    parser.add_argument("channel", nargs="?", help="mailto:…, https://…, apprise+…; with remove also its number")
    parser.add_argument("--quiet", metavar="HH:MM-HH:MM", help="hours in which nobody is disturbed, unless a lot is held")
    parser.add_argument("--zone", default="UTC", help="time zone of the hours, such as Europe/Stockholm")
    parser.add_argument("--digest", metavar="'daily HH:MM'", help="one message a day, unless a lot is held")
    parser.add_argument("--author", help="who decides; default: the user who runs this")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.errors import MisuseError
    from assayline.line import telling
    from assayline.line.project import open_project

    if options.verb in ("add", "remove") and not (options.flow and options.channel):
        raise MisuseError(f"assay notify {options.verb} takes a flow and a channel, such as: assay notify {options.verb} sales mailto:ops@example.com")
    if options.verb == "test" and not options.flow:
        raise MisuseError("assay notify test takes a flow")
    with open_project(options.project) as project:
        if options.verb == "list":
            show_or_json("channels", telling.channels_document(project, options.flow), options.json)
            return 0
        if options.verb == "add":
            body: object = telling.add_channel(project, options.flow, options.channel, quiet=options.quiet, zone=options.zone, digest=options.digest, author=options.author)
            sentence = f"What happens to {options.flow} is told there from now on. Try it: assay notify test {options.flow}"
        elif options.verb == "remove":
            body = telling.remove_channel(project, options.flow, options.channel, author=options.author)
            sentence = "Removed."
        elif options.verb == "test":
            body = telling.send_test(project, options.flow)
            sentence = f"Sent to {', '.join(body)}." if isinstance(body, list) else ""
        else:
            done = telling.tell(project)
            body = asdict(done)
            sentence = f"{done.delivered} delivered, {done.failed + done.put_off + done.left} wait, {done.given_up} given up."
    if options.json:
        print_json(body)
    else:
        say(sentence)
    return 0


COMMAND = Command("notify", "say who is told about a flow, and how", arguments, run)
