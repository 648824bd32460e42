"""Parquet files as pandas and Hugging Face's datasets write them, and their rows."""
import base64
import io

import pyarrow as pa
import pyarrow.parquet as pq
from oracle import write

turn = pa.struct([("role", pa.string()), ("content", pa.string())])
conversation = [{"role": "user", "content": "Grüße 👋?"}, {"role": "assistant", "content": "Hello."}]

# Strings, nested lists of objects, integers beyond 2^53, nulls, a column without values, an object.
rows = [
    {"prompt": "one", "messages": conversation, "level": 3, "share": 0.5, "tags": ["a", "b"], "none": None, "info": {"answer": "4"}},
    {"prompt": "two", "messages": None, "level": 9007199254740993, "share": None, "tags": [], "none": None, "info": None},
    {"prompt": "three", "messages": conversation[:1], "level": None, "share": 1.5, "tags": None, "none": None, "info": {"answer": "5"}},
]
schema = pa.schema(
    [
        ("prompt", pa.large_string()),
        ("messages", pa.list_(turn)),
        ("level", pa.int64()),
        ("share", pa.float64()),
        ("tags", pa.list_(pa.string())),
        ("none", pa.null()),
        ("info", pa.struct([("answer", pa.string())])),
    ]
)


def parquet(table, **options):
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=2, **options)
    return base64.b64encode(buffer.getvalue()).decode()


table = pa.Table.from_pylist(rows, schema=schema)
files = {codec: parquet(table, compression=codec) for codec in ["none", "snappy", "gzip", "zstd", "brotli"]}
files["dictionary, version 1"] = parquet(table, compression="snappy", use_dictionary=["prompt"], version="1.0")
files["without a dictionary, page version 2"] = parquet(table, compression="zstd", use_dictionary=False, data_page_version="2.0")

# `Sequence` of objects in Hugging Face's datasets: an object of lists.
transposed = pa.Table.from_pylist(
    [{"messages": {"role": [t["role"] for t in conversation], "content": [t["content"] for t in conversation]}}]
)
# Strings without their annotation, and bytes that are no text.
plain = pa.Table.from_pylist([{"prompt": "Grüße".encode()}, {"prompt": "two".encode()}])
picture = pa.Table.from_pylist([{"prompt": "one", "image": b"\x89PNG\xff\xfe"}])

write(
    {
        "rows": rows,
        "files": files,
        "transposed": parquet(transposed),
        "plain": parquet(plain),
        "picture": parquet(picture),
        "conversation": conversation,
    }
)
