"""Who answers what now: the models of a server by name, the arm of each key, and what is counted and recorded of every answer."""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from assayline.core.rollout import BUCKETS, CHALLENGER, CHAMPION, HOLDOUT, Rollout, bucket
from assayline.errors import MisuseError
from assayline.framing.recognising import matched_names

from .chain import Answer, Chain
from .counting import Tally

REMEMBERED = 65_536  # keys whose bucket is remembered for each rollout: 10 MB, and a key's second request saves the hash
ASKED = "asked"  # the arm of an answer whose caller named the version

Header = tuple[bytes, bytes]


def _none() -> Mapping[str, Chain]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Limits:
    """What a request may be.

    Args:
        body_bytes: of a body.
        rows: in one request.
        header_bytes: of all headers together.
        depth: of nested values in a row.
        body_seconds: in which a body has to arrive.
    """

    body_bytes: int = 4 << 20
    rows: int = 1_000
    header_bytes: int = 16 << 10
    depth: int = 32
    body_seconds: float = 30.0


@dataclass(frozen=True)
class Batching:
    """Rows of several requests answered in one call.

    Args:
        rows: at most so many.
        seconds: the first of them waits at most so long.
    """

    rows: int = 32
    seconds: float = 0.002


class Record(NamedTuple):
    """One row and its answer, for whoever keeps them.

    Args:
        model: the name it was asked under.
        request: id of the request; rows of one request share it.
        at: seconds since 1970.
        row: as it was sent, by column.
        key: what was hashed to find the arm: the unit, or the id of the request.
        arm: "champion", "challenger", "holdout", or "asked" where the caller named the version.
        compared: whether both models of the rollout should score it: the other one scores it later, from the record.
        version: of the model whose turn it was; `answer.version` is who answered.
        answer: what was said.
        seconds: from the request to the answer.
    """

    model: str
    request: str
    at: float
    row: Mapping[str, Any]
    key: str
    arm: str
    compared: bool
    version: str
    answer: Answer
    seconds: float


@dataclass(frozen=True, eq=False)
class Service:
    """Who answers under one name; immutable, so that every request sees one state.

    Args:
        name: of the model, as in the address.
        champion: answers, unless the rollout says otherwise.
        challenger: of the rollout.
        rollout: how the keys are shared; None: everything is the champion's.
        unit: the column of the row that names the unit ("customer_id"), whose rows stay with one model; "" or a row without it: `unit_header`, else the request's id.
        unit_header: the header that names the unit.
        others: further versions that answer who asks for them by version: what stands by.

    Raises:
        MisuseError: the rollout gives keys to a challenger that is not there.
    """

    name: str
    champion: Chain
    challenger: Chain | None = None
    rollout: Rollout | None = None
    unit: str = ""
    unit_header: str = ""
    others: Mapping[str, Chain] = field(default_factory=_none)
    arms: tuple[str, ...] = field(init=False, repr=False, default=())
    compared: tuple[bool, ...] = field(init=False, repr=False, default=())
    place: Callable[[str], int] = field(init=False, repr=False, default=lambda key: 0)

    def __post_init__(self) -> None:
        rollout = self.rollout
        if rollout is None:
            return
        # A table of all buckets: which arm a key has is then one hash and one look-up.
        arms = tuple(rollout.arm_of(number) for number in range(BUCKETS))
        if self.challenger is None and CHALLENGER in arms:
            raise MisuseError(f"the rollout of {self.name} gives {rollout.share:g} per cent of the keys to {rollout.challenger}, which is not loaded")
        object.__setattr__(self, "arms", arms)
        object.__setattr__(self, "compared", tuple(rollout.is_compared(number) for number in range(BUCKETS)))
        place = functools.partial(bucket, rollout.salt)
        object.__setattr__(self, "place", functools.lru_cache(REMEMBERED)(place) if self.unit or self.unit_header else place)

    def route(self, key: str) -> tuple[Chain, str]:
        """The chain that answers a key, and the arm."""
        arm = self.arms[self.place(key)] if self.arms else CHAMPION
        return (self.challenger if arm == CHALLENGER and self.challenger else self.champion), arm

    def version(self, name: str) -> Chain | None:
        """The chain of a version by its label ("churn:v7") or the part behind the name ("v7"); None where it is not loaded."""
        loaded = {chain.first.label: chain for chain in (*self.others.values(), *((self.challenger,) if self.challenger else ()), self.champion)}
        return loaded.get(name) or loaded.get(f"{self.name}:{name}") or self.others.get(name)

    def chains(self) -> tuple[Chain, ...]:
        """All that can be asked."""
        return (self.champion, *((self.challenger,) if self.challenger else ()), *self.others.values())

    def to_json(self) -> dict[str, Any]:
        """What stands here, for `/metadata`."""
        rollout = self.rollout
        shown = None if rollout is None else {
            "champion": rollout.champion, "challenger": rollout.challenger, "state": rollout.state, "mode": rollout.now.mode, "share": rollout.share, "stage": rollout.stage,
            "holdout": rollout.holdout, "unit": self.unit or self.unit_header or "request",
        }  # fmt: skip
        return {
            "name": self.name, "rollout": shown,
            "models": [{**chain.first.to_json(), "then": [one.label for one in chain.steps[1:]] + ["constant" if chain.constant is not None else "abstain"]} for chain in self.chains()],
        }  # fmt: skip


class Post:
    """What the hot path needs of one arm of a service: its chain, its counters and its headers."""

    __slots__ = ("arm", "chain", "headers", "tally")

    def __init__(self, chain: Chain, arm: str, tally: Tally) -> None:
        self.chain, self.arm, self.tally = chain, arm, tally
        self.headers = headers_of(chain.first.label, arm)


