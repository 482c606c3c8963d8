"""Builds the wheel that carries the `keyward` binary.

A wheel is a zip with three files of metadata (PEP 427); the binary goes into
the scripts folder and manual pages and completions into `share/`, so that
`pip install` puts them where the environment's own programs lie. Nothing but
the standard library is used, and the same input gives the same bytes.

usage: build_wheel.py --version V --platform TAG --binary FILE --share DIR
                      --readme FILE --license FILE [--license FILE] --out DIR
"""

import argparse
import base64
import hashlib
import pathlib
import zipfile

NAME = "keyward"
EPOCH = (1980, 1, 1, 0, 0, 0)

METADATA = """\
Metadata-Version: 2.1
Name: {name}
Version: {version}
Summary: The whole life of an API key in one binary
License: MIT OR Apache-2.0
Requires-Python: >=3.8
Classifier: Environment :: Console
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Rust
Classifier: Topic :: Security
Description-Content-Type: text/markdown

{readme}"""

WHEEL = """\
Wheel-Version: 1.0
Generator: keyward-xtask
Root-Is-Purelib: false
{tags}
"""


class Wheel:
    """A zip that writes down the hash of each file it takes."""

    def __init__(self, path):
        self.zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9)
        self.record = []

    def add(self, name, data, mode=0o644):
        if isinstance(data, str):
            data = data.encode()
        entry = zipfile.ZipInfo(name, EPOCH)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = (0o100000 | mode) << 16
        self.zip.writestr(entry, data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        self.record.append(f"{name},sha256={digest},{len(data)}")

    def close(self, record_name):
        self.record.append(f"{record_name},,")
        self.zip.writestr(zipfile.ZipInfo(record_name, EPOCH), "\n".join(self.record) + "\n")
        self.zip.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", required=True)
    parser.add_argument("--platform", required=True, help="platform tags, joined by dots")
    parser.add_argument("--binary", required=True, type=pathlib.Path)
    parser.add_argument("--share", required=True, type=pathlib.Path)
    parser.add_argument("--readme", required=True, type=pathlib.Path)
    parser.add_argument("--license", action="append", default=[], type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    args = parser.parse_args()

    info = f"{NAME}-{args.version}.dist-info"
    data = f"{NAME}-{args.version}.data"
    path = args.out / f"{NAME}-{args.version}-py3-none-{args.platform}.whl"
    tags = "\n".join(f"Tag: py3-none-{tag}" for tag in args.platform.split("."))

    wheel = Wheel(path)
    wheel.add(f"{data}/scripts/{NAME}", args.binary.read_bytes(), 0o755)
    for file in sorted(args.share.rglob("*")):
        if file.is_file():
            inside = file.relative_to(args.share).as_posix()
            wheel.add(f"{data}/data/share/{inside}", file.read_bytes())
    for file in args.license:
        wheel.add(f"{info}/licenses/{file.name}", file.read_bytes())
    readme = args.readme.read_text()
    wheel.add(f"{info}/METADATA", METADATA.format(name=NAME, version=args.version, readme=readme))
    wheel.add(f"{info}/WHEEL", WHEEL.format(tags=tags))
    wheel.close(f"{info}/RECORD")
    print(path)


main()
