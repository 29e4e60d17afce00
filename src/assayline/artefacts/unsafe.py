"""Tells model files that run code when they are loaded from those that do not, by looking at their bytes and never by loading them."""

from __future__ import annotations

import bz2
import io
import json
import lzma
import os
import pickletools
import re
import zipfile
import zlib
from collections.abc import Iterator

from assayline.errors import LimitExceeded, Unreadable, UnsafeArtefact

MIB = 1 << 20
MOST_BYTES = 2048 * MIB  # of a model file; larger ones are not tabular models
LOOKED_AT = 64 * MIB  # of an inflated pickle: its globals stand before its arrays
MOST_GLOBALS = 8  # named in an error
SAFE_STEP = "ask for it as a LightGBM text model, ONNX or skops; or, if you know who made it, let an administrator allow its digest, and it runs in a locked child process"
SHA = "sha256:"

# First bytes of files that can carry code, or objects that a loader builds by name.
CARRIERS: tuple[tuple[bytes, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, in which Keras keeps functions as bytecode"),
    (b"RDX2", "an R workspace, which can run code when it is loaded"),
    (b"RDX3", "an R workspace, which can run code when it is loaded"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\xac\xed\x00\x05", "a Java object stream, which builds objects by name"),
    (b"#!", "a script"),
)
# Files that carry no code but are not read here.
FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"GGUF", "a GGUF language model"), (b"CBM1", "a CatBoost model"), (b"binf", "an XGBoost model in its old binary form"),
)  # fmt: skip
CODE_SUFFIXES = (".py", ".pyc", ".ipynb", ".sh", ".so", ".dll", ".jar")
PROGRAM_LINE = re.compile(rb"^(?:import|from|def|class|print|exec|eval|async def|@)\b.*", re.M)
QUALIFIED = re.compile(r"[A-Za-z_][\w.]* [A-Za-z_][\w.]*")  # module and name, as pickletools shows a GLOBAL
CODE_MEMBER = re.compile(r"\.(?:py|pyc|so|dll|sh|jar)$", re.IGNORECASE)
PICKLE_MEMBER = re.compile(r"(?:^|/)(?:data\.pkl|.*\.(?:pkl|pickle|joblib|p))$", re.IGNORECASE)
ALLOWED_ROOTS = {"sklearn", "numpy", "scipy", "builtins"}  # what a skops file may name at all; the child decides about each type
HARMLESS = {"dict", "list", "tuple", "set", "frozenset", "int", "float", "str", "bool", "bytes", "bytearray", "complex", "NoneType", "slice", "range", "type"}


def recognised(content: bytes, name: str) -> str:
    """What a model file is: "lightgbm", "onnx", "skops", "assay", "xgboost", "safetensors", or "pickle" and others that are refused by `refuse_unsafe`.

    Args:
        content: its bytes.
        name: the file, for errors.

    Raises:
        UnsafeArtefact: it can run code; says what was found in it.
        Unreadable: it is nothing that is known.

    >>> recognised(b"tree\\nversion=v4\\n", "m.txt")
    'lightgbm'
    >>> recognised(b"\\x80\\x02cos\\nsystem\\n.", "m.json")
    Traceback (most recent call last):
        ...
    assayline.errors.UnsafeArtefact: m.json: byte 0: it is a pickle that names os.system, and what a pickle names is run when it is loaded; ask for it as ...
    """
    if len(content) > MOST_BYTES:
        raise LimitExceeded(name, f"it has {len(content):,} bytes, more than {MOST_BYTES:,}", next_step="name a smaller model")
    if not content:
        raise Unreadable(name, "it is empty", place="byte 0", next_step="ask for it again")
    refuse_unsafe(content, name)
    if zipfile.is_zipfile(io.BytesIO(content)) and content[:4] == b"PK\x03\x04":
        names = _names(content, name)
        if "manifest.json" in names and any(one.startswith("predictor/") for one in names):
            return "assay"
        if "schema.json" in names:
            return "skops"
        raise Unreadable(name, f"it is a zip of {len(names)} files ({', '.join(names[:3])[:80]} …) that is no kind of model known here", next_step=SAFE_STEP)
    if content.startswith(b"tree\n"):
        return "lightgbm"
    if _is_safetensors(content):
        return "safetensors"
    start = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"{" and b'"learner"' in content[:MIB]:
        return "xgboost"
    if _is_onnx(content):
        return "onnx"
    for magic, what in FOREIGN:
        if content.startswith(magic):
            raise Unreadable(name, f"it is {what}, which is not read here", place="byte 0", next_step=SAFE_STEP)
    if start.lower().startswith((b"<?xml", b"<pmml", b"<!doctype")):
        raise Unreadable(name, "it is XML (PMML?), which is not read here; nothing in it was expanded", place="byte 0", next_step=SAFE_STEP)
    raise Unreadable(name, "it is no kind of model known here", place="byte 0", next_step=SAFE_STEP)