class Standing:
    """A service with its posts."""

    __slots__ = ("champion", "columns", "posts", "service", "unit", "unit_header")

    def __init__(self, service: Service, tally: Callable[[str, str, str], Tally]) -> None:
        self.service, self.unit, self.unit_header = service, service.unit, service.unit_header.lower().encode("latin-1", "replace")

        def post(chain: Chain, arm: str) -> Post:
            return Post(chain, arm, tally(service.name, chain.first.label, arm))

        self.posts = {CHAMPION: post(service.champion, CHAMPION), HOLDOUT: post(service.champion, HOLDOUT)}
        if service.challenger is not None:
            self.posts[CHALLENGER] = post(service.challenger, CHALLENGER)
        self.champion = self.posts[CHAMPION]
        self.columns = frozenset(name for chain in service.chains() for name in chain.first.columns)

    def knows(self, row: Mapping[str, Any]) -> bool:
        """Whether any column of a row is one that a model reads: a row without is a mistake of the caller, and not one in which everything is missing."""
        return not self.columns.isdisjoint(row) or bool(matched_names(sorted(self.columns), list(row)))

    def post(self, row: Mapping[str, Any], headers: Mapping[bytes, bytes], request: str) -> tuple[Post, str, bool]:
        """Who answers a row, the key that says so, and whether both models should score it."""
        service = self.service
        key = request
        if self.unit and (value := row.get(self.unit)) is not None:
            key = key_of(value)
        elif self.unit_header and (given := headers.get(self.unit_header)):
            key = given.decode("utf-8", "replace")
        if not service.arms:
            return self.champion, key, False
        place = service.place(key)
        return self.posts[service.arms[place]], key, service.compared[place]


class Desk:
    """The services of a server.

    Args:
        recorder: called with a `Record` for each sampled row; must not block; False says that it dropped it.
        sample: the share of rows that are recorded, 0 to 1.
        tokens: SHA-256 (hexadecimal) of the tokens that callers must send as `Authorization: Bearer …`; none: everybody may call.
        limits: what a request may be.
        batching: answers rows of several requests in one call; None answers each by itself.
        worker: which process this is, for the metrics.

    Raises:
        MisuseError: the share is no share, or a token is no SHA-256.

    `put` and `remove` swap a whole state by one assignment: a request that has begun ends with the service it began with.
    """

    def __init__(
        self, *, recorder: Callable[[Record], bool | None] | None = None, sample: float = 1.0, tokens: Iterable[str] = (), limits: Limits | None = None,
        batching: Batching | None = None, worker: str = "",
    ) -> None:  # fmt: skip
        if not 0 <= sample <= 1:
            raise MisuseError(f"a share of rows is 0 to 1, not {sample!r}")
        self.recorder, self.sample, self.limits, self.batching, self.worker = recorder, float(sample), limits or Limits(), batching, worker
        try:
            self.tokens = frozenset(bytes.fromhex(one) for one in tokens)
        except ValueError:
            raise MisuseError("a token is given as the SHA-256 of its bytes, in hexadecimal: hashlib.sha256(token).hexdigest()") from None
        self.ready = True  # set to False to be taken out of a load balancer; requests are still answered
        self.standing: Mapping[str, Standing] = MappingProxyType({})
        self.tallies: dict[tuple[str, str, str], Tally] = {}
        self.refused: dict[int, int] = {}
        self.recorded = self.dropped = 0

    def put(self, service: Service) -> None:
        """From now on, this answers under its name."""
        self.standing = MappingProxyType({**self.standing, service.name: Standing(service, self.tally)})

    def remove(self, name: str) -> None:
        """From now on, nobody answers under this name."""
        self.standing = MappingProxyType({known: one for known, one in self.standing.items() if known != name})

    def service(self, name: str) -> Service | None:
        """What stands under a name."""
        found = self.standing.get(name)
        return found.service if found else None

    def tally(self, model: str, version: str, arm: str) -> Tally:
        """The counters of one arm; they go on when a version comes back."""
        return self.tallies.setdefault((model, version, arm), Tally())

    def admits(self, authorization: bytes | None) -> bool:
        """Whether a caller with this header may call. Hashes are compared, whose bytes an attacker does not choose: how long it takes tells nothing of a token."""
        if not self.tokens:
            return True
        if authorization is None or authorization[:7].lower() != b"bearer ":
            return False
        return hashlib.sha256(authorization[7:].strip()).digest() in self.tokens

    def record(self, record: Record) -> None:
        """Hands a row to the recorder; whatever it does, the answer goes out."""
        try:
            kept = self.recorder(record) if self.recorder is not None else None
        except Exception:  # noqa: BLE001 -- a full disk of whoever keeps records must not cost an answer; it is counted
            kept = False
        if kept is False:
            self.dropped += 1
        else:
            self.recorded += 1

    def is_sampled(self) -> bool:
        """Whether the next row is recorded: by chance, so that no caller or arm is preferred."""
        return self.recorder is not None and (self.sample >= 1.0 or random.random() < self.sample)


def key_of(value: Any) -> str:
    """A unit as the text that is hashed: a whole number is the same with and without a point, as in a column of whole numbers.

    >>> key_of(42), key_of(42.0), key_of("a")
    ('42', '42', 'a')
    """
    if type(value) is str:
        return value
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def headers_of(version: str, arm: str, fallback: str = "") -> tuple[Header, ...]:
    """The headers that name who answered."""
    named = [(b"x-model-version", version), (b"x-assay-arm", arm), *(((b"x-assay-fallback", fallback),) if fallback else ())]
    return tuple((name, value.encode("ascii", "replace")) for name, value in named)
