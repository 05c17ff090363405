"""The API's description in WSDL, made of what pyVmomi knows of the API.

oslo.vmware reads it from /sdk/vimService.wsdl, which a vCenter serves and vcsim does not. This one has the methods that
are asked for, and every type that can be reached from them: suds takes seconds to read the whole API.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from pyVmomi import VmomiSupport, vmodl

_WSDL, _SOAP, _XSD = (
    "{http://schemas.xmlsoap.org/wsdl/}",
    "{http://schemas.xmlsoap.org/wsdl/soap/}",
    "{http://www.w3.org/2001/XMLSchema}",
)
NAMESPACE = "urn:vim25"
_OPTIONAL = VmomiSupport.F_OPTIONAL
_BASIC = {
    "bool": "boolean",
    "byte": "byte",
    "short": "short",
    "int": "int",
    "long": "long",
    "float": "float",
    "double": "double",
    "str": "string",
    "datetime": "dateTime",
    "binary": "base64Binary",
    "URI": "anyURI",
    "object": "anyType",
    "type": "string",
    "ManagedMethod": "string",
    "PropertyPath": "string",
}


def described(methods: Iterable[str], types: Iterable[str]) -> bytes:
    """Return the WSDL of methods, such as RelocateVM_Task, and of more `types`, such as FileNotFound.

    Those are what a method does not name: the faults, and what may stand in the place of a type they are derived from.
    """
    return _Description().of(methods, types)


class _Description:
    def __init__(self) -> None:
        self._root = Element(f"{_WSDL}definitions", {"targetNamespace": NAMESPACE, "xmlns:vim25": NAMESPACE})
        self._root.set("xmlns:xsd", _XSD.strip("{}"))
        types = SubElement(self._root, f"{_WSDL}types")
        self._schema = SubElement(types, f"{_XSD}schema", targetNamespace=NAMESPACE, elementFormDefault="qualified")
        self._known: set[str] = set()

    def of(self, methods: Iterable[str], types: Iterable[str]) -> bytes:
        self._reference()
        self._localized()
        for name in types:
            self._name(VmomiSupport.GetWsdlType(NAMESPACE, name))
        infos = [VmomiSupport.GetWsdlMethod(NAMESPACE, name).info for name in methods]
        for info in infos:
            self._messages(info)
        port = SubElement(self._root, f"{_WSDL}portType", name="VimPortType")
        binding = SubElement(self._root, f"{_WSDL}binding", name="VimBinding", type="vim25:VimPortType")
        SubElement(binding, f"{_SOAP}binding", style="document", transport="http://schemas.xmlsoap.org/soap/http")
        for info in infos:
            name = info.wsdlName
            operation = SubElement(port, f"{_WSDL}operation", name=name)
            bound = SubElement(binding, f"{_WSDL}operation", name=name)
            SubElement(bound, f"{_SOAP}operation", soapAction=f"{NAMESPACE}/8.0", style="document")
            for direction, message in (("input", f"{name}RequestMsg"), ("output", f"{name}ResponseMsg")):
                SubElement(operation, f"{_WSDL}{direction}", message=f"vim25:{message}")
                SubElement(SubElement(bound, f"{_WSDL}{direction}"), f"{_SOAP}body", use="literal")
        service = SubElement(self._root, f"{_WSDL}service", name="VimService")
        opened = SubElement(service, f"{_WSDL}port", name="VimPort", binding="vim25:VimBinding")
        SubElement(opened, f"{_SOAP}address", location="https://localhost/sdk/vimService")
        text: bytes = tostring(self._root, encoding="utf-8", xml_declaration=True)
        return text

    def _messages(self, info: Any) -> None:  # noqa: ANN401  # pyVmomi has no types
        request = self._element(info.wsdlName)
        SubElement(request, f"{_XSD}element", name="_this", type="vim25:ManagedObjectReference")
        self._fields(request, info.params)
        response = self._element(f"{info.wsdlName}Response")
        result = info.result  # of a task's method: the task, and not what the task results in
        if result is not None and result is not type(None):
            self._field(response, "returnval", result, info.resultFlags)
        for message, element in (("RequestMsg", info.wsdlName), ("ResponseMsg", f"{info.wsdlName}Response")):
            part = SubElement(self._root, f"{_WSDL}message", name=f"{info.wsdlName}{message}")
            SubElement(part, f"{_WSDL}part", name="parameters", element=f"vim25:{element}")

    def _element(self, name: str) -> Element:
        element = SubElement(self._schema, f"{_XSD}element", name=name)
        return SubElement(SubElement(element, f"{_XSD}complexType"), f"{_XSD}sequence")

    def _fields(self, sequence: Element, fields: Iterable[Any]) -> None:
        for field in fields:
            self._field(sequence, field.name, field.type, field.flags)

    def _field(self, sequence: Element, name: str, kind: Any, flags: int) -> None:  # noqa: ANN401  # as above
        element = SubElement(sequence, f"{_XSD}element", name=name)
        is_array = issubclass(kind, VmomiSupport.Array)
        element.set("type", self._name(kind.Item if is_array else kind))
        if is_array or flags & _OPTIONAL:
            element.set("minOccurs", "0")
        if is_array:
            element.set("maxOccurs", "unbounded")

    def _name(self, kind: type, *, as_base: bool = False) -> str:
        """Return a type's name in the schema, where it is described if it is one of the API's."""
        if issubclass(kind, VmomiSupport.ManagedObject):
            return "vim25:ManagedObjectReference"
        name: str = VmomiSupport.GetWsdlName(kind)
        if name == "MethodFault" and not as_base:
            return "vim25:LocalizedMethodFault"  # as it is on the wire; pyVmomi takes the fault out of it
        if issubclass(kind, VmomiSupport.Array):
            self._array(name, kind)
        elif issubclass(kind, VmomiSupport.Enum):
            self._enum(name, kind)
        elif issubclass(kind, VmomiSupport.DataObject):
            self._data(name, kind)
        else:
            return f"xsd:{_BASIC[kind.__name__]}"
        return f"vim25:{name}"

    def _reference(self) -> None:
        kind = SubElement(self._schema, f"{_XSD}complexType", name="ManagedObjectReference")
        content = SubElement(SubElement(kind, f"{_XSD}simpleContent"), f"{_XSD}extension", base="xsd:string")
        SubElement(content, f"{_XSD}attribute", name="type", type="xsd:string")
        many = SubElement(self._schema, f"{_XSD}complexType", name="ArrayOfManagedObjectReference")
        reference = {"name": "ManagedObjectReference", "type": "vim25:ManagedObjectReference", "minOccurs": "0"}
        SubElement(SubElement(many, f"{_XSD}sequence"), f"{_XSD}element", reference, maxOccurs="unbounded")

    def _localized(self) -> None:
        fault = SubElement(self._schema, f"{_XSD}complexType", name="LocalizedMethodFault")
        parts = SubElement(fault, f"{_XSD}sequence")
        SubElement(parts, f"{_XSD}element", name="fault", type=self._name(vmodl.MethodFault, as_base=True))
        SubElement(parts, f"{_XSD}element", name="localizedMessage", type="xsd:string", minOccurs="0")

    def _array(self, name: str, kind: Any) -> None:  # noqa: ANN401  # pyVmomi has no types
        if self._is_new(name):
            item = kind.Item
            members = SubElement(SubElement(self._schema, f"{_XSD}complexType", name=name), f"{_XSD}sequence")
            # ArrayOfString has elements named `string`, ArrayOfTaskInfo such named `TaskInfo`.
            self._field(
                members, name.removeprefix("ArrayOf") if "." in item.__name__ else item.__name__, kind, _OPTIONAL
            )

    def _enum(self, name: str, kind: Any) -> None:  # noqa: ANN401  # pyVmomi has no types
        if self._is_new(name):
            values = SubElement(
                SubElement(self._schema, f"{_XSD}simpleType", name=name), f"{_XSD}restriction", base="xsd:string"
            )
            for value in kind.values:
                SubElement(values, f"{_XSD}enumeration", value=value)

    def _data(self, name: str, kind: Any) -> None:  # noqa: ANN401  # pyVmomi has no types
        if not self._is_new(name):
            return
        described = SubElement(self._schema, f"{_XSD}complexType", name=name)
        base = next(_bases(kind), None)
        if base is not None:
            content = SubElement(described, f"{_XSD}complexContent")
            described = SubElement(content, f"{_XSD}extension", base=self._name(base, as_base=True))
        self._fields(SubElement(described, f"{_XSD}sequence"), kind._GetPropertyList(includeBaseClassProps=False))

    def _is_new(self, name: str) -> bool:
        is_new = name not in self._known
        self._known.add(name)
        return is_new


def _bases(kind: type) -> Iterator[type]:
    """Yield the data types that a type is derived from, nearest first; DataObject, pyVmomi's own, is none."""
    for base in kind.__mro__[1:]:
        if issubclass(base, VmomiSupport.DataObject) and VmomiSupport.GetWsdlName(base) != "DataObject":
            yield base
