"""What every control route needs: the world, and the bot and the chat that a request means."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException, Request

from neurocards_sandbox.telegram.bots import Bot
from neurocards_sandbox.telegram.chats import Chat
from neurocards_sandbox.telegram.people import user_of
from neurocards_sandbox.telegram.world import World


def get_world(request: Request) -> World:
    world: World = request.app.state.world
    return world


TheWorld = Annotated[World, Depends(get_world)]


def find_bot(world: World, bot_id: int) -> Bot:
    """The bot of an id; 0 means the only one there is."""
    if bot_id == 0 and len(world.bots) == 1:
        return next(iter(world.bots.values()))
    bot = world.bots.get(bot_id)
    if bot is None:
        known = ", ".join(str(one) for one in world.bots) or "none has called yet"
        raise HTTPException(404, f"name a bot by ?bot=<id> (known: {known})")
    return bot


def get_bot(world: TheWorld, bot: int = 0) -> Bot:
    return find_bot(world, bot)


TheBot = Annotated[Bot, Depends(get_bot)]


def get_chat(world: TheWorld, bot: TheBot, chat_id: int) -> Chat:
    """The chat; a private one is opened, for a user may write first. Unknown groups are 404."""
    chat = world.chats.get((bot.id, chat_id))
    if chat is not None:
        return chat
    if chat_id <= 0:
        raise HTTPException(404, "no such chat")
    return world.private_chat(bot, user_of(world, chat_id))


TheChat = Annotated[Chat, Depends(get_chat)]
