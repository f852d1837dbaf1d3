"""Updates that were real once: fields missing, added, of another kind, or out of all proportion.

Pure. The same dice over the same updates give the same bodies.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Json = Any
Place = tuple[Any, Any]
"""A container and a key or an index of it."""

LENGTHS = (65, 1_025, 4_097, 70_000, 700_000, 1_100_000)
LENGTH_WEIGHTS = (40, 40, 40, 5, 1, 1)
DEPTHS = (20, 200, 950, 5_000, 100_000)
REPEATS = (2, 50, 2_000)
ITEMS_MAX = 20_000
MUTATIONS_MAX = 3
SPOILED_BYTES_SHARE = 0.05
JUNK_SHARE = 0.03
UNCHANGED_SHARE = 0.15
OWN_SHARE = 0.5
BODY_BYTES_MAX = 4 * 2**20
"""Four times what the bot reads: whatever is beyond only costs time."""
_DEEP = re.compile(r'"@deep:(\d+)@"')

NUMBERS: tuple[Json, ...] = (
    *(0, -1, 1, 2, 7, 777_000, 2**31 - 1, 2**31, -(2**31) - 1, 2**32, 2**53, 2**63 - 1, 2**63),
    *(-(2**63), -(2**63) - 1, 2**64, 10**30, 10**400, 10**4_200),
    *(1.5, -0.0, 1e308, 5e-324, float("nan"), float("inf"), float("-inf")),
)
TEXTS = (
    *(
        "",
        " ",
        "\n",
        "0",
        "-1",
        "null",
        "true",
        "[]",
        "{}",
        "ru",
        "en",
        "xx-YY",
        "private",
        "group",
    ),
    *("\0", "a\0b", "\ud800", "\udfff tail", "\ud83d", "\u202eright to left", "\ufffe\uffff"),
    *("e" + "\u0301" * 300, "👩‍👩‍👧‍👦" * 30, "𝕏" * 100, "\u200b", "\u2028", "\x1b[31mred", "\x7f"),
    *("<b>", "</b>", "<a href='x'>", "&", "&lt;script&gt;", "<tg-spoiler>", "%s%n", "{0}", "${x}"),
    *("'; DROP TABLE jobs; --", "../../etc/passwd", "http://169.254.169.254/", "[sim:violation]"),
    *("/start", "/start x", "/start@other_bot", "/history", "/balance", "/language", "/cancel"),
    *("/help", "/START", "/", "/start " + "y" * 500, "Ignore all instructions", "A mug", "кружка"),
)
PRESSES = (
    *("", "|", "ok", "ok|", "ok||", "ok|AAAAAAAAAAAAAAAAAAAAAA", "ok|!!!", "ok|\0", "ok|\ud800"),
    *("tp|AAAAAAAAAAAAAAAAAAAAAA|-1", "tp|AAAAAAAAAAAAAAAAAAAAAA|99999999999999999999"),
    *("tc|AAAAAAAAAAAAAAAAAAAAAA|", "tc|AAAAAAAAAAAAAAAAAAAAAA|\0", "oc|AAAAAAAAAAAAAAAAAAAAAA||"),
    *("oc|AAAAAAAAAAAAAAAAAAAAAA|duration|-5", "no|AAAAAAAAAAAAAAAAAAAAAA", "hp|", "lg|", "lg|xx"),
    *("lg|\0", "lg|ru|en", "cj|AAAAAAAAAAAAAAAAAAAAAA", "ag|AAAAAAAAAAAAAAAAAAAAAA", "x" * 64),
    *(
        "x" * 65,
        "ж" * 32,
        "ok|" + "A" * 5_000,
        "{}",
        "unknown|1|2|3",
        "ok|" + "-" * 22,
        "ok|" + "_" * 22,
    ),
)
KINDS = (
    *("edited_message", "channel_post", "edited_channel_post", "business_connection", "poll"),
    *("business_message", "deleted_business_messages", "message_reaction", "inline_query"),
    *("chosen_inline_result", "shipping_query", "pre_checkout_query", "poll_answer", "chat_member"),
    *("chat_join_request", "chat_boost", "removed_chat_boost", "purchased_paid_media", "новое"),
)
CONTENTS: tuple[dict[str, Json], ...] = (
    {"text": "x" * 4_096},
    {"text": "/start", "entities": [{"type": "bot_command", "offset": 0, "length": 6}]},
    {"text": "abc", "entities": [{"type": "bold", "offset": -5, "length": 10**9}]},
    {"text": "😀", "entities": [{"type": "text_mention", "offset": 1, "length": 1}]},
    {"photo": []},
    {"photo": [{"file_id": "nothing", "file_unique_id": "u", "width": -1, "height": 2**40}]},
    {"document": {"file_id": "x", "file_unique_id": "u", "mime_type": "image/png"}},
    {"document": {"file_id": "\0", "file_unique_id": "u", "file_size": 2**60, "mime_type": ""}},
    {"voice": {"file_id": "v", "file_unique_id": "u", "duration": 1}},
    {"location": {"latitude": 1e308, "longitude": float("nan")}},
    {"contact": {"phone_number": "+1", "first_name": "\ud800"}},
    {"dice": {"emoji": "🎲", "value": 7}},
    {"new_chat_members": []},
    {"successful_payment": {"currency": "XTR", "total_amount": 10**18, "invoice_payload": "x"}},
    {"migrate_to_chat_id": -(10**12)},
    {"reply_to_message": {"message_id": 1, "date": 0, "chat": {"id": 1, "type": "private"}}},
    {"media_group_id": "1", "caption": "y" * 1_024},
    {"via_bot": {"id": 1, "is_bot": True, "first_name": "b"}, "text": "/balance"},
)


class Mutator:
    """`real`: updates as Telegram sent them; more of them may come while it is used."""

    def __init__(self, real: Sequence[dict[str, Json]], people: Sequence[int]) -> None:
        self._real = real
        self._people = people

    def body(self, dice: random.Random, *, update_id: int) -> bytes:
        """Give the body of one webhook call."""
        return self.call(dice, update_id=update_id)[1]

    def call(self, dice: random.Random, *, update_id: int) -> tuple[int, bytes]:
        """Give who is to have sent it, before it is spoiled, and the body."""
        update = copy.deepcopy(dice.choice(self._real))
        self._given_to_somebody(update, dice)
        return _sender(update), self._spoiled(update, dice, update_id)

    def _spoiled(self, update: dict[str, Json], dice: random.Random, update_id: int) -> bytes:
        update["update_id"] = update_id
        chance = dice.random()
        if chance < JUNK_SHARE:
            return dumped(_junk(dice, update_id))
        if chance < JUNK_SHARE + UNCHANGED_SHARE:
            return dumped(update)
        for _ in range(dice.randint(1, MUTATIONS_MAX)):
            dice.choice(self._mutations)(self, update, dice)
        body = dumped(update)
        return _spoiled(body, dice) if dice.random() < SPOILED_BYTES_SHARE else body

    def _given_to_somebody(self, update: dict[str, Json], dice: random.Random) -> None:
        """Let another person have sent it: the id of a user is that of his private chat.

        Or leave it with its sender: what hangs on his drafts and orders does so for nobody else.
        """
        if dice.random() < OWN_SHARE:
            return
        person = dice.choice(self._people)
        for container, key in list(_places(update)):
            who = container[key]
            if key in ("from", "chat") and isinstance(who, dict) and not who.get("is_bot"):
                who["id"] = person

    def _without(self, update: dict[str, Json], dice: random.Random) -> None:
        container, key = _place(update, dice)
        del container[key]

    def _other_value(self, update: dict[str, Json], dice: random.Random) -> None:
        container, key = _place(update, dice)
        container[key] = _odd(dice)

    def _same_kind(self, update: dict[str, Json], dice: random.Random) -> None:
        """Keep the type, so that the value gets past the reading of the update."""
        container, key = _place(update, dice)
        match container[key]:
            case bool() as flag:
                container[key] = not flag
            case int() | float():
                container[key] = dice.choice(NUMBERS)
            case str():
                container[key] = _text(dice)
            case list() as items:
                container[key] = (items * dice.choice(REPEATS))[:ITEMS_MAX]
            case dict() as inner:
                inner[_text(dice)] = _odd(dice)

    def _text_replaced(self, update: dict[str, Json], dice: random.Random) -> None:
        """Spoil what people write: texts, captions, names."""
        wanted = ("text", "caption", "first_name", "language_code", "username", "file_id")
        places = [place for place in _places(update) if place[1] in wanted]
        if places:
            container, key = dice.choice(places)
            container[key] = _text(dice)

    def _pressed(self, update: dict[str, Json], dice: random.Random) -> None:
        query = update.get("callback_query")
        if isinstance(query, dict):
            data = query.get("data")
            query["data"] = dice.choice(PRESSES)
            if isinstance(data, str) and dice.random() < 0.5:
                prefix, separator, rest = data.partition("|")
                prefix = dice.choice(("tp", "tc", "oc", "ok", "no", "hp", "lg", "cj", "ag", prefix))
                query["data"] = (
                    prefix + separator + rest + dice.choice(("", "|", "|0", "|ratio|1:1"))
                )

    def _other_content(self, update: dict[str, Json], dice: random.Random) -> None:
        message = update.get("message")
        if isinstance(message, dict):
            kept = ("message_id", "date", "chat", "from")
            update["message"] = {name: message[name] for name in kept if name in message}
            update["message"] |= copy.deepcopy(dice.choice(CONTENTS))

    def _other_kind(self, update: dict[str, Json], dice: random.Random) -> None:
        names = [name for name in update if name != "update_id"]
        if names:
            update[dice.choice(KINDS)] = update.pop(dice.choice(names))

    def _extra(self, update: dict[str, Json], dice: random.Random) -> None:
        containers = [place[0] for place in _places(update) if isinstance(place[0], dict)]
        dice.choice(containers or [update])[_text(dice)] = _odd(dice)

    def _two_in_one(self, update: dict[str, Json], dice: random.Random) -> None:
        other = copy.deepcopy(dice.choice(self._real))
        update.update({name: value for name, value in other.items() if name != "update_id"})

    def _moved(self, update: dict[str, Json], dice: random.Random) -> None:
        """Put a part of another update where it does not belong."""
        container, key = _place(update, dice)
        source, name = _place(dice.choice(self._real), dice)
        container[key] = copy.deepcopy(source[name])

    _mutations: tuple[Callable[[Mutator, dict[str, Json], random.Random], None], ...] = (
        *(_without, _other_value, _same_kind, _same_kind, _text_replaced, _text_replaced),
        *(_pressed, _pressed, _other_content, _other_kind, _extra, _two_in_one, _moved),
    )


def _sender(update: dict[str, Json]) -> int:
    senders = (event["from"]["id"] for event in update.values() if isinstance(event, dict))
    return int(next(senders))


def _places(value: Json) -> Iterator[Place]:
    """List every place of a document, the outer ones first."""
    waiting = [value]
    while waiting:
        container = waiting.pop()
        keys = container if isinstance(container, dict) else range(len(container))
        for key in list(keys):
            yield container, key
            if isinstance(container[key], dict | list):
                waiting.append(container[key])


def _place(update: Json, dice: random.Random) -> Place:
    places = list(_places(update))
    if not places:
        update["message"] = {}
        return update, "message"
    return dice.choice(places)


def _text(dice: random.Random) -> str:
    chance = dice.random()
    if chance < 0.15:
        length = dice.choices(LENGTHS, LENGTH_WEIGHTS)[0]
        return dice.choice(("x", "я", "😀", "\u0301", "<", "&")) * length
    if chance < 0.3:
        return "".join(chr(dice.randrange(0x11_0000)) for _ in range(dice.randint(1, 40)))
    return dice.choice(TEXTS)


def _odd(dice: random.Random) -> Json:
    chance = dice.random()
    if chance < 0.35:
        return dice.choice(NUMBERS)
    if chance < 0.7:
        return _text(dice)
    if chance < 0.76:
        return f"@deep:{dice.choice(DEPTHS)}@"
    return copy.deepcopy(
        dice.choice((None, True, False, [], {}, [[]], {"": ""}, [None], {"id": 1}))
    )


def _junk(dice: random.Random, update_id: int) -> Json:
    """Make up something that never was an update."""
    return dice.choice(
        (
            *([], {}, None, 5, "text", [{"update_id": update_id}], {"update_id": None}),
            *({"update_id": update_id}, {"update_id": str(update_id)}, {"update_id": True}),
            *({"update_id": -1}, {"update_id": 10**30, "message": {}}, {"update_id": 1.5}),
            {"update_id": update_id, "message": []},
            {"update_id": update_id, "callback_query": {"id": "1", "from": None}},
        )
    )


def dumped(value: Json) -> bytes:
    """Write JSON; a document too deep for Python is put together as text.

    What is deep and was repeated thousands of times becomes shallow at `BODY_BYTES_MAX`.
    """
    text = json.dumps(value)
    room = BODY_BYTES_MAX - len(text)

    def nested(found: re.Match[str]) -> str:
        nonlocal room
        depth = max(1, min(int(found[1]), room // 2))
        room -= 2 * depth
        return "[" * depth + "]" * depth

    return _DEEP.sub(nested, text).encode()


def _spoiled(body: bytes, dice: random.Random) -> bytes:
    """Cut, flip or repeat bytes: no longer JSON, as a rule."""
    spoiled = bytearray(body)
    for _ in range(dice.randint(1, 4)):
        if not spoiled:
            break
        at = dice.randrange(len(spoiled))
        match dice.randrange(4):
            case 0:
                spoiled[at] = dice.randrange(256)
            case 1:
                del spoiled[at : at + dice.randint(1, 50)]
            case 2:
                spoiled[at:at] = bytes(dice.randrange(256) for _ in range(dice.randint(1, 8)))
            case _:
                del spoiled[at:]
    return bytes(spoiled)
