"""Messages of protobuf's own library, out of a table of published definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass


def message(package: str, definition: Mapping[str, str], wanted: str) -> Any:
    """The class of one message.

    `definition` is each message with its fields in their numbers' order, `type:name`; a list's
    type has a star in front, and one that is defined here is a message.
    """
    file = FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in definition.items():
        described = file.message_type.add(name=name)
        for number, field in enumerate(fields.split(), 1):
            kind, _, field_name = field.partition(":")
            made = described.field.add(name=field_name, number=number)
            made.label = Field.LABEL_REPEATED if kind[0] == "*" else Field.LABEL_OPTIONAL
            kind = kind.lstrip("*")
            if kind in definition:
                made.type, made.type_name = Field.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                made.type = getattr(Field, f"TYPE_{kind.upper()}")
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(f"{package}.{wanted}"))
