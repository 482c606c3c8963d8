"""OpenAI's realtime API: a session by WebSocket, whose answers tell their usage when they are whole."""

import json
import threading

from double import KEY, fault, saw, serve, told
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.server import serve as listen

WORDS = ["one ", "two ", "three ", "four ", "five"]


def answer(socket, event):
    if event["type"] != "response.create":
        return [{"type": "session.updated", "session": event.get("session", {})}]
    if event.get("response", {}).get("metadata", {}).get("echo"):
        # What a service must not do.
        return [{"type": "response.output_text.delta", "delta": f"your key is {KEY}"}, done(7, 3)]
    words = [{"type": "response.output_text.delta", "response_id": "r", "delta": word} for word in WORDS]
    return [*words, done(23, 5)]


def done(given, made):
    told["input"] += given
    told["output"] += made
    told["cached"] += 2
    usage = {
        "total_tokens": given + made,
        "input_tokens": given,
        "output_tokens": made,
        "input_token_details": {"text_tokens": given, "audio_tokens": 0, "cached_tokens": 2},
        "output_token_details": {"text_tokens": made, "audio_tokens": 0},
    }
    response = {"id": "r", "object": "realtime.response", "status": "completed", "output": [], "usage": usage}
    return {"type": "response.done", "event_id": "e", "response": response}


def session(socket):
    request = socket.request
    saw(f"{request.path} {dict(request.headers.raw_items())}")
    told["requests"] += 1
    if request.headers.get_all("Authorization") != [f"Bearer {KEY}"]:
        fault(f"{request.path}: the key is not in its place")
    if "Sec-WebSocket-Extensions" in request.headers:
        fault("an extension was offered")
    model = request.path.partition("model=")[2]
    try:
        talk(socket, model)
    except ConnectionClosedOK:
        pass  # before it was greeted


def talk(socket, model):
    socket.send(json.dumps({"type": "session.created", "session": {"type": "realtime", "model": model}}))
    for message in socket:
        saw(message)
        for event in answer(socket, json.loads(message)):
            socket.send(json.dumps(event))


def choose(socket, offered):
    return "realtime" if "realtime" in offered else None


server = listen(session, "127.0.0.1", 0, select_subprotocol=choose)
threading.Thread(target=server.serve_forever, daemon=True).start()
serve(server.socket.getsockname()[1])
