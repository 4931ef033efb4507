"""Encode and decode `tf.train.Example`, the message in each record of a TFRecord file, without TensorFlow.

Source: TensorFlow's `core/example/example.proto` and `feature.proto`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

Feature = bytes | int | str


def encode(features: Mapping[str, Feature]) -> bytes:
    """Encode one value (bytes, text or an integer) for each feature; equal features give equal bytes.

    The name of a file that is not UTF-8 is written byte for byte.
    """
    example = _message()()
    for name, value in features.items():
        feature = example.features.feature[name]
        if isinstance(value, int):
            feature.int64_list.value.append(value)
        else:
            feature.bytes_list.value.append(
                value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
            )
    encoded: bytes = example.SerializeToString(deterministic=True)
    return encoded


def decode(record: bytes) -> dict[str, bytes | int]:
    """Decode the first value of every feature of bytes or integers.

    Raises:
        ValueError: The record is not a `tf.train.Example`.
    """
    from google.protobuf.message import DecodeError

    example = _message()()
    try:
        example.ParseFromString(record)
    except DecodeError:
        raise ValueError("its record is not a tf.train.Example") from None
    found: dict[str, bytes | int] = {}
    for name, feature in example.features.feature.items():
        values = getattr(feature, feature.WhichOneof("kind") or "float_list").value
        if len(values) and not isinstance(values[0], float):
            found[name] = values[0]
    return found


@cache
def _message() -> Any:
    """Make the class of the message here, because importing TensorFlow for it would take seconds."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="sqnxt_tf/example.proto", package="sqnxt_tf", syntax="proto3")

    def add(message: Any, name: str, number: int, kind: Any, *, of: str = "", many: bool = False) -> Any:
        label = kinds.LABEL_REPEATED if many else kinds.LABEL_OPTIONAL
        return message.field.add(
            name=name, number=number, type=kind, label=label, type_name=f".sqnxt_tf.{of}" if of else None
        )

    lists = (("BytesList", kinds.TYPE_BYTES), ("FloatList", kinds.TYPE_FLOAT), ("Int64List", kinds.TYPE_INT64))
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, kind) in enumerate(lists, 1):
        add(file.message_type.add(name=name), "value", 1, kind, many=True)
        field = add(feature, name.replace("List", "_list").lower(), number, kinds.TYPE_MESSAGE, of=name)
        field.oneof_index = 0
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    add(entry, "key", 1, kinds.TYPE_STRING)
    add(entry, "value", 2, kinds.TYPE_MESSAGE, of="Feature")
    add(features, "feature", 1, kinds.TYPE_MESSAGE, of="Features.FeatureEntry", many=True)
    add(file.message_type.add(name="Example"), "features", 1, kinds.TYPE_MESSAGE, of="Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("sqnxt_tf.Example"))
