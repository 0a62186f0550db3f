#!/usr/bin/env python3
"""Compare outputs of the program with a schema: schemas.py SCHEMA OUTPUT.json...

Each output must fit the schema also when that refuses every member that it does not describe, and
each member that it describes must be in one of the outputs. The schema itself lets members be added."""
import copy
import json
import sys

import jsonschema

sys.dont_write_bytecode = True
from schema_tools import instance_paths, paths, strict

failures = 0


def fail(text):
    global failures
    failures += 1
    print("FAILED:", text, file=sys.stderr)


def with_additions(value, schema):
    """The document with one more member in every object that has a fixed set of them."""
    if isinstance(value, list):
        return [with_additions(item, schema) for item in value]
    if not isinstance(value, dict):
        return value
    result = {name: with_additions(member, schema) for name, member in value.items()}
    if not all(isinstance(member, dict) for member in value.values()):
        result["added later"] = [1]
    return result


def main():
    with open(sys.argv[1], encoding="ascii") as stream:
        schema = json.load(stream)
    jsonschema.Draft202012Validator.check_schema(schema)
    published = jsonschema.Draft202012Validator(schema)
    refusing = jsonschema.Draft202012Validator(strict(schema))
    seen = set()
    for name in sys.argv[2:]:
        with open(name, encoding="ascii") as stream:
            document = json.load(stream)
        errors = list(refusing.iter_errors(document))
        for error in errors:
            fail(f"{name}: {error.json_path}: {error.message[:300]}")
        if errors:
            continue
        seen |= instance_paths(document, schema)
        added = with_additions(copy.deepcopy(document), schema)
        for error in published.iter_errors(added):
            fail(f"{name}: a member that is added later: {error.json_path}: {error.message[:300]}")
        if refusing.is_valid(added):
            fail(f"{name}: a member that is not described goes unnoticed")
    missing = paths(schema) - seen
    if missing:
        fail(f"described, and in none of the outputs: {sorted(missing)}")
    print(f"{len(sys.argv) - 2} outputs, {len(paths(schema))} members")
    sys.exit(failures > 0)


main()
