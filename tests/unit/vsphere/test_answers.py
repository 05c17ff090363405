"""Answers of the property collector, read as plain XML."""

from __future__ import annotations

from http.client import HTTPException

import pytest

from app.vsphere.answers import Node, Page, read_page

pytestmark = pytest.mark.unit

ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<soapenv:Body><RetrievePropertiesExResponse xmlns="urn:vim25">{}</RetrievePropertiesExResponse></soapenv:Body>
</soapenv:Envelope>"""


def page(result: str) -> Page:
    return read_page(ENVELOPE.format(result).encode())


def properties(*values: str) -> dict[str, object]:
    sets = "".join(f"<propSet><name>p{number}</name>{value}</propSet>" for number, value in enumerate(values))
    answer = page(f'<returnval><objects><obj type="VirtualMachine">vm-1</obj>{sets}</objects></returnval>')
    assert answer.objects["vm-1"].kind == "VirtualMachine"
    return dict(answer.objects["vm-1"].properties)


def test_simple_values_have_their_types() -> None:
    assert properties(
        '<val xsi:type="xsd:string">app &amp; co</val>',
        '<val xsi:type="xsd:string"></val>',
        '<val xsi:type="xsd:int">-3</val>',
        '<val xsi:type="xsd:long">4398046511104</val>',
        '<val xsi:type="xsd:boolean">true</val>',
        '<val xsi:type="xsd:boolean">0</val>',
        '<val xsi:type="VirtualMachinePowerState">poweredOff</val>',
        '<val xsi:type="ManagedObjectReference" type="HostSystem">host-9</val>',
    ) == {
        "p0": "app & co",
        "p1": "",
        "p2": -3,
        "p3": 4398046511104,
        "p4": True,
        "p5": False,
        "p6": "poweredOff",
        "p7": "host-9",
    }


def test_arrays_of_references_are_lists_of_their_values() -> None:
    reference = '<ManagedObjectReference type="Datastore">datastore-{}</ManagedObjectReference>'
    assert properties(
        f'<val xsi:type="ArrayOfManagedObjectReference">{reference.format(1)}{reference.format(2)}</val>',
        '<val xsi:type="ArrayOfManagedObjectReference"/>',
        '<val xsi:type="ArrayOfVirtualDevice"/>',
    ) == {"p0": ["datastore-1", "datastore-2"], "p1": [], "p2": []}


def test_data_objects_are_asked_by_name_and_type() -> None:
    found = properties(
        """<val xsi:type="ArrayOfVirtualDevice"><VirtualDevice xsi:type="VirtualFutureDevice"><key>7</key>
        <backing xsi:type="VirtualFutureBackingInfo"><on>1</on><off>false</off><empty></empty></backing>
        <part><key>1</key></part><part><key>2</key></part></VirtualDevice></val>"""
    )["p0"]
    assert isinstance(found, list)
    device = found[0]
    assert isinstance(device, Node)
    assert (device.kind, device.number("key")) == ("VirtualFutureDevice", 7)  # a type that pyVmomi does not know
    backing = device.child("backing")
    assert backing is not None
    assert (backing.flag("on"), backing.flag("off")) == (True, False)
    assert (backing.flag("absent"), backing.number("absent"), backing.text("absent")) == (None, None, None)
    assert (backing.number("empty"), backing.flag("empty"), device.child("absent")) == (None, None, None)
    assert [part.number("key") for part in device.children("part")] == [1, 2]
    assert device.children("absent") == []


def test_pages_have_a_token_until_the_last() -> None:
    content = '<objects><obj type="Folder">group-1</obj></objects>'
    assert page(f"<returnval><token>t-1</token>{content}</returnval>").token == "t-1"
    assert page(f"<returnval>{content}</returnval>").token is None


def test_an_answer_without_a_result_holds_nothing() -> None:
    assert page("") == Page({}, None, frozenset())


def test_properties_that_could_not_be_read_are_left_out_and_say_why() -> None:
    answer = page(
        """<returnval><objects><obj type="VirtualMachine">vm-1</obj>
        <missingSet><path>name</path><fault><fault xsi:type="NotAuthenticated"/><localizedMessage/></fault></missingSet>
        </objects></returnval>"""
    )
    assert answer.objects["vm-1"].properties == {}
    assert answer.faults == {"NotAuthenticated"}


@pytest.mark.parametrize("body", [b"", b"<html>", ENVELOPE.encode()[:200]])
def test_half_an_answer_is_a_broken_connection(body: bytes) -> None:
    with pytest.raises(HTTPException, match="no XML"):
        read_page(body)