def refuse_unsafe(content: bytes, name: str) -> None:
    """Raises UnsafeArtefact when a file can run code, whatever it is called."""
    for magic, what in CARRIERS:
        if content.startswith(magic):
            raise UnsafeArtefact(name, f"it is {what}", place="byte 0", next_step=SAFE_STEP)
    if is_pickle(content):
        raise _pickle_error(content, name, "it is a pickle")
    inner = inflated(content, LOOKED_AT)
    if inner is not None and is_pickle(inner):
        raise _pickle_error(inner, name, "it is a compressed pickle (joblib writes such)")
    if content.startswith(b"\x93NUMPY") and _has_objects(content):
        raise _pickle_error(content[content.find(b"\n") + 1 :], name, "it is a NumPy array of Python objects, which is a pickle")
    if content[:2] == b"PK" or zipfile.is_zipfile(io.BytesIO(content)):
        _refuse_zip(content, name)
    if content[257:262] == b"ustar" or (inner is not None and inner[257:262] == b"ustar"):
        raise UnsafeArtefact(name, "it is a tar archive, in which models come as pickles and with code", place="byte 0", next_step=SAFE_STEP)
    if b"!!python/" in content[:MIB]:
        place = f"byte {content.find(b'!!python/')}"
        raise UnsafeArtefact(name, "it is YAML that builds Python objects by name", place=place, next_step=SAFE_STEP)
    start = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"{" and b'"class_name"' in content[:MIB] and (b'"Lambda"' in content[:MIB] or b'"module"' in content[:MIB]):
        raise UnsafeArtefact(name, "it is a Keras configuration, which builds objects by name", place="byte 0", next_step=SAFE_STEP)
    suffix = os.path.splitext(name.lower())[1]
    if suffix in CODE_SUFFIXES or (start[:1] == b"{" and b'"nbformat"' in content[:MIB]):
        raise UnsafeArtefact(name, "it is a program or a notebook, not a model", place="byte 0", next_step=SAFE_STEP)
    program = PROGRAM_LINE.search(start)
    if program and b"\x00" not in start and not content.startswith(b"tree\n"):
        line = program.group().decode("utf-8", "replace")[:60]
        raise UnsafeArtefact(name, f"it is a program: a line of it is {line!r}", place="byte 0", next_step=SAFE_STEP)


# -- pickles -----------------------------------------------------------------------------------------------------------


def is_pickle(content: bytes) -> bool:
    """Whether a pickle of any protocol starts here.

    >>> is_pickle(b"\\x80\\x04."), is_pickle(b"cos\\nsystem\\n(S'ls'\\ntR."), is_pickle(b"tree\\n")
    (True, True, False)
    """
    if len(content) >= 2 and content[0] == 0x80 and content[1] <= 5:
        return True
    if content[:1] in b"c(]}IiFNSVLlKXpj)":  # protocols 0 and 1 have no mark of their own: they are what reads as one until its end
        count, names = 0, False
        try:
            for opcode, argument, _ in pickletools.genops(content[:LOOKED_AT]):
                count += 1
                names |= opcode.name in ("GLOBAL", "INST") and QUALIFIED.fullmatch(str(argument)) is not None
                if count > 100_000:
                    return True
        except (ValueError, EOFError, OverflowError, MemoryError, UnicodeDecodeError):
            return names  # what cannot be read to its end is no text either when it names a function before
        return count > 0
    return False


