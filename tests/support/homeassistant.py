"""A Home Assistant that a script plays over a real socket: as far as its WebSocket and todo APIs are used."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import WSMsgType, web

TOKEN = "long-lived-token"
ANSWERS = {
    "turn on Desk lamp": "Turned on the desk lamp",
    "what shall we eat": "How about soup?",
    "yes please": "Soup it is.",
}


class ScriptedHomeAssistant:
    """Says what `ANSWERS` have, and that it could not understand for all else."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.items: dict[str, list[str]] = {}
        self.entities = {"input_boolean.desk_lamp": "Desk lamp", "light.hall": "Hall (big)", "sensor.x": "Outside"}
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted homeassistant")
        self._runner: web.AppRunner | None = None
        self._sockets: set[web.WebSocketResponse] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Again on the same port, if it ran before."""
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/api/websocket", self._talk)
        app.router.add_post("/api/services/todo/{service}", self._todo)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        for socket in list(self._sockets):
            await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            await socket.send_json({"type": "auth_required", "ha_version": "2025.4.4"})
            said = await socket.receive_json()
            if said != {"type": "auth", "access_token": TOKEN}:
                await socket.send_json({"type": "auth_invalid", "message": "Invalid access token"})
                return socket
            await socket.send_json({"type": "auth_ok", "ha_version": "2025.4.4"})
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._answer(socket, json.loads(message.data))
        finally:
            self._sockets.discard(socket)
        return socket

    async def _answer(self, socket: web.WebSocketResponse, asked: dict[str, Any]) -> None:
        self.asked.append(asked)
        match asked["type"]:
            case "config/area_registry/list":
                result: object = [{"area_id": "kitchen", "name": "Kitchen", "aliases": ["Cookery"]}]
            case "config/entity_registry/list":
                result = [{"entity_id": id, "name": name, "hidden_by": None} for id, name in self.entities.items()]
            case "get_states":
                result = [{"entity_id": id, "attributes": {"friendly_name": n}} for id, n in self.entities.items()]
            case "homeassistant/expose_entity/list":
                result = {"exposed_entities": {id: {"conversation": True} for id in self.entities}}
            case "conversation/process":
                result = self._reply(asked)
            case other:
                failed = {"code": "unknown_command", "message": f"Unknown command {other}"}
                await socket.send_json({"id": asked["id"], "type": "result", "success": False, "error": failed})
                return
        await socket.send_json({"id": asked["id"], "type": "result", "success": True, "result": result})

    @staticmethod
    def _reply(asked: dict[str, Any]) -> dict[str, object]:
        said = ANSWERS.get(asked["text"])
        known = {"response_type": "action_done", "data": {}}
        unknown = {"response_type": "error", "data": {"code": "no_intent_match"}}
        speech = {"plain": {"speech": said or "Sorry, I couldn't understand that"}}
        return {
            "response": {**(known if said else unknown), "speech": speech},
            "conversation_id": "c1",
            "continue_conversation": bool(said and said.endswith("?")),
        }

    async def _todo(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401, text="401: Unauthorized")
        body = await request.json()
        items = self.items.get(body["entity_id"])
        if items is None:
            return web.Response(status=400, text="400: Bad Request")
        match request.match_info["service"]:
            case "add_item":
                items.append(body["item"])
            case "remove_item":
                for item in [body["item"]] if isinstance(body["item"], str) else body["item"]:
                    items.remove(item)
            case "get_items":
                listed = [{"summary": item, "status": "needs_action"} for item in items]
                return web.json_response({"service_response": {body["entity_id"]: {"items": listed}}})
        return web.json_response([])


@contextmanager
def scripted_homeassistant() -> Iterator[ScriptedHomeAssistant]:
    home = ScriptedHomeAssistant()
    home._thread.start()
    home.start()
    try:
        yield home
    finally:
        home.stop()
        home._loop.call_soon_threadsafe(home._loop.stop)
        home._thread.join(5)
        home._loop.run_until_complete(home._loop.shutdown_asyncgens())
        home._loop.close()
