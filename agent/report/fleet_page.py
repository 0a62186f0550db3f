"""Turn the style and the script of the page into a C header, with the hashes that its policy names.

Usage: fleet_page.py STYLE SCRIPT HEADER, while building.
"""

import base64
import hashlib
import sys
from pathlib import Path


def literal(text):
    lines = text.split("\n")
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '\\n"\n    "'.join(escaped)


def main(style, script, header):
    out = []
    for name, path in [("style", style), ("script", script)]:
        text = Path(path).read_text(encoding="ascii")
        assert "</" not in text, f"{path} would end its element"
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        out.append(f'#define PAGE_{name.upper()}_HASH "sha256-{digest}"')
        out.append(f'static const char page_{name}[] =\n    "{literal(text)}";')
    Path(header).write_text("\n".join(out) + "\n", encoding="ascii")


main(*sys.argv[1:])
