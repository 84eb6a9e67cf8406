"""Spark's view of the event contracts, taken from the msgspec structs so that there is one truth."""

from functools import singledispatch

import msgspec
from msgspec import inspect
from pyspark.sql import types as t


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
