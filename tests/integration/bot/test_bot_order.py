"""The way of an order through the real bot: from /start to the accepted job, in both modes."""

from __future__ import annotations

from pathlib import Path

from support.bot_process import BotProcess
from support.bot_tables import BotTables
from support.telegram_person import Person


async def test_a_photo_becomes_an_accepted_job(
    bot: BotProcess, person: Person, photo: Path, style: str, tables: BotTables
):
    await person.write("/start")
    greeting = await person.reads("кредита")
    assert "3 кредита" in greeting["text"]

    await person.send_files("photo", photo, caption="Чайник, 1,7 л")
    menu = await person.reads("Фото принято")
    await person.press(menu, style)
    menu = await person.reads(f"Стиль: {style}")
    await person.press(menu, "1:1")
    menu = await person.sees(lambda message: "✓ 1:1" in str(message["buttons"]))
    query = await person.press(menu, "Создать видео · 1 кредит")

    answer = await person.answer(query)
    assert "Принято" in answer["text"]
    status = await person.reads("Заказ принят")
    assert status["message_id"] == menu["message_id"]

    (job,) = await tables.jobs()
    assert job["status"] == "queued"
    assert job["caption"] == "Чайник, 1,7 л"
    assert job["options"]["aspect_ratio"] == "1:1"
    assert job["status_message_id"] == menu["message_id"]
    assert job["chat_id"] == person.id
    assert await tables.balance(person.id) == 2
