"""Spark's view of the event contracts, taken from the msgspec structs so that there is one truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch

import msgspec
from msgspec import inspect
from pyspark.sql import types as t


@dataclass(frozen=True)
class Leaf:
    """One field of a message: its JSON path, the types it may have, whether it may be absent."""

    path: str
    kinds: str  # regular expression over what Spark's schema_of_variant says
    absent: bool


def spark_schema(struct: type[msgspec.Struct]) -> t.StructType:
    """The Spark type of a contract."""
    schema = _spark_type(inspect.type_info(struct))
    assert isinstance(schema, t.StructType)
    return schema


@singledispatch
def _spark_type(kind: inspect.Type) -> t.DataType:
    raise TypeError(f"no Spark type for {kind}")


@_spark_type.register
def _(kind: inspect.StructType) -> t.DataType:
    return t.StructType([t.StructField(field.encode_name, _spark_type(field.type)) for field in kind.fields])


@_spark_type.register
def _(kind: inspect.ListType) -> t.DataType:
    return t.ArrayType(_spark_type(kind.item_type))


@_spark_type.register
def _(kind: inspect.DictType) -> t.DataType:
    return t.MapType(_spark_type(kind.key_type), _spark_type(kind.value_type))


@_spark_type.register
def _(kind: inspect.UnionType) -> t.DataType:
    return _spark_type(_some(kind))


@_spark_type.register
def _(kind: inspect.LiteralType) -> t.DataType:
    return t.StringType() if isinstance(kind.values[0], str) else t.LongType()


@_spark_type.register
def _(_kind: inspect.StrType) -> t.DataType:
    return t.StringType()


@_spark_type.register
def _(_kind: inspect.IntType) -> t.DataType:
    return t.LongType()


@_spark_type.register
def _(_kind: inspect.FloatType) -> t.DataType:
    return t.DoubleType()


@_spark_type.register
def _(_kind: inspect.BoolType) -> t.DataType:
    return t.BooleanType()


def _some(kind: inspect.UnionType) -> inspect.Type:
    """The one type of `X | None`."""
    (some,) = (member for member in kind.types if not isinstance(member, inspect.NoneType))
    return some


def leaves(struct: type[msgspec.Struct]) -> list[Leaf]:
    """Every field of a contract with the exact JSON types that msgspec takes for it."""
    kind = inspect.type_info(struct)
    assert isinstance(kind, inspect.StructType)
    return list(_leaves(kind, "$"))


def _leaves(struct: inspect.StructType, path: str) -> Iterator[Leaf]:
    for field in struct.fields:
        here = f"{path}.{field.encode_name}"
        yield Leaf(here, _kinds(field.type), not field.required)
        inner = _some(field.type) if isinstance(field.type, inspect.UnionType) else field.type
        if isinstance(inner, inspect.StructType):
            yield from _leaves(inner, here)


def _kinds(kind: inspect.Type) -> str:
    match kind:
        case inspect.UnionType():
            return f"{_kinds(_some(kind))}|VOID"
        case inspect.ListType():
            return f"ARRAY<({_kinds(kind.item_type)}|VOID)>"
        case inspect.StructType():
            return "OBJECT<.*>"
        case inspect.DictType():
            return "OBJECT<.*>"
    return {
        t.StringType: "STRING",
        t.LongType: "BIGINT",
        t.DoubleType: r"BIGINT|DECIMAL\(.*\)|DOUBLE|FLOAT",
        t.BooleanType: "BOOLEAN",
    }[type(_spark_type(kind))]
