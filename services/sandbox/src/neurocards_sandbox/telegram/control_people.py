"""Control API: bots and users. Shapes: see `control`."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from neurocards_sandbox.telegram import people
from neurocards_sandbox.telegram.chats import Json
from neurocards_sandbox.telegram.control_access import TheWorld, find_bot
from neurocards_sandbox.telegram.views import bot_view
from neurocards_sandbox.telegram.world import User, World

router = APIRouter()


class BotFacts(BaseModel):
    token: str
    first_name: str | None = None
    username: str | None = None


class UserFacts(BaseModel):
    id: int | None = None
    first_name: str | None = None
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = None
    is_premium: bool | None = None


@router.post("/bots")
async def save_bot(world: TheWorld, facts: BotFacts) -> Json:
    bot = world.bot_by_token(facts.token)
    bot.first_name = facts.first_name or bot.first_name
    bot.username = facts.username or bot.username
    world.changed("bot", bot)
    return bot_view(world, bot)


@router.get("/bots")
async def list_bots(world: TheWorld) -> list[Json]:
    return [bot_view(world, bot) for bot in world.bots.values()]


@router.get("/bots/{bot_id}")
async def show_bot(world: TheWorld, bot_id: int) -> Json:
    return bot_view(world, find_bot(world, bot_id))


def _user_view(user: User) -> Json:
    return {**user.facts, "is_deactivated": user.is_deactivated}


def _find_user(world: World, user_id: int) -> User:
    user = world.users.get(user_id)
    if user is None:
        raise HTTPException(404, "no such user")
    return user


@router.post("/users")
async def save_user(world: TheWorld, facts: UserFacts) -> Json:
    return _user_view(people.save_user(world, facts.model_dump()))


@router.get("/users")
async def list_users(world: TheWorld) -> list[Json]:
    return [_user_view(user) for user in world.users.values()]


@router.get("/users/{user_id}")
async def show_user(world: TheWorld, user_id: int) -> Json:
    return _user_view(_find_user(world, user_id))


@router.post("/users/{user_id}/deactivate")
async def deactivate(world: TheWorld, user_id: int) -> Json:
    user = _find_user(world, user_id)
    people.deactivate(world, user, is_deactivated=True)
    return _user_view(user)


@router.post("/users/{user_id}/activate")
async def activate(world: TheWorld, user_id: int) -> Json:
    user = _find_user(world, user_id)
    people.deactivate(world, user, is_deactivated=False)
    return _user_view(user)
