"""What tests ask of a JSON Schema of ours: which members it describes, and the same schema with
everything refused that it does not describe."""
import copy


def _resolve(schema, whole):
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return {**whole["$defs"][name], **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema


def paths(whole):
    """Every leaf as "devices[].keys[].rule.line"; a member named at will by its $comment, "KEY"."""
    found = set()

    def walk(schema, path):
        schema = _resolve(schema, whole)
        for option in schema.get("anyOf", []):
            walk(option, path)
        members = dict(schema.get("properties", {}))
        if isinstance(schema.get("additionalProperties"), dict):
            members[schema["additionalProperties"]["$comment"]] = schema["additionalProperties"]
        for name, member in members.items():
            walk(member, f"{path}.{name}" if path else name)
        if "items" in schema:
            walk(schema["items"], path + "[]")
        elif not members and "anyOf" not in schema:
            found.add(path)

    walk(whole, "")
    return found


def strict(whole):
    """The schema that also refuses members that it does not describe."""
    result = copy.deepcopy(whole)

    def walk(schema):
        if isinstance(schema, list):
            for item in schema:
                walk(item)
        if not isinstance(schema, dict):
            return
        if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
            schema["additionalProperties"] = False
        for name, item in schema.items():
            if name != "if":
                walk(item)

    walk(result)
    return result


def instance_paths(value, whole):
    """The leaves that a document has, in the words of paths(). Null and empty lists are leaves that
    say nothing of what could stand below them."""
    found = set()

    def walk(value, schema, path):
        schema = _resolve(schema, whole)
        if isinstance(value, dict):
            for name, member in value.items():
                described = schema.get("properties", {}).get(name)
                shown = name
                if described is None:
                    described = schema["additionalProperties"]
                    shown = described["$comment"]
                walk(member, described, f"{path}.{shown}" if path else shown)
        elif isinstance(value, list):
            for item in value:
                walk(item, schema["items"], path + "[]")
        else:
            found.add(path)

    walk(value, whole, "")
    return found
