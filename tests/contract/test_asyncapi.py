"""The published contract: asyncapi.yaml, and the exported JSON Schemas with their examples."""

import json
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from deploy.tools import asyncapi, generate
from services.shared.kafka import topics

CHECK = """
const {Parser} = require('@asyncapi/parser');
const text = require('fs').readFileSync(process.argv[1], 'utf8');
new Parser().parse(text).then(({document, diagnostics}) => {
  const errors = diagnostics.filter(each => each.severity === 0);
  errors.forEach(each => console.log(each.path.join('.'), each.message));
  process.exit(document && !errors.length ? 0 : 1);
});
"""


def schema(name: str) -> dict[str, Any]:
    exported: dict[str, Any] = json.loads((generate.EXPORTED / f"{name}.json").read_text(encoding="utf-8"))
    return exported


@pytest.mark.requirement("R7.3")
def test_every_topic_is_described_with_its_messages_and_operations() -> None:
    document = yaml.safe_load(asyncapi.FILE.read_text(encoding="utf-8"))
    described = {name for name, topic in topics.load().items() if topic.model is not None}
    assert document["channels"].keys() == described
    for operation in document["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in described
    for message in document["components"]["messages"].values():
        assert all((message["title"], message["summary"]))


@pytest.mark.requirement("R7.3")
@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_official_asyncapi_parser_accepts_the_document() -> None:
    node = shutil.which("node") or "node"
    installed = subprocess.run([node, "-e", "require('@asyncapi/parser')"], capture_output=True, check=False)
    if installed.returncode:
        pytest.skip("node does not find @asyncapi/parser: npm install it and set NODE_PATH")
    done = subprocess.run([node, "-e", CHECK, str(asyncapi.FILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.requirement("R7.3")
@pytest.mark.parametrize("name", sorted(name for name, topic in topics.load().items() if topic.model is not None))
def test_the_examples_are_valid_by_the_exported_schema(name: str) -> None:
    exported = schema(name)
    Draft202012Validator.check_schema(exported)
    assert all((exported["title"], exported["description"], exported["examples"]))
    for example in exported["examples"]:
        Draft202012Validator(exported).validate(example)
