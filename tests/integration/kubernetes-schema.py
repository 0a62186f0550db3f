#!/usr/bin/env python3
"""Checks manifests against the types of the Kubernetes API, as the official client knows them: a JSON
Schema is made of its models, in which no field is allowed that they do not have.

usage: kubernetes-schema.py MANIFEST"""

import re
import sys
from types import SimpleNamespace

import jsonschema
import yaml
from kubernetes.client import models

SCALARS = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "object": {},
    "datetime": {"type": "string"},
}
INT_OR_STRING = {"type": ["integer", "string"]}
KINDS = {
    ("v1", "Namespace"): "V1Namespace",
    ("v1", "ConfigMap"): "V1ConfigMap",
    ("apps/v1", "DaemonSet"): "V1DaemonSet",
}


def required(model):
    """What may not be None."""
    names = []
    for name in model.openapi_types:
        checks = SimpleNamespace(client_side_validation=False)
        empty = model(local_vars_configuration=checks)
        checks.client_side_validation = True
        try:
            setattr(empty, name, None)
        except ValueError:
            names.append(model.attribute_map[name])
    return names


def schema_of(kind, definitions):
    match = re.fullmatch(r"list\[(.*)\]", kind)
    if match:
        return {"type": "array", "items": schema_of(match[1], definitions)}
    match = re.fullmatch(r"dict\(str, (.*)\)", kind)
    if match:
        return {"type": "object", "additionalProperties": schema_of(match[1], definitions)}
    if kind in SCALARS:
        return SCALARS[kind]
    if kind not in definitions:
        model = getattr(models, kind)
        definitions[kind] = {}  # it may contain itself
        definitions[kind] = {
            "type": "object",
            "additionalProperties": False,
            "required": required(model),
            "properties": {
                model.attribute_map[name]: INT_OR_STRING
                if name in ("max_unavailable", "max_surge", "port", "target_port")
                else schema_of(what, definitions)
                for name, what in model.openapi_types.items()
            },
        }
    return {"$ref": f"#/definitions/{kind}"}


def main():
    errors = 0
    with open(sys.argv[1], encoding="utf-8") as file:
        documents = list(yaml.safe_load_all(file))
    for document in documents:
        definitions = {}
        kind = KINDS[document["apiVersion"], document["kind"]]
        schema = {**schema_of(kind, definitions), "definitions": definitions}
        for error in jsonschema.Draft7Validator(schema).iter_errors(document):
            print(f"{document['kind']}: /{'/'.join(map(str, error.absolute_path))}: {error.message}")
            errors += 1
    sys.exit(1 if errors or not documents else 0)


main()
