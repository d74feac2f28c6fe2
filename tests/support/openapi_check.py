#!/usr/bin/python3
"""Ask a coordinator for its OpenAPI document, check the document, then ask every GET route that
needs no parameter and hold its answer against the schema that the document names for it.

usage: openapi_check.py URL [CA-FILE TOKEN-FILE]
"""

import json
import ssl
import sys
import urllib.error
import urllib.request

import jsonschema

STREAM = "text/event-stream"


def opener(arguments):
    """A function that gets a path: status, media type, body."""
    context, headers = None, {"Host": "localhost"}
    if len(arguments) > 2:
        context = ssl.create_default_context(cafile=arguments[1])
        with open(arguments[2], encoding="ascii") as file:
            headers["Authorization"] = "Bearer " + file.read().strip()

    def get(path):
        request = urllib.request.Request(arguments[0] + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                kind = answer.headers.get_content_type()
                return answer.status, kind, b"" if kind == STREAM else answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get_content_type(), error.read()

    return get


def check_document(document):
    """What OpenAPI 3.1 asks of the parts that are used here."""
    problems = []
    schemas = document["components"]["schemas"]
    seen = set()
    for name, schema in schemas.items():
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            problems.append(f"schema {name}: {error.message}")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method.upper()} {path}"
            if operation["operationId"] in seen:
                problems.append(f"{where}: its operationId is not its own")
            seen.add(operation["operationId"])
            wanted = {part[1:-1] for part in path.split("/") if part.startswith("{")}
            given = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            if wanted != given:
                problems.append(f"{where}: parameters of the path are {given}, not {wanted}")
            for one in operation["parameters"]:
                if not one.get("description"):
                    problems.append(f"{where}: nothing is said of parameter {one['name']}")
            content = operation["responses"]["200"].get("content", {})
            for kind in content.values():
                reference = kind["schema"]["$ref"].rsplit("/", 1)[1]
                if reference not in schemas:
                    problems.append(f"{where}: there is no schema {reference}")
    return problems


def validator(document, reference):
    root = {"$ref": reference, "components": document["components"]}
    return jsonschema.Draft202012Validator(root, format_checker=jsonschema.FormatChecker())


def check_answer(document, path, answer, operation):
    status, kind, body = answer
    if status >= 400:
        if kind != "application/problem+json":
            return [f"{path}: status {status} is no problem but {kind}"]
        reference = "#/components/schemas/problem"
    else:
        content = operation["responses"]["200"].get("content")
        if not content:
            return []
        if kind not in content:
            return [f"{path}: it is {kind}, and said is {list(content)}"]
        reference = content[kind]["schema"]["$ref"]
    errors = validator(document, reference).iter_errors(json.loads(body))
    return [f"{path}: {'/'.join(map(str, error.path))}: {error.message}" for error in errors]


def main():
    get = opener(sys.argv[1:])
    document = json.loads(get("/api/v1/openapi.json")[2])
    problems = check_document(document)
    asked = 0
    for path, methods in document["paths"].items():
        if "get" not in methods:
            continue
        # what a path needs is not known here: whatever comes must be an answer or a problem
        concrete = path.replace("{id}", "1")
        if "{" in concrete:
            continue
        problems += check_answer(document, path, get(concrete), methods["get"])
        asked += 1
    for problem in problems:
        print(problem)
    print(f"{len(document['paths'])} paths, {asked} asked, {len(problems)} problems")
    return 1 if problems or not asked else 0


if __name__ == "__main__":
    sys.exit(main())
