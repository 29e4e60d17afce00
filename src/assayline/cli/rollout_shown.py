"""What `assay rollout` writes to files: a page and a picture of its status, and routing for those who serve elsewhere."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from assayline.errors import MisuseError

from .project_options import print_json, say, views
from .scan import check_target, write_text

KINDS = ("kserve", "argo")


def add_shown(parser: argparse.ArgumentParser) -> None:
    """Options of the verbs `status` and `export`."""
    shown = parser.add_argument_group("with status")
    shown.add_argument("--html", metavar="FILE", help="write it as one HTML page; - for standard output")
    shown.add_argument("--svg", metavar="FILE", help="write its picture; - for standard output")
    out = parser.add_argument_group("with export")
    which = out.add_mutually_exclusive_group()
    which.add_argument("--kserve", dest="kind", action="store_const", const="kserve", help="an InferenceService with the share of now; to be exported again when it moves")
    which.add_argument("--argo", dest="kind", action="store_const", const="argo", help="a Rollout of Argo Rollouts that follows this one")
    out.add_argument("-o", "--out", metavar="FILE", help="write to a file; default: standard output")
    out.add_argument("--image", metavar="NAME", help="container image with Assayline in it (default assayline:latest)")
    out.add_argument("--folder", metavar="FOLDER", help="of the project in the container (default /srv/project)")
    out.add_argument("--storage", metavar="ADDRESS", help="with --kserve: where the project is fetched from, such as s3://models/churn")
    out.add_argument("--namespace", metavar="NAME", help="of Kubernetes; default: the current one")
    out.add_argument("--container-port", metavar="N", type=int, help="on which the container answers (default 8080)")
    out.add_argument("--replicas", metavar="N", type=int, help="with --argo: pods (default 4)")
    out.add_argument("--secret", metavar="NAME", help="with --argo: of Kubernetes, with tls.crt, tls.key, tokens and token (default assay-serve)")
    out.add_argument("--judge", metavar="ADDRESS", help="with --argo: of the `assay serve` that knows the rollout (default https://assay-serve:8080)")


def check_shown(options: argparse.Namespace) -> None:
    """Refuses options that do not go with the verb, and files that cannot be written, before anything is done.

    Raises:
        MisuseError: which, and what to write instead.
    """
    if options.verb == "export" and options.kind is None:
        raise MisuseError(f"say for whom: assay rollout export {options.model} --kserve or --argo")
    if options.verb != "export" and (options.kind or options.out):
        raise MisuseError("--kserve, --argo and --out go with: assay rollout export MODEL")
    if options.verb != "status" and (options.html or options.svg):
        raise MisuseError("--html and --svg go with: assay rollout status MODEL")
    for path in (options.html, options.svg, options.out):
        if path and path != "-":
            check_target(path, [])


def show_status(document: Mapping[str, Any], options: argparse.Namespace) -> bool:
    """Writes the page and the picture that are asked for; gives whether there were any.

    Raises:
        MisuseError: nothing that draws them is installed, or a file cannot be written.
    """
    asked = [(path, view, what) for path, view, what in ((options.html, "rollout_html", "page"), (options.svg, "rollout_svg", "picture")) if path]
    for path, view, what in asked:
        if view not in views():
            raise MisuseError(f"no {what} can be drawn, because nothing that does it is installed; install the package assayline as a whole")
        _put(views()[view](document), path, options)
    return bool(asked)


def export(document: Mapping[str, Any], options: argparse.Namespace) -> int:
    """Writes the routing of a rollout."""
    from assayline.rollout import routing

    given = {
        "image": options.image, "project": options.folder, "storage": options.storage, "namespace": options.namespace, "port": options.container_port, "replicas": options.replicas,
        "secret": options.secret, "judge": options.judge,
    }  # fmt: skip
    places = routing.Places(**{name: value for name, value in given.items() if value is not None})
    text = {"kserve": routing.kserve, "argo": routing.argo}[options.kind](document, places)
    if options.json:
        print_json({"kind": options.kind, "text": text} | ({"written": options.out} if options.out else {}))
        if options.out:
            write_text(options.out, text)
        return 0
    _put(text, options.out or "-", options)
    return 0


def _put(text: str, path: str, options: argparse.Namespace) -> None:
    if path == "-":
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    write_text(path, text)
    if options.json:
        print_json({"written": path})
    else:
        say(f"Written to {path}.")