def globals_of(content: bytes) -> list[str]:
    """What a pickle names, in its order, as far as it can be read; further pickles behind the first one too.

    >>> globals_of(b"\\x80\\x02cos\\nsystem\\n.\\x80\\x02cbuiltins\\neval\\n.")
    ['os.system', 'builtins.eval']
    """
    found: list[str] = []
    stream = io.BytesIO(content)
    while len(found) < 1000:
        start = stream.tell()
        try:
            found += _globals_of_one(stream)
        except (ValueError, EOFError, OverflowError, MemoryError, UnicodeDecodeError):
            return list(dict.fromkeys([*found, *_named(content[start:])]))
        if stream.tell() >= len(content) or stream.tell() == start:
            break
    return list(dict.fromkeys(found))


def _globals_of_one(stream: io.BytesIO) -> Iterator[str]:
    texts: list[str] = []
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".")
        elif opcode.name == "STACK_GLOBAL" and len(texts) >= 2:
            yield f"{texts[-2]}.{texts[-1]}"
        elif isinstance(argument, str):
            texts.append(argument)


def _named(content: bytes) -> list[str]:
    """Names in a pickle that cannot be read to its end: what stands as a GLOBAL does."""
    pairs = re.findall(rb"c([A-Za-z_][\w.]{0,80})\n([A-Za-z_][\w.]{0,80})\n", content[:LOOKED_AT])
    return [f"{module.decode()}.{name.decode()}" for module, name in pairs]


def _pickle_error(content: bytes, name: str, what: str) -> UnsafeArtefact:
    named = globals_of(content[:LOOKED_AT])
    shown = ", ".join(one[:60] for one in named[:MOST_GLOBALS]) + (" …" if len(named) > MOST_GLOBALS else "")
    cause = f"{what} that names {shown}, and what a pickle names is run when it is loaded" if named else f"{what}, which can run code when it is loaded"
    return UnsafeArtefact(name, cause, place="byte 0", next_step=SAFE_STEP)


def inflated(content: bytes, most: int) -> bytes | None:
    """The first bytes of what is compressed here, or None when it is not."""
    try:
        if content[:1] == b"\x78":
            return zlib.decompressobj().decompress(content, most)
        if content[:2] == b"\x1f\x8b":
            return zlib.decompressobj(31).decompress(content, most)
        if content[:3] == b"BZh":
            return bz2.BZ2Decompressor().decompress(content, most)
        if content[:6] == b"\xfd7zXZ\x00" or content[:3] == b"\x5d\x00\x00":
            return lzma.LZMADecompressor(memlimit=256 * MIB).decompress(content, most)
    except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError):
        return None
    return None


def _has_objects(content: bytes) -> bool:
    length = int.from_bytes(content[8:10], "little") if content[6:7] == b"\x01" else int.from_bytes(content[8:12], "little")
    return b"O" in content[10 : 12 + min(length, 1 << 16)].split(b"fortran_order")[0].split(b"descr")[-1]


# -- zips --------------------------------------------------------------------------------------------------------------


