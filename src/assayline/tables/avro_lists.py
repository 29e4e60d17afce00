"""Lists of nothing in Avro files: items without a byte cost the file nothing and the reader memory, so they are counted before they are decoded."""

from __future__ import annotations

import io
from typing import Any

MOST_EMPTY_ITEMS = 1_000_000  # in one group of blocks; nobody needs a million nothings
FIXED = {"null": 0, "boolean": 1, "float": 4, "double": 8}
NUMBERS = {"int", "long", "enum"}
TEXTS = {"bytes", "string"}


class TooManyItems(Exception):
    """The lists of a group of records hold more items without a byte than anybody needs."""


class EmptyItems:
    """Counts the items of size zero in encoded records, by skipping over everything else.

    Source: the binary encoding of the Avro specification 1.11, section "Complex Types".
    """

    def __init__(self, schema: Any) -> None:
        self.names: dict[str, Any] = {}
        self.schema = schema
        self.total = 0
        self.needed = self._holds_empty_lists(schema, ())

    def count(self, data: bytes) -> None:
        """Adds what the records of a group hold; `data` is a whole file of them with its header.

        Raises:
            TooManyItems: there are more than MOST_EMPTY_ITEMS.
        """
        import fastavro

        self.total = 0
        for block in fastavro.block_reader(io.BytesIO(data)):
            self.data: bytes = block.bytes_.read()  # type: ignore[attr-defined]  # the stubs leave out the decompressed bytes
            self.at = 0
            for _ in range(block.num_records):
                self._skip(self.schema)

    def _holds_empty_lists(self, schema: Any, within: tuple[str, ...]) -> bool:
        if isinstance(schema, list):
            found = [self._holds_empty_lists(one, within) for one in schema]  # all of them: each may name a type
            return any(found)
        if not isinstance(schema, dict):
            return False
        kind, name = schema.get("type"), schema.get("name")
        if isinstance(name, str):
            self.names[name] = schema
        parts = [one.get("type") for one in schema.get("fields", ())] if kind in ("record", "error") else []
        parts += [schema.get("items")] if kind == "array" else []
        parts += [schema.get("values")] if kind == "map" else []
        parts += [kind] if isinstance(kind, (dict, list)) else []
        found = [self._holds_empty_lists(one, within) for one in parts]
        return any(found) or (kind == "array" and self._is_empty(schema.get("items")))

    def _is_empty(self, schema: Any) -> bool:
        if isinstance(schema, str):
            return schema == "null" or (schema in self.names and self._is_empty(self.names[schema]))
        if not isinstance(schema, dict):
            return False
        if schema.get("type") in ("record", "error"):
            return all(self._is_empty(one.get("type")) for one in schema.get("fields", ()))
        return self._is_empty(schema.get("type")) or (schema.get("type") == "fixed" and not schema.get("size"))

    def _skip(self, schema: Any) -> None:
        kind: Any = schema.get("type") if isinstance(schema, dict) else schema
        if isinstance(kind, list):
            self._skip(kind[self._number()])
        elif isinstance(kind, dict):
            self._skip(kind)
        elif kind in FIXED:
            self.at += FIXED[kind]
        elif kind in NUMBERS:
            self._number()
        elif kind in TEXTS:
            self._skip_text()
        elif kind == "fixed":
            self.at += int(schema["size"])
        elif kind in ("record", "error"):
            for one in schema["fields"]:
                self._skip(one["type"])
        elif kind == "array":
            self._skip_items(schema["items"], keyed=False)
        elif kind == "map":
            self._skip_items(schema["values"], keyed=True)
        else:
            self._skip(self.names[kind])

    def _skip_items(self, items: Any, keyed: bool) -> None:
        empty = not keyed and self._is_empty(items)
        while count := self._number():
            if count < 0:
                count = -count
                self._number()
            if empty:
                self.total += count
                if self.total > MOST_EMPTY_ITEMS:
                    raise TooManyItems(self.total)
                continue
            for _ in range(count):
                if keyed:
                    self._skip_text()
                self._skip(items)

    def _skip_text(self) -> None:
        length = self._number()
        self.at += length

    def _number(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
