"""The bot without processes: its real dispatcher on in-memory stores and a scripted Telegram."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from aiogram import Bot
from aiogram.client.session.base import BaseSession
from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import GetFile, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import User as TelegramUser
from prometheus_client import CollectorRegistry

from neurocards.cache import Cache, MemoryBackend
from neurocards.domain.inbound import InboundLimit
from neurocards.domain.orders import PriceList
from neurocards.ports.providers import PhotoInspector
from neurocards.testing.clock import FakeClock
from neurocards.testing.providers import FakePhotoInspector
from neurocards.testing.world import MemoryWorld
from neurocards.translations import Translations
from neurocards_bot.accounts import Accounts
from neurocards_bot.dispatching import build_dispatcher
from neurocards_bot.messages import LateEdits, Still
from neurocards_bot.metrics import BotMetrics
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.ordering import Ordering
from neurocards_bot.outbound import answer_model, make_bot
from neurocards_bot.photo_texts import PhotoTexts
from neurocards_bot.photos import PhotoIntake
from neurocards_bot.processing import Applied, UpdateProcessor
from neurocards_bot.screens import Screen
from neurocards_bot.templates import CachedTemplates
from neurocards_bot.texts import Texts

BOT_ID = 4242
USER_ID = 777
_MESSAGES = ("sendMessage", "sendVideo", "editMessageText", "editMessageReplyMarkup")
_TRUE = ("answerCallbackQuery", "setWebhook", "deleteWebhook", "setMyCommands")


class ScriptedTelegram(BaseSession):
    """Answers like the Bot API and remembers what it was asked for.

    `faults` holds what the next calls of a method raise instead; `files` the bytes of photos.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[TelegramMethod[Any]] = []
        self.faults: dict[str, list[Exception]] = {}
        self.results: dict[str, list[Any]] = {}
        self.files: dict[str, bytes] = {}
        self._message_ids = itertools.count(1000)

    def called(self, method: str) -> list[TelegramMethod[Any]]:
        return [call for call in self.calls if call.__api_method__ == method]

    def texts(self, method: str = "sendMessage") -> list[str]:
        return [str(getattr(call, "text", "")) for call in self.called(method)]

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ARG002 - aiogram's signature
    ) -> TelegramType:
        name = method.__api_method__
        self.calls.append(method)
        if self.faults.get(name):
            raise self.faults[name].pop(0)
        result = self._result(name, method)
        reply = {"ok": True, "result": result}
        shape = answer_model(method.__returning__)
        answer: TelegramType = shape.model_validate(reply, context={"bot": bot}).result
        return answer

    def _result(self, name: str, method: TelegramMethod[Any]) -> Any:
        if self.results.get(name):
            return self.results[name].pop(0)
        if name in _TRUE:
            return True
        if name in _MESSAGES:
            chat_id = getattr(method, "chat_id", USER_ID)
            number = getattr(method, "message_id", None) or next(self._message_ids)
            return {
                "message_id": number,
                "date": 1,
                "chat": {"id": chat_id, "type": "private"},
                "text": getattr(method, "text", None),
            }
        if isinstance(method, GetFile):
            if method.file_id not in self.files:
                raise TelegramBadRequest(method=method, message="Bad Request: wrong file_id")
            return {
                "file_id": method.file_id,
                "file_unique_id": "u",
                "file_path": method.file_id,
            }
        raise AssertionError(f"nobody has said what {name} answers")

    async def stream_content(
        self, url: str, *_settings: Any, **_more_settings: Any
    ) -> AsyncGenerator[bytes, None]:
        yield self.files[url.rpartition("/")[2]]

    async def close(self) -> None:
        pass


