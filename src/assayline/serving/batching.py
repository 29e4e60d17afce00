"""Rows of requests that come at the same time, answered in one call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .chain import Answer, Chain, failed
from .desk import Batching
from .guard import Declined
from .model import LiveModel

Floats = npt.NDArray[np.float64]


class Collector:
    """Collects rows for one model until there are enough, or the first has waited long enough.

    Args:
        model: it; answers inside the event loop.
        batching: how many, how long.
    """

    def __init__(self, model: LiveModel, batching: Batching) -> None:
        self.model, self.batching = model, batching
        self._rows: list[Floats] = []
        self._waiting: list[asyncio.Future[list[float]]] = []
        self._timer: asyncio.TimerHandle | None = None

    async def numbers(self, row: Mapping[str, Any]) -> list[float]:
        """What the model says of a row.

        Raises:
            Declined: the row or the answer is outside what was learned.
        """
        loop = asyncio.get_running_loop()
        x = self.model.guarded(row)
        mine: asyncio.Future[list[float]] = loop.create_future()
        self._rows.append(x)
        self._waiting.append(mine)
        if len(self._rows) >= self.batching.rows:
            self._flush()
        elif self._timer is None:
            self._timer = loop.call_later(self.batching.seconds, self._flush)
        self.model.in_flight += 1  # a model that rows wait for must not be let go
        try:
            values = await mine
        finally:
            self.model.in_flight -= 1
        self.model.check(values)
        return values

    async def answer(self, chain: Chain, row: Mapping[str, Any]) -> Answer:
        """The answer of a chain whose first model this is."""
        model = self.model
        try:
            if not model.breaker.lets_through():
                return await chain.later(row)  # which says why
            said = model.meaning(await self.numbers(row))
            model.breaker.worked()
        except Exception as error:  # noqa: BLE001 -- whatever a model does wrong, the next one answers
            return await chain.later(row, failed(model, error))
        return Answer(*said, model.label)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        rows, waiting, self._rows, self._waiting, self._timer = self._rows, self._waiting, [], [], None
        try:
            said = self.model.predict(np.concatenate(rows)).tolist()
        except Exception as error:  # noqa: BLE001 -- it belongs to those who wait
            for one in waiting:
                if not one.done():
                    one.set_exception(error if isinstance(error, Declined) else RuntimeError(str(error)))
            return
        for one, values in zip(waiting, said, strict=True):
            if not one.done():
                one.set_result(values)