def _refuse_zip(content: bytes, name: str) -> None:
    try:
        names = _names(content, name)
    except Unreadable:
        names = []
    if not names and not re.search(rb"data\.pkl|\.npy|\.py|config\.json|MAR-INF", content):
        return  # a damaged zip of nothing that is known; `recognised` says so
    texts = names or [one.decode("latin-1") for one in re.findall(rb"[\w./-]+\.(?:pkl|npy|py|json)", content)]
    for one in texts:
        if PICKLE_MEMBER.search(one):
            what = "a PyTorch archive" if one.endswith("data.pkl") else "an archive"
            raise UnsafeArtefact(name, f"it is {what} with the pickle {one!r} in it", place=one, next_step=SAFE_STEP)
        if CODE_MEMBER.search(one) or one.startswith("MAR-INF/"):
            raise UnsafeArtefact(name, f"it is an archive with the program {one!r} in it", place=one, next_step=SAFE_STEP)
    if "config.json" in texts and any(one.startswith(("metadata.json", "model.weights")) for one in texts):
        raise UnsafeArtefact(name, "it is a Keras archive, whose configuration builds objects by name", place="config.json", next_step=SAFE_STEP)
    if texts and all(one.endswith(".npy") for one in texts):
        for one in texts:
            head = _member(content, one, 1 << 16)
            if head is None or _has_objects(head):
                raise UnsafeArtefact(name, "it is a NumPy archive with Python objects in it, which are pickles", place=one, next_step=SAFE_STEP)
    if "schema.json" in texts:
        check_skops_names(content, name)


def _names(content: bytes, name: str) -> list[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError) as error:
        raise Unreadable(name, f"the zip is damaged: {error}", next_step="ask for it again") from None


def _member(content: bytes, member: str, most: int) -> bytes | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(member) as stream:
            return stream.read(most)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError, RuntimeError, KeyError):
        return None


def check_skops_names(content: bytes, name: str) -> None:
    """Refuses a skops file whose schema names what no model of scikit-learn needs.

    This is the look from outside, without skops. Before anything is built, the child process compares each type with its own list.
    """
    schema = _member(content, "schema.json", 64 * MIB + 1)
    if schema is None or len(schema) > 64 * MIB:
        raise Unreadable(name, "its schema is damaged or too large", place="schema.json", next_step="ask for it again")
    try:
        named = sorted({one for one in _types_named(json.loads(schema)) if not _is_plain(one)})
    except (ValueError, RecursionError):
        raise Unreadable(name, "its schema is no JSON, or nested too deep", place="schema.json", next_step="ask for it again") from None
    if named:
        raise UnsafeArtefact(name, f"it names types that are not allowed: {', '.join(named[:MOST_GLOBALS])}", place="schema.json", next_step=SAFE_STEP)


def _is_plain(name: str) -> bool:
    root, last = name.split(".")[0], name.split(".")[-1]
    return root in ALLOWED_ROOTS and (root != "builtins" or last in HARMLESS)


def _types_named(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "__module__" in node or "__class__" in node:
            yield f"{node.get('__module__') or 'builtins'}.{node.get('__class__')}"
        if "module_path" in node:
            yield f"{node['module_path']}.{node.get('function') or node.get('name')}"
        for value in node.values():
            yield from _types_named(value)
    elif isinstance(node, list):
        for value in node:
            yield from _types_named(value)


# -- others ------------------------------------------------------------------------------------------------------------


def _is_safetensors(content: bytes) -> bool:
    return len(content) >= 10 and content[8:9] == b"{" and int.from_bytes(content[:8], "little") < 1 << 63


def _is_onnx(content: bytes) -> bool:
    """Whether the bytes read as fields of a protobuf message to their end, the first one the format's version."""
    if content[:1] != b"\x08":
        return False
    place, fields = 0, set()
    while place < len(content):
        key, place = _varint(content, place)
        field, wire = key >> 3, key & 7
        fields.add(field)
        if wire == 0:
            _, place = _varint(content, place)
        elif wire == 2:
            length, place = _varint(content, place)
            place += length
        elif wire in (1, 5):
            place += 8 if wire == 1 else 4
        else:
            return False
    return place == len(content) and 1 in fields and 7 in fields


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if place >= len(content):
            return 0, len(content) + 1
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    return value, place