class RecordedEdits(LateEdits):
    """Keeps the edits that would follow an answer."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.screens: list[Screen] = []
        self.stills: list[Still | None] = []

    def submit(
        self,
        bot: Bot,
        chat_id: int,
        message_id: int,
        draw: Callable[[], Screen],
        *,
        still: Still | None = None,
    ) -> None:
        del bot, chat_id, message_id
        self.screens.append(draw())
        self.stills.append(still)


class Desk:
    """One bot with everything behind it; `tell` gives it an update as Telegram would."""

    def __init__(
        self,
        world: MemoryWorld | None = None,
        *,
        welcome_credits: int = 3,
        inbound_limit: InboundLimit | None = None,
        inspector: PhotoInspector | None = None,
    ) -> None:
        self.world = world or MemoryWorld(FakeClock())
        self.telegram = ScriptedTelegram()
        self.telegram.files["photo"] = b"a photo"
        self.inspector = FakePhotoInspector()
        self.edits = RecordedEdits()
        self.metrics = BotMetrics(CollectorRegistry())
        self.wakes = 0
        self.bot = make_bot(f"{BOT_ID}:TOKEN", self.telegram)
        translations = Translations.load("neurocards_bot", "neurocards_bot")
        texts = Texts(translations, support_handle="@support")
        clock, orders = self.world.database.clock, self.world.orders
        cache = Cache(MemoryBackend(clock), self.metrics)
        templates = CachedTemplates(self.world.templates, cache)
        self.dispatcher = build_dispatcher(
            orders=orders,
            dialogues=self.world.dialogues,
            templates=templates,
            ordering=Ordering(
                orders,
                templates,
                clock=clock,
                prices=PriceList(),
                pool="default",
                job_deadline_s=3600.0,
                wake_relay=self._wake,
                mark_told=self.world.outbox.mark_told,
            ),
            accounts=Accounts(
                orders,
                prices=PriceList(),
                welcome_credits=welcome_credits,
                wake_relay=self._wake,
                cache=cache,
            ),
            intake=PhotoIntake(inspector or self.inspector),
            late_edits=self.edits,
            texts=texts,
            order_texts=OrderTexts(translations, support_handle="@support"),
            photo_texts=PhotoTexts(translations),
            metrics=self.metrics,
            inbound_limit=inbound_limit,
        )
        self.processor = UpdateProcessor(self.dispatcher, orders, texts, self.metrics)
        self._update_ids = itertools.count(1)

    def _wake(self) -> None:
        self.wakes += 1

    def update(self, *, update_id: int | None = None, **event: Any) -> dict[str, Any]:
        return {"update_id": update_id or next(self._update_ids), **event}

    async def tell(self, **event: Any) -> Any:
        """Process an update; gives what its handling was answered with."""
        return await self.processor.process_raw(self.bot, self.update(**event))

    async def says(self, text: str, **more: Any) -> list[str]:
        """Let the user write; gives what the bot answered."""
        return await self.message(text=text, **more)

    async def message(self, **content: Any) -> list[str]:
        before = len(self.telegram.texts())
        await self.tell(message=message(**content))
        return self.telegram.texts()[before:]

    async def press(self, data: str, *, message_id: int = 1000, **more: Any) -> Any:
        """Press a button; gives the verdict, whose reply is the toast or alert."""
        return await self.tell(callback_query=press(data, message_id=message_id), **more)

    def buttons(self) -> Mapping[str, str]:
        """Give the buttons of the newest message that the bot drew: label -> data."""
        drawn = [
            call
            for call in self.telegram.calls
            if call.__api_method__ in _MESSAGES and getattr(call, "reply_markup", None)
        ]
        rows = drawn[-1].reply_markup.inline_keyboard  # type: ignore[attr-defined]
        return {button.text: button.callback_data for row in rows for button in row}

    def button(self, words: str) -> str:
        """Give the data of the newest button whose label holds these words."""
        return next(data for label, data in self.buttons().items() if words in label)


def sender(**more: Any) -> dict[str, Any]:
    return {"id": USER_ID, "is_bot": False, "first_name": "Test", "language_code": "ru", **more}


def message(
    *, message_id: int = 5, user: Mapping[str, Any] | None = None, **content: Any
) -> dict[str, Any]:
    author = sender(**(user or {}))
    chat = content.pop("chat", {"id": author["id"], "type": "private"})
    return {"message_id": message_id, "date": 1, "chat": chat, "from": author, **content}


def photo(file_id: str = "photo", **more: Any) -> dict[str, Any]:
    """Give the content of a message with a photo."""
    size = {"file_id": file_id, "file_unique_id": "u", "width": 800, "height": 600}
    return {"photo": [size], **more}


def press(data: str, *, message_id: int = 1000, user_id: int = USER_ID) -> dict[str, Any]:
    return {
        "id": "900",
        "from": sender(id=user_id),
        "chat_instance": "1",
        "data": data,
        "message": {
            "message_id": message_id,
            "date": 1,
            "chat": {"id": user_id, "type": "private"},
            "text": "menu",
        },
    }


def membership(old: str, new: str) -> dict[str, Any]:
    member = TelegramUser(id=BOT_ID, is_bot=True, first_name="Bot").model_dump(exclude_none=True)
    more = {"until_date": 0} if "kicked" in (old, new) else {}
    return {
        "chat": {"id": USER_ID, "type": "private"},
        "from": sender(),
        "date": 1,
        "old_chat_member": {"status": old, "user": member, **more},
        "new_chat_member": {"status": new, "user": member, **more},
    }


async def ordered(desk: Desk, **content: Any) -> str:
    """Bring a dialogue to the options; gives the data of the confirm button."""
    await desk.message(**photo(**content))
    await desk.press(desk.button("Первый"))
    return desk.button("Создать видео")


def alert_of(verdict: Any) -> str:
    """Give what pops up after a press."""
    assert isinstance(verdict, Applied)
    assert verdict.reply is not None
    return str(verdict.reply.text)


def balance(desk: Desk) -> int:
    """Count the credits of the desk's user."""
    return desk.world.database.users[USER_ID].balance
