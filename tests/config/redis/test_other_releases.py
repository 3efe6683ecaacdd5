"""What another release wrote is a miss, and a pickle is never unpickled. The release before the JSON format kept
pickles under the same keys; a later one may have values of another shape."""

import pickle
import time
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.cached_db import SessionStore
from django.core.cache import cache
from django.test import Client
from django_redis import get_redis_connection

from config import cache as module
from config.cache import cached, declare, declared, drop_on_commit, recall
from tests.support.factories.accounts import UserFactory
from tests.support.factories.inventory import ProductFactory
from tests.support.pickles import bomb, pickling_cache

pytestmark = pytest.mark.django_db(transaction=True)

declare("sample", of=int)
# Nobody who waits so long for another's lease is taken for a busy machine.
LONG = 4.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Exists as soon as a bomb was unpickled."""
    return tmp_path / "unpickled"


@pytest.fixture
def old() -> Any:
    return pickling_cache()


def put(key: str, raw: bytes) -> None:
    get_redis_connection("default").set(cache.make_key(key), raw)


def test_control_the_release_before_unpickles_it(folder: Path, old: Any) -> None:
    put("product:1", bomb(folder))
    old.get("product:1")
    assert folder.exists()


@pytest.mark.parametrize("name", [name.name for name in declared() if name.format])
def test_a_pickle_under_a_cached_name_is_a_miss(name: str, folder: Path) -> None:
    put(f"{name}:1", bomb(folder))
    assert recall(name, "1") is None
    assert not folder.exists()


def test_nor_is_one_inside_a_hash_read(folder: Path) -> None:
    form = module._format("sample")
    get_redis_connection("default").hset(cache.make_key("sample:1"), form.edition, bomb(folder))
    assert cached("sample", "1", 60, lambda: 5) == 5
    assert not folder.exists()


@pytest.mark.parametrize("key", ["asked:1", "anything"])
def test_nor_through_djangos_cache(key: str, folder: Path) -> None:
    put(key, bomb(folder))
    assert cache.get(key) is None
    assert cache.get_many([key]) == {key: None}
    cache.add(key, 1)
    assert not folder.exists()


def test_nor_on_the_pages(folder: Path, desk: Client) -> None:
    """Whatever the shop reads while it shows its pages and the admin's page of the cache."""
    product = ProductFactory(stock=5)
    redis = get_redis_connection("default")
    paths = ["/", f"/products/{product.slug}/", "/cart/", "/admin/", "/admin/cache/"]
    for path in paths:
        assert desk.get(path).status_code == 200
    keys = redis.keys(cache.make_key("*"))
    assert len(keys) > 5
    for key in keys:
        redis.set(key, bomb(folder))
    for path in paths:
        assert desk.get(path).status_code == 200
    assert desk.post("/admin/cache/key/", {"key": f"product:{product.pk}"}).status_code == 200
    assert not folder.exists()


