"""Files in the Telegram simulator: photos, films, documents, ids, downloads, editing media."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg  # type: ignore[import-untyped]
import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest, TelegramEntityTooLarge
from aiogram.types import (
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
    Message,
    URLInputFile,
)
from PIL import Image

from neurocards_sandbox.telegram.mp4 import read_video_facts
from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from neurocards_sandbox.telegram.testing import Simulator, simulator

USER = 7
MEGABYTE = 1024 * 1024


def picture(
    width: int = 1600, height: int = 1200, kind: str = "JPEG", mode: str = "RGB", **more: Any
) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, kind, **more)
    return out.getvalue()


def upload(data: bytes, name: str) -> BufferedInputFile:
    return BufferedInputFile(data, name)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return asyncio.run(make_film(tmp_path_factory.mktemp("film") / "film.mp4"))


async def make_film(path: Path) -> bytes:
    process = await asyncio.create_subprocess_exec(
        imageio_ffmpeg.get_ffmpeg_exe(),
        *("-v", "error", "-f", "lavfi", "-i", "testsrc=size=180x320:rate=10:duration=2"),
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(path)),
    )
    assert await process.wait() == 0
    return await asyncio.to_thread(path.read_bytes)


@pytest.fixture
async def telegram() -> AsyncIterator[Simulator]:
    async with simulator(TelegramSandboxSettings(limits=False)) as running:
        yield running


@pytest.fixture
async def bot(telegram: Simulator) -> AsyncIterator[Bot]:
    async with client(telegram, "42:TEST") as one:
        await one.get_me()
        await telegram.say(USER)
        yield one


def client(telegram: Simulator, token: str) -> Any:
    session = AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))
    return Bot(token, session=session).context()


async def refusal(awaited: Any) -> str:
    with pytest.raises(TelegramBadRequest) as caught:
        await awaited
    return caught.value.message.removeprefix("Bad Request: ")


async def content(bot: Bot, file_id: str) -> bytes:
    stream = await bot.download(file_id)
    assert stream is not None
    return stream.read()


async def test_a_photo_is_kept_in_four_sizes_as_jpeg(bot: Bot) -> None:
    message = await bot.send_photo(USER, upload(picture(2000, 1000, "PNG"), "a.png"), caption="c")
    assert message.photo is not None
    assert [(one.width, one.height) for one in message.photo] == [
        (90, 45),
        (320, 160),
        (800, 400),
        (1280, 640),
    ]
    assert message.caption == "c"
    data = await content(bot, message.photo[-1].file_id)
    assert len(data) == message.photo[-1].file_size
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size) == ("JPEG", (1280, 640))


async def test_a_small_photo_is_not_blown_up(bot: Bot) -> None:
    message = await bot.send_photo(USER, upload(picture(100, 60), "a.jpg"))
    assert message.photo is not None
    assert [(one.width, one.height) for one in message.photo] == [(90, 54), (100, 60)]


async def test_a_turned_photo_is_stored_upright_and_without_exif(bot: Bot) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Camera"
    message = await bot.send_photo(USER, upload(picture(400, 200, exif=exif), "a.jpg"))
    assert message.photo is not None
    image = Image.open(io.BytesIO(await content(bot, message.photo[-1].file_id)))
    assert image.size == (200, 400)
    assert dict(image.getexif()) == {}


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("JPEG", "CMYK"), ("GIF", "P"), ("WEBP", "RGBA")]
)
async def test_pictures_of_any_mode_become_rgb_photos(bot: Bot, kind: str, mode: str) -> None:
    message = await bot.send_photo(USER, upload(picture(60, 60, kind, mode), "a"))
    assert message.photo is not None
    image = Image.open(io.BytesIO(await content(bot, message.photo[-1].file_id)))
    assert (image.format, image.mode) == ("JPEG", "RGB")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "file must be non-empty"),
        (b"no picture", "IMAGE_PROCESS_FAILED"),
        (picture()[:2000], "IMAGE_PROCESS_FAILED"),
        (picture(9000, 1001, "PNG", "1"), "PHOTO_INVALID_DIMENSIONS"),
        (picture(2100, 100), "PHOTO_INVALID_DIMENSIONS"),
        (b"\0" * (10 * MEGABYTE + 1), 'file "a.jpg" of size 10485761 bytes is too big for a photo'),
    ],
)
async def test_a_bad_photo_is_refused_in_the_words_of_the_server(
    telegram: Simulator, bot: Bot, data: bytes, problem: str
) -> None:
    reply = await telegram.http.post(
        f"/bot{bot.token}/sendPhoto", data={"chat_id": USER}, files={"photo": ("a.jpg", data)}
    )
    assert (reply.status_code, reply.json()["description"]) == (400, f"Bad Request: {problem}")


async def test_a_document_is_kept_as_it_is(bot: Bot) -> None:
    data = picture(50, 50, "PNG")
    message = await bot.send_document(USER, upload(data, "Снимок.png"))
    assert message.document is not None
    assert (message.document.file_name, message.document.mime_type, message.document.file_size) == (
        "Снимок.png",
        "image/png",
        len(data),
    )
    assert message.document.thumbnail is not None
    assert await content(bot, message.document.file_id) == data


async def test_a_film_tells_its_size_and_length_itself(bot: Bot, film: bytes) -> None:
    message = await bot.send_video(USER, upload(film, "clip.mp4"), width=1, height=1, duration=99)
    video = message.video
    assert video is not None
    assert (video.width, video.height, video.duration) == (180, 320, 2)
    assert (video.mime_type, video.file_name) == ("video/mp4", "clip.mp4")
    assert video.thumbnail is not None
    assert (video.thumbnail.width, video.thumbnail.height) == (180, 320)
    assert await content(bot, video.file_id) == film


async def test_a_thumbnail_of_the_bots_own_is_used(bot: Bot, film: bytes) -> None:
    cover = upload(picture(300, 100), "cover.jpg")
    message = await bot.send_video(USER, upload(film, "clip.mp4"), thumbnail=cover)
    assert message.video is not None
    assert message.video.thumbnail is not None
    assert (message.video.thumbnail.width, message.video.thumbnail.height) == (300, 100)
    media = InputMediaVideo(media=upload(film, "clip.mp4"), thumbnail=cover)
    target: dict[str, Any] = {"chat_id": USER, "message_id": message.message_id}
    edited = await bot.edit_message_media(media, **target)
    assert isinstance(edited, Message)
    assert edited.video is not None
    assert edited.video.thumbnail is not None
    assert edited.video.thumbnail.width == 300


async def test_a_film_that_is_no_mp4_arrives_as_a_document(bot: Bot) -> None:
    message = await bot.send_video(USER, upload(b"RIFF....AVI ", "clip.avi"))
    assert message.video is None
    assert message.document is not None


def test_the_facts_of_a_film_stand_in_its_boxes(film: bytes) -> None:
    facts = read_video_facts(film)
    assert facts is not None
    assert (facts.width, facts.height, facts.duration_s) == (180, 320, 2)
    turned = film.replace(
        bytes.fromhex("00010000 00000000 00000000 00000000 00010000"),
        bytes.fromhex("00000000 00010000 00000000 ffff0000 00000000"),
    )
    turned_facts = read_video_facts(turned)
    assert turned_facts is not None
    assert (turned_facts.width, turned_facts.height) == (320, 180)


@pytest.mark.parametrize("cut", [0, 8, 20, 100, 600])
def test_a_cut_film_is_read_without_harm(film: bytes, cut: int) -> None:
    facts = read_video_facts(film[:cut])
    assert facts is None or facts.duration_s >= 0


async def test_an_animation_is_a_document_too(bot: Bot, film: bytes) -> None:
    message = await bot.send_animation(USER, upload(film, "a.mp4"))
    assert message.animation is not None
    assert message.document is not None
    assert message.animation.file_id == message.document.file_id


async def test_stickers_and_voices_are_known(bot: Bot) -> None:
    sticker = await bot.send_sticker(USER, upload(picture(512, 512, "WEBP", "RGBA"), "s.webp"))
    assert sticker.sticker is not None
    voice = await bot.send_voice(USER, upload(b"OggS", "v.ogg"), duration=3)
    assert voice.voice is not None
    assert voice.voice.duration == 3


async def test_a_file_is_sent_again_by_its_id_for_free(bot: Bot, film: bytes) -> None:
    first = await bot.send_video(USER, upload(film, "clip.mp4"))
    assert first.video is not None
    again = await bot.send_video(USER, first.video.file_id)
    assert again.video is not None
    assert again.video.file_unique_id == first.video.file_unique_id
    photo = (await bot.send_photo(USER, upload(picture(), "a.jpg"))).photo
    assert photo is not None
    resent = (await bot.send_photo(USER, photo[1].file_id)).photo
    assert resent is not None
    assert [one.file_unique_id for one in resent] == [one.file_unique_id for one in photo]


async def test_ids_are_good_for_one_bot_only(telegram: Simulator, bot: Bot) -> None:
    message = await bot.send_document(USER, upload(b"secret", "a.txt"))
    assert message.document is not None
    async with client(telegram, "43:OTHER") as other:
        await other.get_me()
        gone = "wrong file_id or the file is temporarily unavailable"
        assert await refusal(other.get_file(message.document.file_id)) == gone


async def test_made_up_ids_are_refused(bot: Bot) -> None:
    wrong = "wrong remote file identifier specified: "
    assert await refusal(bot.send_video(USER, "!!!")) == wrong + "Wrong character in the string"
    text = await refusal(bot.send_video(USER, base64.urlsafe_b64encode(b"abc").decode()))
    assert text == wrong + "can't unserialize it. Wrong last symbol"
    assert await refusal(bot.get_file("AAAA")) == "invalid file_id"
    assert await refusal(bot.get_file("")) == "file_id not specified"


async def test_a_file_keeps_its_kind(bot: Bot) -> None:
    message = await bot.send_photo(USER, upload(picture(50, 50), "a.jpg"))
    assert message.photo is not None
    text = await refusal(bot.send_video(USER, message.photo[0].file_id))
    assert text == "can't use file of type Photo as Video"


async def test_a_call_without_its_file_is_refused(telegram: Simulator, bot: Bot) -> None:
    for values in ({}, {"video": "attach://nothing"}):
        reply = await telegram.call("sendVideo", chat_id=USER, **values)
        assert reply.json()["description"] == "Bad Request: there is no video in the request"
    assert bot.id == 42


async def test_files_over_20_mb_cannot_be_downloaded(bot: Bot) -> None:
    message = await bot.send_document(USER, upload(b"\0" * (20 * MEGABYTE + 1), "big.bin"))
    assert message.document is not None
    assert await refusal(bot.get_file(message.document.file_id)) == "file is too big"


async def test_files_over_50_mb_cannot_be_sent(bot: Bot) -> None:
    with pytest.raises(TelegramEntityTooLarge, match="Request Entity Too Large"):
        await bot.send_document(USER, upload(b"\0" * (50 * MEGABYTE + 1), "big.bin"))


async def test_a_caption_has_at_most_1024_characters(bot: Bot) -> None:
    await bot.send_photo(USER, upload(picture(50, 50), "a.jpg"), caption="я" * 1024)
    text = await refusal(bot.send_photo(USER, upload(picture(50, 50), "a.jpg"), caption="я" * 1025))
    assert text == "message caption is too long"


async def test_a_file_is_fetched_from_a_url(telegram: Simulator, bot: Bot, film: bytes) -> None:
    sent = await telegram.send_file(USER, "video", "v.mp4", film)
    url = telegram.url + sent.json()["messages"][0]["media"]["url"]
    message = await bot.send_video(USER, url)
    assert message.video is not None
    assert message.video.file_size == len(film)
    copy = await bot.send_document(USER, URLInputFile(url, filename="copy.mp4"))
    assert copy.document is not None
    assert copy.document.file_name == "copy.mp4"


async def test_a_url_that_gives_no_film_is_refused(telegram: Simulator, bot: Bot) -> None:
    missing = f"{telegram.url}/sim/files/999"
    assert await refusal(bot.send_video(USER, missing)) == "failed to get HTTP URL content"
    nobody = "http://127.0.0.1:9/film.mp4"
    assert await refusal(bot.send_video(USER, nobody)) == "failed to get HTTP URL content"
    json_page = f"{telegram.url}/sim/bots"
    assert await refusal(bot.send_video(USER, json_page)) == "wrong type of the web page content"


async def test_a_text_message_becomes_the_finished_film(bot: Bot, film: bytes) -> None:
    cancel = InlineKeyboardMarkup(
        inline_keyboard=[[InlineKeyboardButton(text="Cancel", callback_data="cancel")]]
    )
    status = await bot.send_message(USER, "Rendering", reply_markup=cancel)
    media = InputMediaVideo(
        media=upload(film, "clip.mp4"), caption="<b>Ready</b>", parse_mode="HTML"
    )
    target: dict[str, Any] = {"chat_id": USER, "message_id": status.message_id}
    edited = await bot.edit_message_media(media, **target)
    assert isinstance(edited, Message)
    assert edited.video is not None
    assert (edited.message_id, edited.text, edited.caption) == (status.message_id, None, "Ready")
    assert edited.reply_markup is None
    same = InputMediaVideo(media=edited.video.file_id, caption="<b>Ready</b>", parse_mode="HTML")
    text = await refusal(bot.edit_message_media(same, **target))
    assert text.startswith("message is not modified")
    assert await refusal(bot.edit_message_text("x", **target)) == (
        "there is no text in the message to edit"
    )
    captioned = await bot.edit_message_caption(caption="New", **target)
    assert isinstance(captioned, Message)
    assert (captioned.caption, captioned.video) == ("New", edited.video)


async def test_the_media_of_a_sticker_cannot_be_edited(bot: Bot) -> None:
    sticker = await bot.send_sticker(USER, upload(picture(512, 512, "WEBP"), "s.webp"))
    media = InputMediaPhoto(media=upload(picture(50, 50), "a.jpg"))
    target: dict[str, Any] = {"chat_id": USER, "message_id": sticker.message_id}
    assert await refusal(bot.edit_message_media(media, **target)) == "message media can't be edited"
    assert await refusal(bot.edit_message_caption(caption="x", **target)) == (
        "there is no caption in the message to edit"
    )


async def test_an_album_is_several_messages_with_one_group(bot: Bot, film: bytes) -> None:
    messages = await bot.send_media_group(
        USER,
        [
            InputMediaPhoto(media=upload(picture(50, 50), "a.jpg"), caption="first"),
            InputMediaVideo(media=upload(film, "b.mp4")),
        ],
    )
    assert len({message.media_group_id for message in messages}) == 1
    assert [message.message_id for message in messages] == [2, 3]
    assert (messages[0].caption, messages[1].video is not None) == ("first", True)


async def test_an_album_has_two_to_ten_items_that_go_together(bot: Bot) -> None:
    photo = (await bot.send_photo(USER, upload(picture(50, 50), "a.jpg"))).photo
    document = (await bot.send_document(USER, upload(b"x", "a.txt"))).document
    assert photo is not None
    assert document is not None
    item = InputMediaPhoto(media=photo[0].file_id)
    for count in (1, 11):
        text = await refusal(bot.send_media_group(USER, [item] * count))
        assert text == "wrong number of messages in album"
    mixed: list[Any] = [item, InputMediaDocument(media=document.file_id)]
    assert await refusal(bot.send_media_group(USER, mixed)) == (
        "can't use the media of the specified type in the album"
    )


async def test_a_photo_of_the_user_reaches_the_bot(telegram: Simulator, bot: Bot) -> None:
    await telegram.send_file(USER, "photo", "me.jpg", picture(3000, 2000), caption="buy")
    message = (await bot.get_updates())[-1].message
    assert message is not None
    assert message.photo is not None
    assert (message.caption, message.photo[-1].width, message.photo[-1].height) == (
        "buy",
        1280,
        853,
    )
    assert Image.open(io.BytesIO(await content(bot, message.photo[-1].file_id))).format == "JPEG"


async def test_a_browser_can_seek_in_a_film(telegram: Simulator, bot: Bot, film: bytes) -> None:
    sent = await telegram.send_file(USER, "video", "v.mp4", film)
    url = sent.json()["messages"][0]["media"]["url"]
    reply = await telegram.http.get(url, headers={"Range": "bytes=10-19"})
    assert (reply.status_code, reply.content) == (206, film[10:20])
    assert reply.headers["content-type"] == "video/mp4"
    assert bot.id == 42


async def test_a_path_that_nobody_was_given_is_not_found(telegram: Simulator, bot: Bot) -> None:
    reply = await telegram.http.get(f"/file/bot{bot.token}/photos/file_99.jpg")
    assert (reply.status_code, reply.json()["description"]) == (404, "Not Found")
    reply = await telegram.http.get("/file/botnonsense/photos/file_1.jpg")
    assert reply.status_code == 401


async def test_equal_films_are_stored_once(telegram: Simulator, bot: Bot, film: bytes) -> None:
    first = await bot.send_video(USER, upload(film, "a.mp4"))
    second = await bot.send_video(USER, upload(film, "b.mp4"))
    assert first.video is not None
    assert second.video is not None
    assert first.video.file_unique_id != second.video.file_unique_id
    sizes = [
        path.stat().st_size for path in telegram.world.files.folder.rglob("*") if path.is_file()
    ]
    assert sizes.count(len(film)) == 1
