"""`/metrics`: what Prometheus scrapes, as OpenMetrics or in its older text format, whichever is asked for."""

import asyncio
import logging
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, ProcessCollector
from prometheus_client.exposition import choose_encoder

from auricle.adapters.assistant import Assistant
from auricle.adapters.http_counts import Counts
from auricle.adapters.http_figures import Figures
from auricle.adapters.http_inside import Inside
from auricle.bus import Subscription
from auricle.settings import Metrics

_LOG = logging.getLogger(__name__)


class MetricsPage:
    """A registry of its own, filled from the bus and with what is looked up at each scrape."""

    def __init__(
        self, assistant: Assistant, settings: Metrics, inside: Inside, version: str, in_hand: Callable[[], int]
    ) -> None:
        """in_hand: requests for speech or transcription at the moment."""
        registry = CollectorRegistry()
        self._registry = registry
        self._counts = Counts(registry, settings.buckets, inside.since_arrival_s)
        self._figures = Figures(assistant, inside, version)
        self._answers = Counter(
            "auricle_http_requests", "Requests over HTTP, answered", ("path", "status"), registry=registry
        )
        registry.register(self._figures)
        ProcessCollector(registry=registry)
        for name in assistant.status.faults:
            self._counts.component(name, False)
        for name in assistant.status.well:
            self._counts.component(name, True)
        self._in_hand = in_hand
        self._one_at_a_time = asyncio.Lock()

    async def follow(self, subscription: Subscription) -> None:
        """Count until cancelled."""
        async for event in subscription:
            try:
                self._counts.observe(event)
                self._figures.overview.observe(event)
            except Exception:
                # This adapter's top: one event that cannot be counted must not end the rest.
                _LOG.exception("http: a %s could not be counted", type(event).__name__)

    def answered(self, path: str, status: int) -> None:
        self._answers.labels(path, str(status)).inc()

    async def page(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        async with self._one_at_a_time:
            self._figures.look(self._in_hand())
            # Tens of milliseconds of text on a small machine: not on the event loop.
            body = await asyncio.to_thread(encode, self._registry)
        return web.Response(body=body, headers={"Content-Type": content_type})