class TestBesideTheReleaseBefore:
    def test_our_value_is_a_miss_there(self, old: Any) -> None:
        cached("sample", "1", 60, lambda: 5)
        assert recall("sample", "1") == 5
        assert old.get_many(["sample:1"]) == {}

    def test_it_drops_our_value(self, old: Any) -> None:
        cached("sample", "1", 60, lambda: 5)
        old.delete_many(["sample:1", "lease:sample:1"])
        assert cached("sample", "1", 60, lambda: 6) == 6

    def test_we_drop_its_value(self, old: Any) -> None:
        old.set("sample:1", (0.0, 5), 60)
        drop_on_commit("sample", "1")
        assert old.get("sample:1") is None

    def test_we_replace_its_value_and_it_replaces_ours(self, old: Any) -> None:
        old.set("sample:1", (time.time() + 60, 5), 60)
        assert cached("sample", "1", 60, lambda: 6) == 6
        assert recall("sample", "1") == 6
        # It stores with SET once it has the lease, which we do not keep from it.
        time.sleep(0.01)
        assert get_redis_connection("default").set(cache.make_key("lease:sample:1"), "its token", nx=True, px=5000)
        old.set("sample:1", (time.time() + 60, 7), 60)
        assert recall("sample", "1") is None
        assert old.get("sample:1")[1] == 7

    def test_we_do_not_wait_for_a_value_that_we_cannot_read(self, old: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(module, "WAIT_SECONDS", LONG)
        old.set("sample:1", (time.time() + 60, 5), 60)
        get_redis_connection("default").set(cache.make_key("lease:sample:1"), "its token", px=5000)
        began = time.monotonic()
        assert cached("sample", "1", 60, lambda: 6) == 6
        assert time.monotonic() - began < LONG / 2
        assert old.get("sample:1")[1] == 5, "without the lease nothing was stored"


class TestSessions:
    @pytest.fixture
    def key(self, old: Any) -> str:
        """A session that the release before has saved and cached."""
        session = SessionStore()
        session._cache = old
        session["_auth_user_id"] = "5"
        session.save()
        assert pickle.loads(get_redis_connection("default").get(cache.make_key(session.cache_key)))
        return str(session.session_key)

    def test_they_survive_the_deployment(self, key: str) -> None:
        assert SessionStore(key)["_auth_user_id"] == "5"
        assert SessionStore(key)["_auth_user_id"] == "5", "now from our own copy"

    def test_and_a_rollback(self, key: str, old: Any) -> None:
        ours = SessionStore(key)
        ours["seen"] = True
        ours.save()
        session = SessionStore(key)
        session._cache = old
        assert session["seen"]

    def test_signing_out_reaches_both(self, key: str, old: Any) -> None:
        SessionStore(key).flush()
        session = SessionStore(key)
        session._cache = old
        assert "_auth_user_id" not in session

    def test_a_shopper_stays_signed_in_although_redis_holds_nonsense(self, client: Client, folder: Path) -> None:
        client.force_login(UserFactory())
        key = cache.make_key(SessionStore(client.cookies["sessionid"].value).cache_key)
        for raw in (bomb(folder), b"{", b"[" * 100_000, b"\xff", b"null"):
            get_redis_connection("default").set(key, raw)
            assert client.get("/orders/").status_code == 200
        assert not folder.exists()
        assert not isinstance(client.get("/").wsgi_request.user, AnonymousUser)


class TestBesideAnotherShape:
    """A later release declares other fields for a name: both keep their values, and each drops the other's too."""

    @pytest.fixture
    def switch(self, monkeypatch: Any) -> Any:
        monkeypatch.setattr(module, "WAIT_SECONDS", LONG)
        yield lambda of: declare("sample", of=of)
        declare("sample", of=int)

    def test_each_reads_its_own(self, switch: Any) -> None:
        cached("sample", "1", 60, lambda: 5)
        switch(str)
        assert recall("sample", "1") is None
        began = time.monotonic()
        assert cached("sample", "1", 60, lambda: "five") == "five"
        assert time.monotonic() - began < LONG / 2, "nobody waits for the other's lease"
        get_redis_connection("default").delete(cache.make_key("lease:sample:1"))
        assert cached("sample", "1", 60, lambda: "five") == "five"
        assert recall("sample", "1") == "five"
        switch(int)
        assert recall("sample", "1") == 5

    def test_a_drop_reaches_both(self, switch: Any) -> None:
        self.test_each_reads_its_own(switch)
        drop_on_commit("sample", "1")
        assert recall("sample", "1") is None
        switch(str)
        assert recall("sample", "1") is None

    def test_the_other_keeps_no_value_alive(self, switch: Any) -> None:
        cached("sample", "1", 0.3, lambda: 5)
        get_redis_connection("default").delete(cache.make_key("lease:sample:1"))
        switch(str)
        cached("sample", "1", 60, lambda: "five")
        time.sleep(0.35)
        switch(int)
        assert recall("sample", "1") is None

    def test_a_key_keeps_few_editions(self, switch: Any) -> None:
        redis = get_redis_connection("default")
        for of, value in ((int, 1), (str, "1"), (float, 1.5), (bool, True), (list[int], [1])):
            switch(of)
            redis.delete(cache.make_key("lease:sample:1"))
            assert cached("sample", "1", 60, lambda: value) == value  # noqa: B023
            assert redis.hlen(cache.make_key("sample:1")) <= 3
