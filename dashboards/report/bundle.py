"""A report's files as one zip, with SQL, parameters, the partitions' digests, the indicators and the public key.

The same content gives the same bytes: names in order, no times.
"""

import io
import zipfile
from collections.abc import Mapping
from typing import Final

import msgspec

from dashboards.report.facts import PARTITIONS
from dashboards.report.record import SCHEMA, Record
from warehouse.client import query

BUNDLE: Final = ".zip"
"""How a bundle's name ends."""
EPOCH: Final = (1980, 1, 1, 0, 0, 0)
SQL_FOLDER: Final = "sql/"
INDICATORS: Final = "indicators.yaml"
README: Final = """本压缩包为一份绩效评价报告及其全部证据。

*.pdf *.docx *.xlsx *.json   报告
*.intoto.jsonl               签名清单（in-toto Statement v1，DSSE，Ed25519或SM2）：各文件的SHA-256和全部数值
*.pub.pem                    公钥；请与办事处公布的指纹核对
indicators.yaml              指标文件
report.schema.json           JSON的结构
sql/                         全部查询语句
parameters.json              各查询的参数
partitions.json              逐日入库内容摘要

核对：anfang report verify --offline 本压缩包
"""


def bundle(record: Record, files: Mapping[str, bytes], indicators: bytes) -> bytes:
    """The zip's bytes; `files` are the report's, its manifest and its public key."""
    content = {
        **files,
        INDICATORS: indicators,
        SCHEMA.name: SCHEMA.read_bytes(),
        "README.txt": README.encode(),
        "parameters.json": _json({found.label: found.parameters for found in record.evidence}),
        "partitions.json": _json(
            {found.read.estate: found.records() for found in record.evidence if found.query == PARTITIONS}
        ),
        **{f"{SQL_FOLDER}{found.query}.sql": query(found.query).encode() for found in record.evidence},
    }
    return zipped(content)


def zipped(content: Mapping[str, bytes]) -> bytes:
    """A zip of {name: bytes} in the order of the names, without times."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(content):
            member = zipfile.ZipInfo(name, EPOCH)
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(member, content[name])
    return target.getvalue()


def unzipped(archive: bytes) -> dict[str, bytes]:
    """The files of a zip. Raises zipfile.BadZipFile."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {member.filename: opened.read(member) for member in opened.infolist() if not member.is_dir()}


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
