"""KIE simulator: keys, credits and the window of 20 creates in 10 seconds."""

from __future__ import annotations

from typing import Any

from neurocards_sandbox.kie.accounts import WINDOW_S, AccountLimits, Accounts
from neurocards_sandbox.kie.envelopes import NO_CREDITS, RefusedError
from neurocards_sandbox.kie.testing import KEY, kie_simulator
from neurocards_sandbox.simulation.key_ring import fingerprint


async def test_a_missing_key_and_a_wrong_key_are_told_apart() -> None:
    async with kie_simulator() as kie:
        del kie.http.headers["Authorization"]
        missing = await kie.http.get("/api/v1/chat/credit")
        wrong = await kie.http.get("/api/v1/chat/credit", headers=kie.with_key("wrong"))
        assert missing.status_code == wrong.status_code == 200
        assert missing.json()["code"] == wrong.json()["code"] == 401
        assert missing.json()["msg"].startswith("Unauthorized – Authentication failed.")
        assert wrong.json()["msg"] == "You do not have access permissions"


async def test_a_key_can_be_revoked_restored_and_added() -> None:
    async with kie_simulator() as kie:
        await kie.control("/keys/revoke", {"fingerprint": fingerprint(KEY)})
        assert (await kie.create()).json()["code"] == 401
        await kie.control("/keys/restore", {"key": KEY})
        await kie.created()
        await kie.control("/keys", {"key": "fresh-key"})
        await kie.created(key="fresh-key")


async def test_the_21st_create_in_10_seconds_is_refused_and_not_queued() -> None:
    async with kie_simulator(rate_limit=True) as kie:
        codes = [(await kie.create()).json()["code"] for _ in range(21)]
        assert codes == [200] * 20 + [429]
        assert (await kie.look("/counters"))["created"] == 20
        assert (await kie.look("/counters"))["rate_limited"] == 1


async def test_keys_of_one_account_share_its_window_and_credits() -> None:
    keys, accounts = ("first", "second", "other"), {"first": "shop", "second": "shop"}
    limits: dict[str, Any] = {"rate_limit": True, "limit_factor": 0.1}
    async with kie_simulator(None, keys=keys, accounts=accounts, **limits) as kie:
        codes = [(await kie.create(key=key)).json()["code"] for key in ("first", "second", "first")]
        assert codes == [200, 200, 429]
        await kie.created(key="other")


def test_the_window_slides() -> None:
    """A place is free again 10 s after it was taken, no sooner."""
    accounts = Accounts(AccountLimits(2, None, 402), 100.0)
    for now_s in (0.0, 4.0):
        accounts.take("shop", 1, now_s)
    refused = []
    for now_s in (9.9, WINDOW_S, WINDOW_S + 0.1, WINDOW_S + 4):
        try:
            accounts.take("shop", 1, now_s)
        except RefusedError:
            refused.append(now_s)
    assert refused == [9.9, WINDOW_S + 0.1]


async def test_credits_run_out_in_both_envelopes() -> None:
    for as_500, code in ((False, 402), (True, 500)):
        async with kie_simulator(credits_at_start=100.0, credits_error_as_500=as_500) as kie:
            await kie.ended(await kie.created())
            assert (await kie.http.get("/api/v1/chat/credit")).json()["data"] == 40
            reply = (await kie.create()).json()
            assert reply == {"code": code, "msg": NO_CREDITS, "data": None}
            await kie.control("/accounts/credits", {"key": KEY, "credits": 60.5})
            await kie.created()
            assert (await kie.http.get("/api/v1/chat/credit")).json()["data"] == 0.5


async def test_an_account_may_have_a_limit_of_running_tasks() -> None:
    async with kie_simulator(running_max=2, time_factor=0.001) as kie:
        tasks = [await kie.created(), await kie.created()]
        assert (await kie.create()).json()["code"] == 429
        await kie.control(f"/tasks/{tasks[0]}/finish")
        await kie.created()


async def test_no_listing_shows_a_key() -> None:
    async with kie_simulator(keys=("a-very-secret-key", KEY)) as kie:
        await kie.created(key="a-very-secret-key")
        shown = [
            (await kie.http.get(f"/sim/{path}")).text
            for path in ("tasks", "accounts", "counters", "requests", "faults")
        ]
        assert "a-very-secret-key" not in "".join(shown)
        assert fingerprint("a-very-secret-key") in shown[0]
        assert fingerprint("a-very-secret-key") in shown[3]
