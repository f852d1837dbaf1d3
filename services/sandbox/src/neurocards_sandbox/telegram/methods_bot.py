"""Methods about the bot itself, its files and its chats: everything that sends nothing."""

from __future__ import annotations

import time
from typing import Any

from neurocards_sandbox.telegram.call import Call, Method
from neurocards_sandbox.telegram.chats import Json
from neurocards_sandbox.telegram.errors import ApiError, bad_request, too_many
from neurocards_sandbox.telegram.files import DOWNLOAD_BYTES_MAX

CLOSE_REFUSED_S = 600
LOGGED_OUT_S = 600
COMMANDS_MAX = 100
DESCRIPTION_LENGTHS = {"description": 512, "short_description": 120, "name": 64}


async def get_me(call: Call) -> Json:
    return {
        **call.bot.user,
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
        "has_topics_enabled": False,
    }


async def log_out(call: Call) -> bool:
    call.bot.logged_out_until = time.monotonic() + LOGGED_OUT_S / call.world.tuning.time_factor
    return True


async def close(call: Call) -> bool:
    up_s = (time.monotonic() - call.world.started_at) * call.world.tuning.time_factor
    if up_s < CLOSE_REFUSED_S:
        raise too_many(int(CLOSE_REFUSED_S - up_s) + 1)
    return True


async def get_file(call: Call) -> Json:
    files = call.world.files
    file_id = call.arguments.text("file_id")
    if not file_id:
        raise bad_request("file_id not specified")
    try:
        file = files.resolve(call.bot.id, file_id)
    except ApiError as error:
        if "remote file identifier" in error.description:
            raise bad_request("invalid file_id") from None
        raise
    if file.size > DOWNLOAD_BYTES_MAX and not call.world.settings.local:
        raise bad_request("file is too big")
    return {**files.facts(call.bot.id, file), "file_path": file.file_path}


async def get_chat(call: Call) -> Json:
    chat = call.chat(write=False)
    return {
        **chat.facts,
        "accent_color_id": chat.id % 7,
        "max_reaction_count": 11,
        "accepted_gift_types": {
            "unlimited_gifts": True,
            "limited_gifts": True,
            "unique_gifts": True,
            "premium_subscription": True,
            "gifts_from_channels": False,
        },
    }


async def get_chat_member(call: Call) -> Json:
    chat = call.chat(write=False)
    user_id = call.arguments.integer("user_id")
    if user_id == call.bot.id:
        return bot_member(call.bot.user, "member" if chat.is_private else chat.bot_status)
    user = call.world.users.get(user_id)
    if user is None:
        raise bad_request("user not found")
    if user_id not in chat.members:
        raise (
            bad_request("PARTICIPANT_ID_INVALID")
            if chat.is_private
            else bad_request("member not found")
        )
    return {"user": user.facts, "status": "member"}


RIGHTS = (
    "can_be_edited",
    "is_anonymous",
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_post_messages",
    "can_edit_messages",
)


def bot_member(user: Json, status: str) -> Json:
    """A ChatMember object of the bot."""
    member: Json = {"user": user, "status": status}
    if status == "kicked":
        member["until_date"] = 0
    if status == "administrator":
        given = {"can_manage_chat", "can_post_messages", "can_edit_messages"}
        member |= {right: right in given for right in RIGHTS}
    return member


def _scope_key(call: Call) -> str:
    scope = call.arguments.json("scope", "can't parse BotCommandScope JSON object") or {}
    parts = [scope.get("type", "default"), scope.get("chat_id", ""), scope.get("user_id", "")]
    return "/".join(str(part) for part in [*parts, call.arguments.text("language_code")])


async def set_my_commands(call: Call) -> bool:
    commands = call.arguments.json("commands", "can't parse commands JSON object") or []
    if len(commands) > COMMANDS_MAX:
        raise bad_request("too many commands specified")
    for command in commands:
        name = str(command.get("command", "")).removeprefix("/")
        if not name or len(name) > 32 or not name.replace("_", "").isalnum() or not name.islower():
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(str(command.get("description", ""))) <= 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    call.bot.profile.setdefault("commands", {})[_scope_key(call)] = commands
    call.world.changed("bot", call.bot)
    return True


async def get_my_commands(call: Call) -> Any:
    return call.bot.profile.get("commands", {}).get(_scope_key(call), [])


async def delete_my_commands(call: Call) -> bool:
    call.bot.profile.get("commands", {}).pop(_scope_key(call), None)
    call.world.changed("bot", call.bot)
    return True


def _set_text(call: Call, field: str) -> bool:
    value = call.arguments.text(field)
    if len(value) > DESCRIPTION_LENGTHS[field]:
        raise bad_request(f"bot {field.replace('_', ' ')} is too long")
    call.bot.profile.setdefault(field, {})[call.arguments.text("language_code")] = value
    if field == "name" and value and not call.arguments.text("language_code"):
        call.bot.first_name = value
    call.world.changed("bot", call.bot)
    return True


def _get_text(call: Call, field: str) -> Json:
    values = call.bot.profile.get(field, {})
    default = call.bot.first_name if field == "name" else values.get("", "")
    return {field: values.get(call.arguments.text("language_code"), default)}


async def set_my_name(call: Call) -> bool:
    return _set_text(call, "name")


async def get_my_name(call: Call) -> Json:
    return _get_text(call, "name")


async def set_my_description(call: Call) -> bool:
    return _set_text(call, "description")


async def get_my_description(call: Call) -> Json:
    return _get_text(call, "description")


async def set_my_short_description(call: Call) -> bool:
    return _set_text(call, "short_description")


async def get_my_short_description(call: Call) -> Json:
    return _get_text(call, "short_description")


async def set_chat_menu_button(call: Call) -> bool:
    button = call.arguments.json("menu_button", "can't parse menu button JSON object")
    chat_id = call.arguments.text("chat_id")
    call.bot.profile.setdefault("menu_buttons", {})[chat_id] = button or {"type": "default"}
    call.world.changed("bot", call.bot)
    return True


async def get_chat_menu_button(call: Call) -> Json:
    buttons: dict[str, Json] = call.bot.profile.get("menu_buttons", {})
    chat_id = call.arguments.text("chat_id")
    return buttons.get(chat_id) or buttons.get("") or {"type": "commands"}


METHODS: dict[str, Method] = {
    "getMe": get_me,
    "logOut": log_out,
    "close": close,
    "getFile": get_file,
    "getChat": get_chat,
    "getChatMember": get_chat_member,
    "setMyCommands": set_my_commands,
    "getMyCommands": get_my_commands,
    "deleteMyCommands": delete_my_commands,
    "setMyName": set_my_name,
    "getMyName": get_my_name,
    "setMyDescription": set_my_description,
    "getMyDescription": get_my_description,
    "setMyShortDescription": set_my_short_description,
    "getMyShortDescription": get_my_short_description,
    "setChatMenuButton": set_chat_menu_button,
    "getChatMenuButton": get_chat_menu_button,
}
