"""Tags: tags.category.create, tags.create, tags.attach, tags.attached.ls, tags.ls, tags.detach, tags.rm."""

from __future__ import annotations

import pytest

from tests.running.govc import Govc

pytestmark = pytest.mark.contract


def test_tags_of_the_scenario(govc: Govc) -> None:
    assert govc("tags.category.ls").split() == ["storage"]
    assert sorted(govc("tags.ls", "-c", "storage").split()) == ["gold", "silver", "storage", "storage"]


def test_tags_category_create(govc: Govc) -> None:
    identity = govc("tags.category.create", "-d", "where it may live", "-t", "Datastore", "place").strip()
    assert identity.startswith("urn:vmomi:InventoryServiceCategory:")
    (category,) = govc.json("tags.category.info", "place")
    assert (category["id"], category["description"]) == (identity, "where it may live")
    assert category["associable_types"] == ["Datastore"]
    govc.refused("tags.category.create", "place")
    govc("tags.category.rm", "place")
    assert "place" not in govc("tags.category.ls").split()


def test_tags_attach_and_detach(govc: Govc) -> None:
    govc("tags.category.create", "-m", "class")
    identity = govc("tags.create", "-c", "class", "fast").strip()
    assert identity.startswith("urn:vmomi:InventoryServiceTag:")
    govc("tags.attach", "fast", "/dc1/datastore/ds-1")
    govc("tags.attach", "fast", "/dc1/vm/vm-01")
    tagged = {govc("ls", "-L", reference).strip() for reference in govc("tags.attached.ls", "fast").split()}
    assert tagged == {"/dc1/datastore/ds-1", "/dc1/vm/vm-01"}
    assert govc("tags.attached.ls", "-r", "/dc1/vm/vm-01").split() == ["fast"]
    govc("tags.detach", "fast", "/dc1/vm/vm-01")
    assert "attached" in govc.refused("tags.rm", "-c", "class", "fast")
    govc("tags.detach", "fast", "/dc1/datastore/ds-1")
    assert govc("tags.attached.ls", "-r", "/dc1/vm/vm-01") == ""
    govc.refused("tags.rm", "-c", "class", "none")
    govc("tags.rm", "-c", "class", "fast")
    assert "fast" not in govc("tags.ls").split()


def test_a_tag_follows_a_vm_that_moves(govc: Govc) -> None:
    govc("tags.attach", "silver", "/dc1/vm/vm-02")
    govc("vm.migrate", "-ds", "ds-2", "vm-02")
    assert govc("tags.attached.ls", "-r", "/dc1/vm/vm-02").split() == ["silver"]


def test_a_category_that_allows_one_tag_allows_one(govc: Govc) -> None:
    govc("tags.category.create", "only-one")
    for tag in ("first", "second"):
        govc("tags.create", "-c", "only-one", tag)
    govc("tags.attach", "-c", "only-one", "first", "/dc1/vm/vm-03")
    govc.refused("tags.attach", "-c", "only-one", "second", "/dc1/vm/vm-03")
    assert govc("tags.attached.ls", "-r", "/dc1/vm/vm-03").split() == ["first"]
