"""The official profile.proto of github.com/google/pprof, declared through protobuf's descriptor API: every field with
the number, type and label that it has there."""

from __future__ import annotations

import gzip
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = {
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "uint64": descriptor_pb2.FieldDescriptorProto.TYPE_UINT64,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
}
_MESSAGES = {
    "Profile": """
        repeated ValueType sample_type 1; repeated Sample sample 2; repeated Mapping mapping 3;
        repeated Location location 4; repeated Function function 5; repeated string string_table 6;
        optional int64 drop_frames 7; optional int64 keep_frames 8; optional int64 time_nanos 9;
        optional int64 duration_nanos 10; optional ValueType period_type 11; optional int64 period 12;
        repeated int64 comment 13; optional int64 default_sample_type 14; optional int64 doc_url 15
    """,
    "ValueType": "optional int64 type 1; optional int64 unit 2",
    "Sample": "repeated uint64 location_id 1; repeated int64 value 2; repeated Label label 3",
    "Label": "optional int64 key 1; optional int64 str 2; optional int64 num 3; optional int64 num_unit 4",
    "Mapping": """
        optional uint64 id 1; optional uint64 memory_start 2; optional uint64 memory_limit 3;
        optional uint64 file_offset 4; optional int64 filename 5; optional int64 build_id 6;
        optional bool has_functions 7; optional bool has_filenames 8; optional bool has_line_numbers 9;
        optional bool has_inline_frames 10
    """,
    "Location": """
        optional uint64 id 1; optional uint64 mapping_id 2; optional uint64 address 3; repeated Line line 4;
        optional bool is_folded 5
    """,
    "Line": "optional uint64 function_id 1; optional int64 line 2; optional int64 column 3",
    "Function": """
        optional uint64 id 1; optional int64 name 2; optional int64 system_name 3; optional int64 filename 4;
        optional int64 start_line 5
    """,
}


def _declare() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="profile.proto", package="perftools.profiles", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for line in fields.split(";"):
            label, kind, field_name, number = line.split()
            field = message.field.add(name=field_name, number=int(number))
            field.label = getattr(field, f"LABEL_{label.upper()}")
            if kind in _TYPES:
                field.type = _TYPES[kind]  # type: ignore[assignment]
            else:
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".perftools.profiles.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("perftools.profiles.Profile"))


PROFILE = _declare()


def decode(body: bytes) -> Any:
    """The message in a gzipped profile. Raises google.protobuf.message.DecodeError."""
    message = PROFILE()
    message.ParseFromString(gzip.decompress(body))
    return message


def stacks(message: Any) -> dict[tuple[tuple[str, str, int], ...], list[int]]:
    """Values by stack of (function, file, line), leaf first; every reference is looked up."""
    texts = message.string_table
    functions = {function.id: function for function in message.function}
    locations = {location.id: location for location in message.location}

    def call(identifier: int) -> tuple[str, str, int]:
        (line,) = locations[identifier].line
        function = functions[line.function_id]
        return texts[function.name], texts[function.filename], line.line

    return {tuple(call(each) for each in sample.location_id): list(sample.value) for sample in message.sample}
